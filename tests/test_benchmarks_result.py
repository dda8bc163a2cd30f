"""What all benchmarks share: a result is shown as tables, and written with the circumstances."""

from pathlib import Path

import pytest
from measuring.result import Figure, Result, Table, begin, finish

pytestmark = pytest.mark.hydra_free


def test_a_result_is_printed_as_tables_and_written_with_the_circumstances(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = Result(
        "speed",
        "How fast it is",
        "Measured with a watch.",
        [Table(["tool", "seconds"], [["ours", 1.5], ["theirs", 1234.5], ["nobody's", None]])],
        [Figure.at_most(2, "ours", 1.5), Figure.at_least(2, "factor", 1.0)],
        {"runs": 3},
    )
    path = tmp_path / "results/speed.json"
    finish(result, begin(), path)
    shown = capsys.readouterr().out
    assert "| theirs   |   1,234 |" in shown
    assert "| nobody's |       - |" in shown
    assert "| factor |        1 | at least 2 |  no |" in shown
    read, circumstances = Result.read(path)
    assert read == result
    assert {"machine", "cores", "load", "versions", "date", "commit"} <= circumstances.keys()

"""What all benchmarks share: a result is shown as tables, and written with the circumstances."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from measuring.attempts import Attempts
from measuring.page import BEGIN, END, PAGE, README, page, read_all, with_figures
from measuring.result import Figure, Result, Table, begin, finish
from run import is_done

pytestmark = pytest.mark.hydra_free


RESULT = Result(
    "speed",
    "How fast it is",
    "Measured with a watch.",
    [Table(["tool", "seconds"], [["ours", 1.5], ["theirs", 1234.5], ["nobody's", None]])],
    [Figure.at_most(2, "ours", 1.5), Figure.at_least(2, "factor", 1.0)],
    {"runs": 3},
)


def test_a_result_is_printed_as_tables_and_written_with_the_circumstances(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results/speed.json"
    finish(RESULT, begin(), path)
    shown = capsys.readouterr().out
    assert "| theirs   |   1,234 |" in shown
    assert "| nobody's |       - |" in shown
    assert "| factor |        1 | at least 2 |  no |" in shown
    read, circumstances = Result.read(path)
    assert read == RESULT
    assert {"machine", "cores", "load", "versions", "date", "commit", "seconds"} <= circumstances.keys()


def test_the_page_has_every_result_and_the_readme_every_figure(tmp_path: Path) -> None:
    finish(RESULT, {**begin(), "commit": "abc123", "versions": {"ax-platform": "1.3.1"}}, tmp_path / "speed.json")
    results = read_all(tmp_path)
    text = page(results)
    assert "## How fast it is" in text
    assert "| nobody's |       - |" in text
    assert "ax-platform 1.3.1" in text
    assert "abc123" in text
    readme = with_figures(f"# Ours\n{BEGIN}old\n{END}the rest\n", results)
    assert "| factor (speed) |" in readme
    assert "old" not in readme
    assert readme.startswith("# Ours\n")
    assert readme.endswith("the rest\n")


def test_a_part_that_fails_is_named_and_is_measured_again_next_time(tmp_path: Path) -> None:
    attempt, path = Attempts(), tmp_path / "speed.json"
    assert attempt("ours", lambda: 1.5) == 1.5
    assert attempt("theirs", lambda: subprocess.run([sys.executable, "-c", "exit(3)"], check=True)) is None
    with pytest.raises(SystemExit) as ended:
        finish(dataclasses.replace(RESULT, missing=attempt.missing), {**begin(), "commit": "abc123"}, path)
    assert ended.value.code == 1
    text = page(read_all(tmp_path))
    assert "Could not be measured: theirs (a command ended with 3)." in text
    assert "1,234" in text
    assert not is_done("speed", "abc123", tmp_path)


def test_the_pages_show_the_results_that_are_kept() -> None:
    results = read_all()
    assert PAGE.read_text() == page(results)
    assert README.read_text() == with_figures(README.read_text(), results)


def test_a_benchmark_is_done_if_it_was_measured_at_this_commit_and_nothing_differs_from_it(tmp_path: Path) -> None:
    assert not is_done("speed", "abc123", tmp_path)
    finish(RESULT, {**begin(), "commit": "abc123"}, tmp_path / "speed.json")
    assert is_done("speed", "abc123", tmp_path)
    assert not is_done("speed", "abc124", tmp_path)
    finish(RESULT, {**begin(), "commit": "abc123+"}, tmp_path / "speed.json")
    assert not is_done("speed", "abc123+", tmp_path)

"""The benchmark of sweeps with many trials, with few of them."""

import subprocess
import sys
from pathlib import Path

import pytest
from measuring.result import Result

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

pytestmark = pytest.mark.one_hydra


def test_sweeps_of_several_sizes_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "scale.json"
    command = [sys.executable, str(BENCHMARKS / "scale.py"), "--trials=6,12", "--at-once=4", "--json", str(path)]
    subprocess.run(command, check=True)
    measured, _ = Result.read(path)
    few, many = measured.raw["simulated"]
    assert (few["trials"], many["trials"]) == (6, 12)
    rows = {str(row[0]): row[1:] for row in measured.tables[0].rows}
    assert list(rows["memory, MB"]) == [few["memory_mb"], many["memory_mb"]]
    assert min(few["cpu_ms_per_trial"], many["journal_bytes_per_trial"]) > 0

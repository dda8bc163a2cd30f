"""The benchmark of the main job beside Ax's Orchestrator: one run of two short trainings each."""

import subprocess
import sys
from pathlib import Path

import pytest
from measuring.result import Result

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

pytestmark = pytest.mark.one_hydra


def test_both_ways_run_all_trainings_and_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "end_to_end.json"
    command = [sys.executable, str(BENCHMARKS / "end_to_end.py"), "--trials=2", "--slots=2", "--no-report"]
    subprocess.run([*command, "--json", str(path), "data.num_train=512", "data.num_val=256"], check=True)
    measured, _ = Result.read(path)
    ours, orchestrator = measured.tables[0].rows
    assert ours[1] == orchestrator[1] == 2
    assert measured.figures[0].value == pytest.approx(float(orchestrator[2] or 0) / float(ours[2] or 1))
    assert all(0 < float(row[4] or 0) <= 1 for row in (ours, orchestrator))

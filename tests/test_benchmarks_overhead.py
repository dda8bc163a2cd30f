"""The benchmark of a trial's overhead: CPU of a tree of processes, and one small run of it."""

import subprocess
import sys
from pathlib import Path

import pytest
from measuring.result import Result

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

ORPHAN = """
import subprocess, sys
burn = "import time; begin = time.process_time()\\nwhile time.process_time() < begin + 0.5: pass"
subprocess.Popen([sys.executable, "-c", burn], start_new_session=True)
"""

MEASURE = """
import sys
from pathlib import Path
from measuring.process_tree import run
ran = run([sys.executable, "-c", sys.argv[1]], Path("."), Path(sys.argv[2]), samples=True)
print(ran.cpu, ran.samples[-1][1])
"""


@pytest.mark.hydra_free
def test_the_cpu_time_of_a_job_that_outlives_its_parent_is_counted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MEASURE, ORPHAN, str(tmp_path / "log")]
    done = subprocess.run(command, cwd=BENCHMARKS, check=True, stdout=subprocess.PIPE, text=True)
    total, sampled = map(float, done.stdout.split())
    assert 0.5 <= total < 5
    assert 0.3 <= sampled <= total + 0.1


@pytest.mark.one_hydra
def test_the_overhead_of_a_trial_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "overhead.json"
    command = [sys.executable, str(BENCHMARKS / "overhead.py"), "--trials=1", "--first=1", "--seconds=0.1"]
    subprocess.run([*command, "--kinds=cold", "--json", str(path)], check=True)
    measured, _ = Result.read(path)
    assert [row[0] for row in measured.tables[0].rows] == ["cold"]
    assert len(measured.raw["cold"]["wall"]) == 1
    assert measured.raw["cold"]["wall"][0] > 0
    assert measured.raw["cold"]["cpu"][0] > 0.5  # the imports of torch and Lightning

"""`python app.py -m hydra/sweeper=ax_moo` in a small file system that is full for a while."""

import subprocess
import time
from pathlib import Path

import pytest
from killing import APP
from sweeping import NEAR_AND_FAR, journal_rows, run_sweep, start_sweep, wait_for_sweep, write_app
from tmpfs import mounted
from waiting import wait_until_none_is_left

pytestmark = pytest.mark.one_hydra

OPTIONS = (
    "hydra/launcher=async_local",
    "+x=interval(0,1)",
    NEAR_AND_FAR,
    "hydra.sweeper.method=sobol",
    "hydra.sweeper.n_jobs=3",
)


def test_a_sweep_on_a_full_disk_pauses_and_completes_after_space_is_freed(tmp_path: Path) -> None:
    project = write_app(tmp_path, APP)
    with mounted(tmp_path / "swept", "4m") as folder:
        process = start_sweep(project, *OPTIONS, "hydra.sweeper.n_trials=12")
        while not any(row.get("status") == "COMPLETED" for row in journal_rows(project)):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        # Nothing more can be written: by the sweep, by its running jobs, or by those that start.
        subprocess.run(["dd", "if=/dev/zero", f"of={folder / 'ballast'}", "bs=1k"], capture_output=True)
        time.sleep(10)
        assert process.poll() is None, process.communicate()
        full = journal_rows(project)
        assert len({row["trial"] for row in full[1:]}) < 12
        (folder / "ballast").unlink()
        swept = wait_for_sweep(project, process)
        assert (swept.code, [row["status"] for row in swept.last]) == (0, ["COMPLETED"] * 12), swept.out + swept.err
        assert "Paused" in swept.out
        assert "No space left" in swept.out or "is full" in swept.out
        assert (folder / "trials.csv").read_text().count("COMPLETED") == 12
        # A job's controller ends a moment after the job's result is there, and keeps the place of its note until then.
        wait_until_none_is_left(lambda: _unfinished(folder), 60)


def _unfinished(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith((".tmp", ".new", ".save_tmp"))]


def test_a_folder_on_a_read_only_file_system_is_a_mistake_found_before_any_job(tmp_path: Path) -> None:
    project = write_app(tmp_path, APP)
    with mounted(tmp_path / "swept", "1m") as folder:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        swept = run_sweep(project, *OPTIONS, "hydra.sweeper.n_trials=1")
        assert swept.code == 2
        assert "hydra.sweep.dir: cannot write to" in swept.err
        assert "Read-only file system" in swept.err
        assert "Traceback" not in swept.err
        assert list(folder.iterdir()) == []

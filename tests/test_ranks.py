"""What a trial starts again with its own command line, as Lightning starts ranks, belongs to the trial."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from killing import processes_of
from sweeping import run_sweep, write_app
from waiting import wait_until_none_is_left

from ax_moo.jobs.ranks import end_ranks

APP = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig
import ax_moo

def started_again():
    import __main__
    program = [os.path.abspath(sys.argv[0])] if __main__.__spec__ is None else ["-m", __main__.__spec__.name]
    command = [sys.executable, *program, *sys.argv[1:]]
    job = HydraConfig.get()
    # What Lightning adds.
    command += [f'hydra.run.dir="{job.run.dir}"', "hydra.job.name=rank_1", "hydra.output_subdir=null"]
    return subprocess.Popen(command, env={**os.environ, "LOCAL_RANK": "1"}, cwd=hydra.utils.get_original_cwd())

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config):
    job, rank = HydraConfig.get(), int(os.environ.get("LOCAL_RANK", 0))
    said = {"rank": rank, "x": config.x, "text": config.text, "num": job.job.num, "id": job.job.id, "cwd": os.getcwd(),
            "folder": job.runtime.output_dir, "under": job.sweep.dir, "stop": ax_moo.should_stop(),
            "warning": rank == 0 or signal.getsignal(signal.SIGUSR2).name}
    with open(Path(job.runtime.output_dir) / "ranks", "a") as file:
        file.write(json.dumps(said) + "\\n")
    ax_moo.report(step=1, rank=rank)
    if rank:
        time.sleep(600 * config.hangs)
        return -1.0
    os.environ["LOCAL_RANK"] = "0"
    process = started_again()
    while not config.hangs and process.poll() is None:
        time.sleep(0.01)
    assert not process.returncode
    return float(config.x)

if __name__ == "__main__":
    main()
"""
CONFIG = """
x: 0.5
text: ''
hangs: false
hydra:
  mode: MULTIRUN
"""
OPTIONS = ("x=interval(0,1)", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2", "hydra.sweeper.method=sobol")


def project_at(project: Path) -> Path:
    write_app(project, CONFIG, "conf/config.yaml")
    return write_app(project, APP)


def ranks(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "ranks").read_text().splitlines()]


@pytest.mark.parametrize("launcher", ["async_local", "basic", "submitit_local"])
def test_it_has_the_trial_s_config_and_folder_and_writes_nothing_there(tmp_path: Path, launcher: str) -> None:
    project = project_at(tmp_path / "it's a $HOME, [really]")
    swept = run_sweep(project, *OPTIONS, f"hydra/launcher={launcher}", "hydra.job.chdir=true", "text='it\\'s, {a}=b'")
    assert swept.code == 0, swept.err
    assert [row["outcome"]["objective"] for row in swept.last] == [row["parameterization"]["x"] for row in swept.last]
    for row in swept.last:
        folder = swept.folder / str(row["trial"])
        first, second = ranks(folder)
        assert first == {**second, "rank": 0, "warning": True}
        assert (second["rank"], second["x"], second["text"]) == (1, row["parameterization"]["x"], "it's, {a}=b")
        assert second["warning"] == "SIG_IGN"
        assert (second["folder"], second["cwd"]) == (str(folder), str(folder))
        assert "mode: MULTIRUN" in (folder / ".hydra/hydra.yaml").read_text()
        assert (folder / "metrics.jsonl").read_text().count("\n") == 1
    assert sorted(path.name for path in swept.folder.iterdir() if path.name.isdigit()) == ["0", "1"]


@pytest.mark.one_hydra
def test_it_ends_with_its_trial(tmp_path: Path) -> None:
    swept = run_sweep(project_at(tmp_path), *OPTIONS, "hydra/launcher=async_local", "hangs=true")
    assert [row["status"] for row in swept.last] == ["COMPLETED"] * 2
    wait_until_none_is_left(lambda: processes_of(tmp_path), seconds=20)


def test_what_has_another_command_line_goes_on() -> None:
    with end_ranks():
        process = psutil.Popen(["sleep", "60"])
    assert process.is_running()
    process.kill()
    process.wait()
    assert os.environ.get("AX_MOO_RANK_OF") is None


@pytest.mark.one_hydra
def test_lightning_does_not_kill_the_process_for_a_rank_that_failed_before_its_trial_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from lightning_fabric.strategies.launchers import subprocess_script

    monkeypatch.setattr(sys, "argv", ["app.py", "hydra.mode=RUN"])
    sweeper = subprocess.Popen(["sleep", "60"])
    with end_ranks():
        rank = subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)", *sys.argv[1:]])
        os.waitid(os.P_PID, rank.pid, os.WEXITED | os.WNOWAIT)
        observer = subprocess_script._ChildProcessObserver(sweeper.pid, [rank], sleep_period=1)
        observer.start()
    observer.join()
    assert sweeper.poll() is None
    sweeper.kill()
    sweeper.wait()

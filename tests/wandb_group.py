"""A sweep folder, and its group of W&B runs as the sweep and its trials log them with wandb's real client."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fakes import TWO_OBJECTIVES, problem
from wandb_server import FakeWandb

from ax_moo import measurements
from ax_moo.storage.journal import Journal
from ax_moo.trial import Job, Outcome, Trial, TrialStatus

TWO = problem("x=interval(0, 1)", "opt=choice(adam, 'a,b')", objectives=TWO_OBJECTIVES)
CURVE = (0.1, 0.1 + 0.2, 0.5)
"""What f was at the end of each epoch of a completed trial."""

DELETED = 58
"""So many lines of an earlier sweep in the same folder, which was deleted, are in the sweep's run before its own."""

TRIALS = (0, 2)
"""The completed ones, which have a run and a curve."""

CLIENT = """
import json, os, pathlib, signal, sys, time
import psutil, wandb
from ax_moo.wandb.sync import read_run

asked = json.loads(sys.stdin.read())
common = dict(project="search", group=asked["group"], resume="allow", mode=asked["mode"])
settings = dict(console="off", silent=True, x_stats_sampling_interval=3600)
lines = enumerate(asked["lines"], start=1)
about = {"ax_moo": {"header": asked["lines"][0]}}
with wandb.init(id=f"{asked['id']}-sweep", job_type="sweep", config=about, settings=settings, **common) as run:
    for number in range(2, asked["deleted"] + 2):
        run.log({"journal_line": number, "journal": f"deleted {number}"})
    for number, line in lines:
        if number not in asked["without"]:
            run.log({"journal_line": number, "journal": line, "running": 1})
    run.log({"journal_line": number, "journal": line})  # once more, as after a resume
for trial in asked["trials"]:
    with wandb.init(id=f"{asked['id']}-{trial}", job_type="trial", config={"trial": trial, "x": 1},
                    settings=settings, **common) as run:
        for epoch, f in enumerate(asked["curve"]):
            run.log({"train_loss": 1.0, "epoch": epoch, "trainer/global_step": 10 * epoch})
            run.log({"f": f, "epoch": epoch, "trainer/global_step": 10 * epoch + 9})
        run.summary["g"] = 7
if asked["killed"] is not None:
    trial = asked["killed"]
    settings["x_transaction_log_flush_interval"] = 0.1
    run = wandb.init(id=f"{asked['id']}-{trial}", job_type="trial", config={"trial": trial},
                     settings=settings, **common)
    run.log({"f": 0.7, "epoch": 0})
    (file,) = pathlib.Path(run.dir).parent.glob("*.wandb")
    while read_run(file).last_step < 0:  # the summary is written before the history, once or twice
        time.sleep(0.05)
    for child in psutil.Process().children():
        child.kill()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def make_sweep(folder: Path, has_ended: bool = False) -> Path:
    """A journal with a trial in each state that tells something: with an SEM, failed for a long reason, running."""
    journal = Journal(folder)
    journal.begin(TWO.to_dict(), {"time": 9.0, "n_trials": 4, "seed": 1, "method": "auto"})
    points = [{"x": 0.1 + 0.2, "opt": "a,b"}, {"x": 1 / 3, "opt": "adam"}, {"x": 0.5, "opt": "adam"}]
    for index, point in enumerate(points):
        staged = Trial(index, point, generation_node="Sobol", time=10.0 + index)
        journal.record(staged)
        journal.record(staged.to(TrialStatus.RUNNING, job=Job(f"job-{index}", f"/jobs/{index}"), time=11.5 + index))
    running = {trial.index: trial for trial in _last(folder)}
    journal.record(_done(running[0], {"f": (0.5, 0.0123456789012345), "g": 0.1 + 0.7}))
    journal.record(running[1].to(TrialStatus.FAILED, reason='ValueError: "ä" <script>' + 40_000 * "!", time=14.0))
    journal.record(_done(running[2], {"f": (0.25, 0.005), "g": 1e-17, "epoch": 3.0}))
    last = Trial(3, {"x": 0.9, "opt": "a,b"}, time=20.0)
    journal.record(last)
    journal.record(last.to(TrialStatus.RUNNING, job=Job("job-3", "/jobs/3"), time=21.0))
    if has_ended:
        journal.record(_last(folder)[3].to(TrialStatus.FAILED, reason="exit code 9, no result written", time=22.0))
    journal.close()
    for trial in TRIALS:
        rows = [{"step": epoch, "time": 1.0, "metrics": {"f": f}} for epoch, f in enumerate(CURVE, start=1)]
        path = folder / str(trial) / measurements.MEASUREMENTS_FILE
        path.parent.mkdir()
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def log_group(
    server: FakeWandb,
    folder: Path,
    group: str,
    run_id: str,
    *,
    mode: str = "online",
    without: Sequence[int] = (),
    killed: int | None = None,
) -> None:
    """Log what the sweep in the folder and its trials would, but for some lines of the journal.

    ``run_id`` is what the runs' ids begin with; ``killed`` is a trial whose job is killed after its first epoch.
    """
    asked = {
        "group": group,
        "id": run_id,
        "mode": mode,
        "lines": (folder / "sweep.jsonl").read_text().splitlines(),
        "without": list(without),
        "trials": TRIALS,
        "curve": CURVE,
        "deleted": DELETED,
        "killed": killed,
    }
    command = [sys.executable, "-c", CLIENT]
    environment = {**server.environment(), "WANDB_DIR": str(folder)}
    ended = subprocess.run(command, input=json.dumps(asked), env=environment, text=True, timeout=120)
    assert ended.returncode == (0 if killed is None else -signal.SIGKILL)


def _last(folder: Path) -> list[Trial]:
    from ax_moo.storage.journal import trials

    return trials(folder)


def _done(trial: Trial, outcome: Outcome) -> Trial:
    return trial.to(TrialStatus.COMPLETED, outcome=outcome, time=15.0 + trial.index / 3)

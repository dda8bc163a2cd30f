"""A sweep that is killed and started again, and what has to hold when it has come to its end."""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
from command_line import SWEEPER, Ended, Started, command_line
from kill_points import POINTS
from sweeping import NEAR_AND_FAR, SWEEP_DIR, write_app
from waiting import wait_until_none_is_left

from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.problem.problem import Problem
from ax_moo.storage import journal

KILLED = -signal.SIGKILL

APP = """
import os
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config: DictConfig) -> dict[str, float]:
    # One write of one line: trials of several processes do not mix.
    begun = os.open(Path(HydraConfig.get().sweep.dir, "begun"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(begun, f"{HydraConfig.get().job.num}\\n".encode())
    time.sleep(0.2 + config.x)
    while config.get("hold") and not Path(hydra.utils.get_original_cwd(), "go").exists():
        time.sleep(0.05)
    return {"near": config.x**2, "far": (config.x - 1) ** 2}


if __name__ == "__main__":
    main()
"""
OPTIONS = (
    "-m",
    "hydra/sweeper=ax_moo",
    "hydra.sweeper.report=false",
    "+x=interval(0,1)",
    NEAR_AND_FAR,
    "hydra.sweeper.method=sobol",
    "hydra.sweeper.n_jobs=3",
)


class Killable:
    """One sweep and its lives."""

    def __init__(self, project: Path, launcher: str, *options: str, folder: str = SWEEP_DIR) -> None:
        self.project = write_app(project, APP)
        self.name = folder
        self._launcher = launcher
        self._given = options

    @property
    def folder(self) -> Path:
        return self.project / self.name

    @property
    def _options(self) -> tuple[str, ...]:
        return (*OPTIONS, f"hydra/launcher={self._launcher}", f"hydra.sweep.dir='{self.name}'", *self._given)

    def live(self, *options: str, kill_at: str | None = None, kill_after_s: float | None = None) -> Ended:
        """One life of the sweep: to its end, to a point such as staged:3, or for some seconds."""
        started = self.begin(*options, kill_at=kill_at)
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            with suppress(ProcessLookupError):
                os.kill(started.pid, signal.SIGKILL)
        return started.end()

    def begin(self, *options: str, kill_at: str | None = None) -> Started:
        environment = {**os.environ, "KILL_AT": kill_at} if kill_at else os.environ
        forks, app = command_line(*SWEEPER), self.project / "app.py"
        return forks.start(self.project, *self._options, *options, app=app, environment=environment)

    def move(self, name: str) -> None:
        """Give the sweep folder another name, while no job of the sweep runs."""
        wait_until_none_is_left(self.running_jobs, seconds=60)
        if self.folder.exists():
            self.folder.rename(self.project / name)
        self.name = name

    def running_jobs(self) -> list[Path]:
        """The pickles of local jobs that have not ended, in the sweep folder or in its own part of a shared one."""
        header = journal.header(self.folder)
        own = [] if header is None else self.project.glob(f"*/.submitit/{journal.id_of(header)}")
        pickles = (pickle for base in (self.folder / ".submitit", *own) for pickle in base.rglob("*_submitted.pkl"))
        return [pickle for pickle in pickles if not _ended(pickle).exists()]

    def die_at_random(self, times: int, longest_s: float) -> list[int]:
        """Lives that are killed at random moments; their exit codes."""
        moments = random.Random(1)
        budget = "hydra.sweeper.n_trials=1000"
        return [self.live(budget, kill_after_s=moments.uniform(0, longest_s)).code for _ in range(times)]

    def end(self, least: int = 0) -> Ended:
        """A last life that starts no more trials than there are, if there are that many."""
        known = len(journal.trials(self.folder))
        return self.live(f"hydra.sweeper.n_trials={max(least, known)}")


def _ended(pickle: Path) -> Path:
    return pickle.with_name(pickle.name.replace("_submitted.pkl", "_exit.json"))


def processes_of(folder: Path) -> list[str]:
    """The processes that have the folder's path, or a part of it, among their words."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(str(folder) in word for word in words):
            found.append(" ".join(words))
    return found


def check_kills_at_each_point(swept: Killable) -> None:
    """Kill it at each point of the crash table: among the trials of its first round, and among the ones that follow."""
    for trials in ((1, 1, 1, 2, 2, 2), (9, 9, 9, 10, 11, 11)):
        for point, trial in zip(POINTS, trials, strict=True):
            assert swept.live("hydra.sweeper.n_trials=16", kill_at=f"{point}:{trial}").code == KILLED, (point, trial)
    check_nothing_was_lost_or_run_twice(swept, swept.live("hydra.sweeper.n_trials=16"))


def check_nothing_was_lost_or_run_twice(swept: Killable, ended: Ended) -> None:
    trials = journal.trials(swept.folder)
    assert ended.code == 0, ended.stderr
    assert Counter(trial.status for trial in trials) == {"COMPLETED": len(trials)}
    assert [trial.index for trial in trials] == list(range(len(trials)))
    assert [trial.attempt for trial in trials] == [1] * len(trials)
    begun = (swept.folder / "begun").read_text().split()
    assert Counter(map(int, begun)) == dict.fromkeys(range(len(trials)), 1)
    check_ax_holds_each_observation_once(swept)


def check_each_result_is_the_trials_own(swept: Killable) -> None:
    for trial in journal.trials(swept.folder):
        x = trial.parameterization["x"]
        assert trial.outcome == {"near": x**2, "far": (x - 1) ** 2}, f"trial {trial.index} of {swept.name}"


def check_ax_holds_each_observation_once(swept: Killable) -> None:
    header = journal.header(swept.folder)
    assert header is not None
    optimizer = AxOptimizer(Problem.from_dict(header["problem"]), "sobol", header["seed"])
    optimizer.replay(journal.last_states(swept.folder))
    rows = optimizer.client._experiment.lookup_data().df
    held = Counter(zip(rows["trial_index"], rows["metric_name"], strict=True))
    completed = [trial for trial in journal.last_states(swept.folder) if trial.status == "COMPLETED"]
    expected = [(trial.index, name) for trial in completed for name in ("near", "far")]
    assert held == Counter(expected)
    assert set(held.values()) == {1}

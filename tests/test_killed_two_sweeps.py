"""kill -9 of two sweeps with one folder for the files of their jobs, whose own folders are moved between lives."""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from killing import KILLED, Killable, check_each_result_is_the_trials_own, check_nothing_was_lost_or_run_twice

pytestmark = pytest.mark.one_hydra

KILLS, SEED = int(os.environ.get("KILLS", "6")), int(os.environ.get("KILLS_SEED", "1"))
NAMES = ("10%training", "100%", "%j of %A", "%a%t", "100%%", "%d %s", "plain")


def test_every_result_is_that_of_its_own_trial(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    shared = (f"hydra.launcher.submitit_folder='{tmp_path}/shared/.submitit'", "hydra.sweeper.n_jobs=2")
    sweeps = [Killable(tmp_path, "async_local", *shared, folder=f"{each} {NAMES[each]}") for each in range(2)]
    codes: list[int] = []
    for life in range(KILLS // 2):
        codes += killed_at_random_moments(sweeps, chance)
        for number, swept in enumerate(sweeps):
            swept.move(f"{number}-{life} {chance.choice(NAMES)}")
    assert codes == [KILLED] * len(codes)
    for swept in sweeps:
        check_nothing_was_lost_or_run_twice(swept, swept.end(least=4))
        check_each_result_is_the_trials_own(swept)


def killed_at_random_moments(sweeps: list[Killable], chance: random.Random) -> list[int]:
    """The exit codes of lives at the same time, each of which is killed within five seconds."""
    now = time.monotonic()
    started = [(now + chance.uniform(1.0, 5.0), swept.begin("hydra.sweeper.n_trials=1000")) for swept in sweeps]
    for moment, process in sorted(started, key=lambda each: each[0]):
        time.sleep(max(0.0, moment - time.monotonic()))
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    return [process.end().code for _, process in started]

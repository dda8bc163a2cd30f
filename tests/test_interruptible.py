"""The end of a sweep whose next candidate is still being computed, or whose optimizer is still being built."""

import importlib
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ax_moo.optimizer.interruptible import Interruptible, uninterrupted

pytestmark = pytest.mark.hydra_free

SWEEP = """
import sys, tempfile, threading, time
from pathlib import Path
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from ax_moo.storage import stop_request
from ax_moo.sweep.settings import Settings
from ax_moo.sweep.loop import Sweep

folder = Path(tempfile.mkdtemp())

class Endless(ListedCandidates):
    def ask(self, index):
        if index < 2:
            return super().ask(index)
        stop_request.ask(folder, stop_request.StopRequest.FINISH)
        caught = 0
        while True:
            try:
                time.sleep(0.01)
            except BaseException:
                caught += 1
                if caught > 1:
                    raise

launcher = ScriptedLauncher(two_objectives)
ending = Sweep(problem(objectives=TWO_OBJECTIVES), Settings(n_jobs=2), launcher, folder, lambda known: Endless()).run()
print(ending.stop_reason, len(ending.trials))
sys.exit(ending.exit_code)
"""

BUILD = """
import sys, tempfile, time
from pathlib import Path
from fakes import TWO_OBJECTIVES, ScriptedLauncher, problem, two_objectives
from ax_moo.storage import stop_request
from ax_moo.sweep.settings import Settings
from ax_moo.sweep.loop import Sweep

folder = Path(tempfile.mkdtemp())

def build(known):
    stop_request.ask(folder, stop_request.StopRequest.FINISH)
    while True:  # a long journal is replayed
        time.sleep(0.01)

launcher = ScriptedLauncher(two_objectives)
ending = Sweep(problem(objectives=TWO_OBJECTIVES), Settings(n_jobs=2), launcher, folder, build).run()
print(ending.stop_reason, len(ending.trials))
sys.exit(ending.exit_code)
"""

FIT = """
import random, sys, time
from fakes import TWO_OBJECTIVES, problem
from ax_moo.optimizer.background import BackgroundOptimizer
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.trial import Trial, TrialStatus

def build():
    draw = random.Random(0).random
    points = [{"x": draw(), "y": draw()} for _ in range(40)]
    optimizer = AxOptimizer(problem(objectives=TWO_OBJECTIVES), seed=1)
    done = dict(generation_node="", status=TrialStatus.COMPLETED, time=0.0)
    outcomes = [{"f": point["x"] - point["y"], "g": point["x"] * point["y"]} for point in points]
    trials = enumerate(zip(points, outcomes))
    optimizer.replay([Trial(index=i, parameterization=x, outcome=y, **done) for i, (x, y) in trials])
    ask = optimizer.ask
    def ask_on(index):
        while True:
            ask(index)
            index += 1
    optimizer.ask = ask_on
    return optimizer

def is_in_a_fit():
    for frame in sys._current_frames().values():
        while frame is not None:
            if "botorch/optim" in frame.f_code.co_filename:
                return True
            frame = frame.f_back
    return False

with BackgroundOptimizer(build) as asking:
    asking.ask(40, 0)
    while not is_in_a_fit():
        assert asking.is_computing, "the candidate was ready before the fit was seen"
        time.sleep(0.001)
    time.sleep(float(sys.argv[1]))
print("left")
"""

LOCK = """
import logging, time
from concurrent.futures import ThreadPoolExecutor
from ax_moo.optimizer.interruptible import Interruptible

def work():
    while True:
        for level in range(50):
            logging.getLogger("ended").setLevel(level)
        for _ in range(2000):
            pass

for attempt in range(10):
    with ThreadPoolExecutor(1) as thread:
        interruptible = Interruptible()
        future = thread.submit(interruptible.run, work)
        time.sleep(attempt / 1000)
        interruptible.end()
        assert isinstance(future.exception(60), SystemExit)
    logging.getLogger("other").setLevel(0)
print("ended 10 times")
"""


def _ended(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "ignore", "-c", script, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_a_sweep_ends_without_the_candidate_that_nobody_needs_any_more() -> None:
    """Even where somebody on the way catches what is to end it."""
    ended = _ended(SWEEP)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "ax-moo stop asked the sweep to end 2\n", "")


def test_a_sweep_ends_without_the_optimizer_that_nobody_needs_any_more() -> None:
    """Replaying a long journal takes many seconds."""
    ended = _ended(BUILD)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "ax-moo stop asked the sweep to end 0\n", "")


def test_a_fit_of_ax_is_ended_and_the_process_with_it() -> None:
    ended = _ended(FIT, "0")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "left\n", "")


def test_an_import_is_not_interrupted_and_not_waited_for_and_the_work_ends_after_it() -> None:
    interruptible, imports, may_go_on = Interruptible(), threading.Event(), threading.Event()
    done: list[str] = []

    def work() -> None:
        with uninterrupted():
            imports.set()
            assert may_go_on.wait(60)
            done.append("import")
        done.append("rest")

    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(interruptible.run, work)
        assert imports.wait(60)
        interruptible.end()
        assert not future.done()
        may_go_on.set()
        assert isinstance(future.exception(60), SystemExit)
    assert done == ["import"]


def test_the_work_does_not_end_within_the_standard_library_where_it_would_leave_a_lock_behind() -> None:
    ended = _ended(LOCK)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ended 10 times\n", "")


def test_the_work_does_not_end_within_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_in_a_fit.py").write_text("for _ in range(20_000_000): pass\nis_whole = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    interruptible, begun = Interruptible(), threading.Event()

    def work() -> None:
        begun.set()
        importlib.import_module("imported_in_a_fit")
        while True:
            time.sleep(0.001)

    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(interruptible.run, work)
        assert begun.wait(60)
        interruptible.end()
        assert isinstance(future.exception(60), SystemExit)
    assert sys.modules["imported_in_a_fit"].is_whole

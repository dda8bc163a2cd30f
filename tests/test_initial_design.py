"""The candidates that need no Ax: they are Ax's own, and the first jobs start without it."""

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from quick import loop_without_pause  # noqa: F401

from ax_moo.jobs.launcher import JobRequest
from ax_moo.optimizer.base import Lookahead, Method, SearchSpaceExhausted
from ax_moo.optimizer.bayes.ax_client import AxOptimizer
from ax_moo.optimizer.first_points import initial_design
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.optimizer.first_points.sobol import MOST_DIMENSIONS, sobol
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.settings import Settings
from ax_moo.trial import Trial, TrialStatus

pytestmark = pytest.mark.one_hydra

TWO = problem(objectives=TWO_OBJECTIVES)
SPACES = [
    (
        "x=interval(0, 1)",
        "h=int(tag(log, interval(4, 64)))",
        "b=tag(ordered, choice(32, 64, 128))",
        "c=choice(p, q, r)",
    ),
    ("x=interval(-3.7, 11.1)", "l=tag(log, interval(1e-7, 0.03))", "n=int(interval(-5, 5))", "t=choice(true, false)"),
    ("n=int(interval(1, 3))", "s=choice(8, 1, 2)", "two=choice(b, a)"),
    ("a=choice(x, 1, 2.5, true)", "r=range(0, 100, 7)", "f=choice(0.5, 0.1, 3.0)", "j=interval(0.0, 0.1)"),
    ("big=int(tag(log, interval(1, 100000)))", "huge=int(interval(0, 1000000000))", "y=interval(1e-300, 1e300)"),
]


@pytest.mark.parametrize("dimensions", [1, 6, MOST_DIMENSIONS])
@pytest.mark.parametrize("seed", [0, 7, 2**31, 2**32 - 1])
def test_the_sobol_points_are_those_of_torch(dimensions: int, seed: int) -> None:
    engine = torch.quasirandom.SobolEngine(dimensions, scramble=True, seed=seed)
    expected = [engine.draw(1, dtype=torch.double)[0].tolist() for _ in range(40)]
    assert list(itertools.islice(sobol(dimensions, seed), 40)) == expected


def _told(trial: Trial, is_failed: bool) -> Trial:
    if is_failed:
        return trial.to(TrialStatus.FAILED, reason="boom")
    return trial.to(TrialStatus.COMPLETED, outcome={"f": 0.1 * trial.index, "g": 0.5})


def _answer(ask: Any) -> Any:
    try:
        return ask()
    except SearchSpaceExhausted as error:
        return str(error)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("method", ["auto", "sobol", "random"])
@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_design_proposes_what_ax_would_propose(space: tuple[str, ...], method: str, seed: int) -> None:
    """One trial in four fails, and two are pending."""
    here = problem(*space, objectives=TWO_OBJECTIVES)
    n_initial = 5 if method == "auto" else None
    design, ax = InitialDesign(here, Method(method), seed, n_initial), AxOptimizer(here, method, seed, n_initial)
    pending: list[Trial] = []
    for index in range(12):
        candidate = _answer(design.ask)
        if candidate is None:
            break
        assert candidate == _answer(lambda index=index: ax.ask(index))
        if isinstance(candidate, str):
            break
        pending.append(Trial(index, candidate.parameterization, arm=candidate.arm))
        design.accept(pending[-1])
        if len(pending) > 2:
            finished = _told(pending.pop(0), is_failed=index % 4 == 3)
            design.tell(finished)
            ax.tell(finished)
    assert index > 4


def test_initial_points_come_first_and_then_no_centre() -> None:
    point = {"x": 0.25, "y": 0.75}
    design, ax = InitialDesign(TWO, Method.AUTO, 3, 4, [point]), AxOptimizer(TWO, seed=3, n_initial=4, initial=[point])
    for index, node in enumerate(["initial", "Sobol", "Sobol", "Sobol"]):
        candidate = design.ask()
        assert candidate is not None
        assert candidate == ax.ask(index)
        assert candidate.generation_node == node
        design.accept(Trial(index, candidate.parameterization))


def test_a_design_that_is_replayed_goes_on_where_it_was() -> None:
    trials: list[Trial] = []
    design = InitialDesign(problem(*SPACES[2]), Method.SOBOL, 3)
    for index in range(9):
        replayed = InitialDesign(problem(*SPACES[2]), Method.SOBOL, 3)
        replayed.replay(trials)
        candidate = design.ask()
        assert candidate is not None
        assert replayed.ask() == candidate
        trials.append(_told(Trial(index, candidate.parameterization), is_failed=index == 2))
        design.replay(trials[-1:])


def test_after_a_candidate_of_the_model_the_design_is_over_whatever_fails() -> None:
    trials = [Trial(index, {"x": index / 10, "y": 0.5}) for index in range(3)]
    trials.append(Trial(3, {"x": 0.3, "y": 0.5}, generation_node="MBM"))
    for method in (Method.AUTO, Method.FAST):
        for n_trials, is_over in ((3, False), (4, True)):
            design = InitialDesign(TWO, method, 3, n_initial=3)
            design.replay(_told(trial, is_failed=trial.index > 0) for trial in trials[:n_trials])
            assert (design.ask() is None) == is_over


def test_a_resumed_sweep_of_very_many_points_needs_no_ax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initial_design, "_MOST_DRAWS", 10)
    design, trials = InitialDesign(TWO, Method.SOBOL, 3), []
    for index in range(15):
        candidate = design.ask()
        assert candidate is not None
        trials.append(Trial(index, candidate.parameterization))
        design.accept(trials[-1])
    resumed = InitialDesign(TWO, Method.SOBOL, 3)
    resumed.replay(trials)
    assert resumed.ask() == design.ask() is not None


def _after_results_at(*times: float, **options: Any) -> InitialDesign:
    """A design of a sweep of 40 trials, eight of which have completed at these seconds."""
    design = InitialDesign(TWO, Method(options.get("method", "auto")), 3, options.get("n_initial"), n_trials=40)
    for index, seconds in enumerate(times):
        trial = Trial(index, {"x": index / 10, "y": 0.5}).to(TrialStatus.RUNNING, time=100.0)
        design.replay([trial.to(TrialStatus.COMPLETED, outcome={"f": 1.0, "g": 1.0}, time=100.0 + seconds)])
    return design


def test_very_short_trials_do_not_wait_for_the_import_of_ax() -> None:
    assert _after_results_at(*[5.9] * 9).ask() is not None
    assert _after_results_at(*[5.9] * 8, 6.1).ask() is None
    assert _after_results_at(*[5.9] * 10).ask() is None, "a quarter of the trials is enough"
    assert _after_results_at(*[5.9] * 8, method="fast").ask() is None
    assert _after_results_at(*[5.9] * 8, n_initial=5).ask() is None


def _sweep(folder: Path, launcher: ScriptedLauncher, build: Any, **options: Any) -> Any:
    settings = Settings(**({"n_trials": 7, "n_jobs": 3, "seed": 5} | options))
    design = InitialDesign(TWO, Method(settings.method), 5, settings.n_initial)
    return Sweep(TWO, settings, launcher, folder, build, design=design).run()


def test_the_first_jobs_do_not_wait_for_the_optimizer(tmp_path: Path) -> None:
    submitted, optimizer = threading.Event(), ListedCandidates()

    class Submitting(ScriptedLauncher):
        def submit(self, requests: Sequence[JobRequest]) -> Any:
            submitted.set()
            return super().submit(requests)

    def build(known: Sequence[Trial]) -> ListedCandidates:
        assert submitted.wait(30)
        return optimizer

    launcher = Submitting(two_objectives)
    ending = _sweep(tmp_path, launcher, build)
    assert launcher.batches[0] == [0, 1, 2]
    assert [trial.generation_node for trial in ending.trials] == [
        "CenterOfSearchSpace",
        *["Sobol"] * 4,
        *["Listed"] * 2,
    ]
    assert [line for line in optimizer.log if "tell" not in line] == [
        *(f"accept {i}" for i in range(5)),
        "ask 5",
        "ask 6",
    ]


def test_an_optimizer_that_cannot_be_built_ends_a_sweep_whose_jobs_run_and_keeps_their_results(tmp_path: Path) -> None:
    def build(known: Sequence[Trial]) -> Any:
        raise ImportError("no module named ax")

    ending = _sweep(tmp_path, ScriptedLauncher(two_objectives), build)
    assert [trial.status for trial in ending.trials] == [TrialStatus.COMPLETED] * 5
    assert "no module named ax" in ending.stop_reason
    assert ending.exit_code == 1


NEEDS_NONE = [{"method": Method.SOBOL}, {"method": Method.RANDOM}, {"n_trials": 5}, {"n_trials": 8, "n_jobs": 8}]


@pytest.mark.parametrize("options", NEEDS_NONE)
def test_a_sweep_that_needs_no_optimizer_builds_none(tmp_path: Path, options: dict[str, Any]) -> None:
    built: list[Any] = []
    assert _sweep(tmp_path, ScriptedLauncher(two_objectives), built.append, **options).exit_code == 0
    assert built == []


@pytest.mark.slow  # two fits of a model
def test_a_sweep_with_the_design_proposes_what_ax_alone_proposes(tmp_path: Path) -> None:
    def build(known: Sequence[Trial]) -> AxOptimizer:
        return AxOptimizer(TWO, seed=5)

    settings = {"n_jobs": 1, "n_trials": 7, "lookahead": Lookahead.NONE}
    ending = _sweep(tmp_path / "design", ScriptedLauncher(two_objectives, polls=lambda trial: 1), build, **settings)
    launcher = ScriptedLauncher(two_objectives, polls=lambda trial: 1)
    alone = Sweep(TWO, Settings(**settings), launcher, tmp_path / "ax", build).run()
    assert alone.trials[-1].generation_node == "MBM"
    for one, other in zip(ending.trials, alone.trials, strict=True):
        assert (one.generation_node, one.parameterization) == (other.generation_node, other.parameterization)


NO_AX = """
import sys
from ax_moo.optimizer.base import Method
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.sweep import loop
from fakes import problem
assert InitialDesign(problem(), Method.AUTO, 1).ask() is not None
print(sorted({"ax", "torch", "scipy", "pandas", "botorch"} & sys.modules.keys()))
"""


def test_the_design_imports_nothing_heavy() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", NO_AX]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    assert ended.stdout.strip() == "[]"

"""``stop_when: {no_improvement: n}`` ends a sweep that no longer improves, and a resume knows that it is over."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from ax_moo_command import ax_moo
from command_line import SWEEPER, Ended, command_line
from fakes import ListedCandidates, ScriptedLauncher, problem
from quick import loop_without_pause  # noqa: F401

from ax_moo.jobs.launcher import JobRequest, JobResult
from ax_moo.sweep.improvement import Improvement
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.resuming import resume
from ax_moo.sweep.settings import Settings, StopWhen
from ax_moo.sweep.state import Cause
from ax_moo.trial import Trial, TrialStatus

pytestmark = pytest.mark.one_hydra

TWO = problem(objectives={"f": {"direction": "maximize"}, "g": {"direction": "minimize"}})
ONE = problem()
BOUNDED = problem(outcome_constraints=["cost <= 1"])
POINT = {"x": 0.5, "y": 0.5}


def _completed(*outcomes: dict[str, float]) -> list[Trial]:
    trials = [Trial(index, POINT) for index in range(len(outcomes))]
    return [trial.to(TrialStatus.COMPLETED, outcome=outcome) for trial, outcome in zip(trials, outcomes, strict=True)]


def _values(*values: float) -> list[Trial]:
    return _completed(*({"objective": value} for value in values))


@pytest.mark.parametrize(
    ("values", "has_ended"),
    [
        ((3, 3, 3, 3), True),
        ((3, 4, 5, 6), True),
        ((3, 4, 5, 2, 3, 4), False),
        ((3, 4, 5, 6, 2), True),  # the last one still ran
        ((3, 2, 1), False),
        ((), False),
    ],
)
def test_with_one_objective_a_trial_must_be_better_than_the_best(values: Sequence[float], has_ended: bool) -> None:
    assert Improvement(ONE, 3, _values(*values)).has_ended is has_ended


def test_with_several_it_must_be_new_on_the_frontier() -> None:
    front = _completed({"f": 1, "g": 1}, {"f": 2, "g": 2}, {"f": 1.5, "g": 1.5})
    assert not Improvement(TWO, 1, front).has_ended
    assert Improvement(TWO, 1, [*front, *_completed({"f": 2, "g": 2})]).has_ended
    assert Improvement(TWO, 1, [*front, *_completed({"f": 1.4, "g": 1.6})]).has_ended


def test_the_count_begins_with_the_first_feasible_trial_and_failed_ones_are_not_counted() -> None:
    expensive, cheap = {"objective": 1.0, "cost": 2.0}, {"objective": 5.0, "cost": 1.0}
    assert not Improvement(BOUNDED, 2, _completed(expensive, expensive, expensive, cheap, expensive)).has_ended
    assert Improvement(BOUNDED, 2, _completed(cheap, expensive, expensive)).has_ended
    failed = Trial(9, POINT).to(TrialStatus.FAILED, reason="no")
    assert not Improvement(ONE, 2, [*_values(1, 1), failed, failed]).has_ended


def test_without_a_limit_nothing_is_counted() -> None:
    assert not Improvement(ONE, None, _values(*[1] * 50)).has_ended


def _equal(request: JobRequest) -> JobResult:
    return JobResult(value=1.0)


def test_no_new_trial_starts_and_the_running_ones_finish(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(_equal, polls=lambda trial: 40 if trial == 1 else 2)
    settings = Settings(n_trials=50, n_jobs=2, stop_when=StopWhen(5))
    ending = Sweep(ONE, settings, launcher, tmp_path, lambda known: ListedCandidates()).run()
    assert ending.reason.cause is Cause.NO_IMPROVEMENT
    assert ending.exit_code == 0
    assert {trial.status for trial in ending.trials} == {TrialStatus.COMPLETED}
    assert 6 <= len(ending.trials) <= 8
    assert launcher.log[-1] == "end 1" or len(ending.trials) == 6
    again = resume.previous_run(tmp_path)
    assert again is not None
    over = again.why_over(_budget(), 0.0, Improvement(ONE, 5, again.trials))
    assert over is not None
    assert over.cause is Cause.NO_IMPROVEMENT
    assert again.why_over(_budget(), 0.0, Improvement(ONE, 9, again.trials)) is None


def test_a_sweep_whose_trials_were_all_started_has_used_its_budget(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(_equal, polls=lambda trial: 1 if trial == 0 else 2)
    settings = Settings(n_trials=3, n_jobs=2, stop_when=StopWhen(1))
    ending = Sweep(ONE, settings, launcher, tmp_path, lambda known: ListedCandidates()).run()
    assert ending.reason.cause is Cause.BUDGET_USED
    assert Improvement(ONE, 1).why == "1 trial improved nothing (stop_when.no_improvement=1)"


def _budget() -> resume.Budget:
    return resume.Budget(50)


APP = """
import warnings

import hydra

warnings.filterwarnings("ignore", message="The version_base parameter is deprecated")


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    return (1.0, 0.5) if config.get("pair") else 1.0


main()
"""


def _sweep(folder: Path, *arguments: str) -> Ended:
    (folder / "app.py").write_text(APP)
    fixed = ("+x=interval(0,1)", "hydra.sweeper.method=sobol", "hydra.sweeper.report=false")
    return command_line(*SWEEPER).run(folder, "-m", "hydra/sweeper=ax_moo", *fixed, *arguments, app=folder / "app.py")


def test_a_sweep_that_no_longer_improves_is_over_until_the_limit_is_raised(tmp_path: Path) -> None:
    here = ("hydra.sweep.dir=s", "hydra.sweeper.n_trials=30")
    stopped = "3 trials in a row improved nothing (stop_when.no_improvement=3)"
    first = _sweep(tmp_path, *here, "hydra.sweeper.stop_when.no_improvement=3")
    assert first.code == 0, first.stderr
    assert f"the sweep ended before its budget: {stopped}; hydra.sweeper.stop_when=null goes on" in first.stdout
    assert f"(ax-moo resume {tmp_path / 's'} goes on with it)" in first.stdout
    assert "finished" in (status := ax_moo("status", str(tmp_path / "s")).out)
    assert stopped in " ".join(status.split())
    again = _sweep(tmp_path, *here, "hydra.sweeper.stop_when={no_improvement: 3}")
    assert again.code == 0, again.stderr
    assert f"is over: {stopped}; raise it, or set hydra.sweeper.stop_when=null, to go on" in again.stdout
    larger = _sweep(tmp_path, *here, "hydra.sweeper.stop_when.no_improvement=5")
    assert "5 trials in a row improved nothing" in larger.stdout
    assert sum(path.name.isdigit() for path in (tmp_path / "s").iterdir()) == 6


def test_a_pair_without_objectives_is_said_to_be_a_mean_with_its_sem_once(tmp_path: Path) -> None:
    said = "returned a pair, which is taken for (mean, SEM) of one objective"
    ended = _sweep(tmp_path, "hydra.sweep.dir=s", "hydra.sweeper.n_trials=3", "+pair=true")
    assert ended.stdout.count(said) == 1, ended.stdout + ended.stderr
    assert "name both in hydra.sweeper.objectives" in ended.stdout
    named = ("hydra.sweep.dir=n", "hydra.sweeper.n_trials=1", "+pair=true", "hydra.sweeper.objectives={f: minimize}")
    assert said not in _sweep(tmp_path, *named).stdout

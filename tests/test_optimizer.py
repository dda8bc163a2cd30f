import dataclasses
import logging
import math
from collections.abc import Sequence
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, problem

from ax_moo.console.summary import closing_lines
from ax_moo.optimizer.base import Candidate, SearchSpaceExhausted
from ax_moo.optimizer.bayes.ax_client import AxOptimizer, aliases
from ax_moo.optimizer.telling import Telling
from ax_moo.problem.problem import Problem
from ax_moo.results.status import model_failures
from ax_moo.trial import Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

SPACE = (
    "x=interval(0, 1)",
    "h=int(tag(log, interval(4, 64)))",
    "b=tag(ordered, choice(32, 64, 128))",
    "c=choice(p, q, r)",
)


def _outcome(point: Any) -> dict[str, float]:
    return {
        "f": 1 - (point["x"] - 0.3) ** 2 + math.log(point["h"]) * 0.05,
        "g": point["h"] / 64 + 0.1 * (point["c"] == "p"),
    }


def _finished(index: int, candidate: Candidate, status: TrialStatus = TrialStatus.COMPLETED) -> Trial:
    trial = Trial(index, candidate.parameterization, generation_node=candidate.generation_node, arm=candidate.arm)
    if status is TrialStatus.COMPLETED:
        return trial.to(status, outcome=_outcome(candidate.parameterization))
    return trial.to(status, reason="boom")


def _run(
    optimizer: AxOptimizer, n: int, first: int = 0, pending: Sequence[Trial] = (), failing: int = 3
) -> list[Trial]:
    """n trials, two at a time; trial ``failing`` fails."""
    pending, trials = list(pending), []
    for index in range(first, first + n):
        candidate = optimizer.ask(index)
        assert candidate is not None
        status = TrialStatus.FAILED if index == failing else TrialStatus.COMPLETED
        pending.append(_finished(index, candidate, status))
        trials.append(pending[-1])
        if len(pending) == 2:
            optimizer.tell(pending.pop(0))
    return trials


def _two(**options: Any) -> Problem:
    return problem(*SPACE, objectives=TWO_OBJECTIVES, **options)


def test_the_same_seed_and_order_of_results_give_the_same_candidates() -> None:
    first, second = (_run(AxOptimizer(_two(), seed=7), 7) for _ in range(2))
    assert [t.parameterization for t in first] == [t.parameterization for t in second]
    assert [t.parameterization for t in first[:3]] != [t.parameterization for t in _run(AxOptimizer(_two(), seed=8), 3)]


@pytest.mark.slow  # fits of a model for twenty seconds of CPU
@pytest.mark.parametrize(("constraints", "cut"), [([], 3), ([], 7), (["h2 <= h"], 7)])
def test_a_replayed_optimizer_goes_on_as_if_it_had_never_stopped(constraints: list[str], cut: int) -> None:
    two = problem(
        *SPACE, "h2=int(tag(log, interval(4, 64)))", objectives=TWO_OBJECTIVES, parameter_constraints=constraints
    )
    trials = _run(AxOptimizer(two, seed=7), 8)
    known = [*trials[: cut - 1], Trial(cut - 1, trials[cut - 1].parameterization, arm=trials[cut - 1].arm)]
    replayed = AxOptimizer(two, seed=7)
    replayed.replay(known)
    continued = _run(replayed, 8 - cut, first=cut, pending=[trials[cut - 1]])
    assert [t.parameterization for t in continued] == [t.parameterization for t in trials[cut:]]


def test_the_model_goes_on_however_many_trials_fail_after_its_first_candidate_also_after_a_replay() -> None:
    optimizer, asked = AxOptimizer(_two(), seed=7, n_initial=3), []
    for index in range(4):
        candidate = optimizer.ask(index)
        assert candidate is not None
        asked.append(candidate)
        if index == 0:
            optimizer.tell(_finished(index, candidate))
    assert asked[-1].generation_node == "MBM"
    known = [_finished(0, asked[0]), *(_finished(i, asked[i], TrialStatus.FAILED) for i in (1, 2, 3))]
    for trial in known:
        optimizer.tell(trial)
    replayed = AxOptimizer(_two(), seed=7, n_initial=3)
    replayed.replay(known)
    candidate = optimizer.ask(4)
    assert candidate is not None
    assert candidate.generation_node == "MBM"
    assert replayed.ask(4) == candidate


@pytest.mark.parametrize("method", ["sobol", "random"])
def test_the_baselines_never_use_a_model_and_replay_too(method: str) -> None:
    trials = _run(AxOptimizer(_two(), method=method, seed=1), 12)
    replayed = AxOptimizer(_two(), method=method, seed=1)
    replayed.replay(trials[:6])
    candidate = replayed.ask(6)
    assert candidate is not None
    assert candidate.generation_node == method
    assert candidate.parameterization == trials[6].parameterization


def test_the_grid_visits_every_point_once_in_hydras_order() -> None:
    space = ("a=choice(1, 2)", "k=range(0, 3)", "n=choice(u, v)")
    optimizer = AxOptimizer(problem(*space, objectives=TWO_OBJECTIVES, parameter_constraints=["k <= 1"]), method="grid")
    points = []
    for index in range(8):
        candidate = optimizer.ask(index)
        assert candidate is not None
        points.append(tuple(candidate.parameterization.values()))
    with pytest.raises(SearchSpaceExhausted, match="8 points"):
        optimizer.ask(8)
    assert points == [(a, k, n) for a in (1, 2) for k in (0, 1) for n in ("u", "v")]


def test_initial_points_come_first_and_count_as_data() -> None:
    initial = [{"x": 0.25, "h": 16, "b": 64, "c": "q"}, {"x": 0.5, "h": 4, "b": 32, "c": "r"}]
    optimizer = AxOptimizer(_two(), seed=1, initial=initial)
    first = _run(optimizer, 3)
    assert [t.parameterization for t in first[:2]] == initial
    assert first[2].parameterization not in initial


def test_n_initial_is_the_number_of_points_before_the_model() -> None:
    optimizer = AxOptimizer(_two(), seed=1, n_initial=7)
    nodes = []
    for index in range(9):
        candidate = optimizer.ask(index)
        assert candidate is not None
        nodes.append(candidate.generation_node)
        optimizer.tell(_finished(index, candidate))
    assert nodes == ["CenterOfSearchSpace", *["Sobol"] * 6, "MBM", "MBM"]


def test_a_failed_trial_is_not_proposed_again() -> None:
    optimizer = AxOptimizer(problem("a=choice(1, 2)", "b=choice(u, v)", objectives=TWO_OBJECTIVES), seed=0)
    seen = set()
    for index in range(4):
        candidate = optimizer.ask(index)
        assert candidate is not None
        seen.add(tuple(candidate.parameterization.values()))
        optimizer.tell(Trial(index, candidate.parameterization).to(TrialStatus.FAILED, reason="boom"))
    assert len(seen) == 4
    with pytest.raises(SearchSpaceExhausted):
        optimizer.ask(4)


def test_a_finite_space_is_exhausted_when_its_allowed_points_are() -> None:
    space = ("k=int(interval(0, 2))", "m=int(interval(0, 2))")
    optimizer = AxOptimizer(
        problem(*space, objectives=TWO_OBJECTIVES, parameter_constraints=["k + m <= 1"]), method="sobol"
    )
    for index in range(3):
        candidate = optimizer.ask(index)
        assert candidate is not None
        assert candidate.parameterization["k"] + candidate.parameterization["m"] <= 1
    with pytest.raises(SearchSpaceExhausted, match="all 3 points"):
        optimizer.ask(3)


def test_telling_twice_is_harmless() -> None:
    optimizer = AxOptimizer(_two(), seed=7)
    candidate = optimizer.ask(0)
    assert candidate is not None
    for _ in range(2):
        optimizer.tell(_finished(0, candidate))
    assert len(optimizer.client._experiment.lookup_data().df) == 2


def _raise_not_positive_definite(n: int) -> None:
    raise ValueError("the covariance is not positive definite")


@pytest.mark.parametrize(
    ("space", "constraints"),
    [
        (("x=interval(0, 1)", "y=interval(0, 1)"), []),
        (("x=interval(0, 1)", "y=interval(0, 1)"), ["x + y <= 1"]),
        (("x=interval(0, 1)", "k=range(0, 30)", "m=range(0, 30)"), ["k <= m"]),
        (("x=interval(0, 1)", "b=choice(true, false)"), []),
        (("a=choice(1, 2, 3)", "b=choice(u, v, w)", "k=range(0, 3)"), []),
    ],
)
def test_every_kind_of_space_gets_candidates_from_the_model(
    space: tuple[str, ...], constraints: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    optimizer = AxOptimizer(problem(*space, objectives=TWO_OBJECTIVES, parameter_constraints=constraints), seed=2)
    nodes = []
    for index in range(7):
        candidate = optimizer.ask(index)
        assert candidate is not None
        nodes.append(candidate.generation_node)
        outcome = {"f": 0.1 * index, "g": 0.5 - 0.01 * index**2}
        optimizer.tell(Trial(index, candidate.parameterization).to(TrialStatus.COMPLETED, outcome=outcome))
    assert nodes[-2:] == ["MBM", "MBM"], caplog.text


def test_a_model_that_fails_gives_one_sobol_point_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer = AxOptimizer(_two(), seed=7)
    _run(optimizer, 3)
    with monkeypatch.context() as patch:
        patch.setattr(optimizer.client, "get_next_trials", _raise_not_positive_definite)
        candidate = optimizer.ask(3)
    assert candidate is not None
    assert candidate.generation_node == "Sobol"
    assert optimizer.ask(4) is not None


@pytest.mark.parametrize("constraints", [[], ["x + y <= 1"]])
def test_with_one_initial_trial_a_resumed_sweep_proposes_the_same(constraints: list[str]) -> None:
    two = problem(objectives=TWO_OBJECTIVES, parameter_constraints=constraints)
    optimizer, known, nodes = AxOptimizer(two, seed=1, n_initial=1), list[Trial](), []
    for index in range(5):
        replayed = AxOptimizer(two, seed=1, n_initial=1)
        replayed.replay(known)
        candidate = optimizer.ask(index)
        assert candidate is not None
        assert replayed.ask(index) == candidate
        nodes.append(candidate.generation_node)
        known.append(Trial(index, candidate.parameterization, generation_node=nodes[-1], arm=candidate.arm))
        if index == 2:
            known[1] = known[1].to(TrialStatus.COMPLETED, outcome={"f": 0.1, "g": 0.5})
            optimizer.tell(known[1])
    assert nodes == ["CenterOfSearchSpace", "Sobol", "Sobol", "MBM", "MBM"]


@pytest.mark.parametrize("fails", ["attach_data", "attach_trial", "mark_trial_abandoned"])
def test_what_a_sweep_survives_a_resumed_one_survives_too_and_proposes_the_same(
    fails: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Ax does not take what it is told of trials 1 and 2, of which one fails."""
    trials = [
        Trial(index, {"x": 0.1 + index / 10, "h": 8, "b": 32, "c": "q"}, generation_node="Sobol") for index in range(5)
    ]
    ended = [_ended(trial, failing=2) for trial in trials]
    live, resumed = AxOptimizer(_two(), seed=7, n_initial=3), AxOptimizer(_two(), seed=7, n_initial=3)
    take = getattr(type(live.client), fails)

    def refuse(client: Any, trial: Any, *arguments: Any) -> Any:
        if trial in (1, 2) or (fails == "attach_trial" and trial["x"] in (0.2, 0.3)):
            raise ArithmeticError("not with this one")
        return take(client, trial, *arguments)

    monkeypatch.setattr(type(live.client), fails, refuse)
    telling = Telling(live)
    for trial, after in zip(trials, ended, strict=True):
        telling.accept(trial)
        telling.tell(after)
    warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warned) == {"attach_data": 1, "attach_trial": 2, "mark_trial_abandoned": 1}[fails], caplog.text
    assert "ArithmeticError: not with this one" in caplog.text
    resumed.replay(ended)
    assert resumed.ask(5) == live.ask(5) is not None


def _ended(trial: Trial, failing: int) -> Trial:
    if trial.index == failing:
        return trial.to(TrialStatus.FAILED, reason="boom")
    return trial.to(TrialStatus.COMPLETED, outcome=_outcome(trial.parameterization))


def test_an_acquisition_that_always_raises_is_no_silent_sobol_search(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also a resumed sweep remembers that the model was to propose, and proposes the same."""

    def fails(self: Any, **options: Any) -> None:
        raise TypeError("an option that this acquisition does not know")

    optimizer = AxOptimizer(_two(), seed=7, n_initial=3)
    monkeypatch.setattr("ax.generators.torch.botorch_modular.acquisition.Acquisition.__init__", fails)
    known: list[Trial] = []
    for index in range(7):
        replayed = AxOptimizer(_two(), seed=7, n_initial=3)
        replayed.replay(known)
        candidate = optimizer.ask(index)
        assert candidate is not None
        assert replayed.ask(index) == candidate
        known.append(_finished(index, candidate, TrialStatus.FAILED if index == 5 else TrialStatus.COMPLETED))
        known[-1] = dataclasses.replace(known[-1], model_failed=candidate.model_failed)
        optimizer.tell(known[-1])
    why = "TypeError: an option that this acquisition does not know"
    assert [trial.model_failed for trial in known] == [None] * 3 + [why] * 4
    assert {trial.generation_node for trial in known[3:]} == {"Sobol"}
    assert f"The model has no candidate ({why}); it is a Sobol point while this is so" in caplog.text
    line = f"4 of 4 candidates after the initial design are Sobol points, because the model failed (last: {why})"
    assert line in closing_lines(known, _two())
    assert model_failures(known) == [{"reason": why, "trials": [3, 4, 5, 6]}]


def test_of_each_kind_of_failure_of_the_model_there_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    optimizer = AxOptimizer(_two(), seed=7)
    _run(optimizer, 3)
    monkeypatch.setattr(optimizer.client, "get_next_trials", _raise_not_positive_definite)
    for index in range(3, 6):
        assert optimizer.ask(index) is not None
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == ["WARNING"]


def test_no_slot_waits_for_the_first_results() -> None:
    optimizer = AxOptimizer(_two(), seed=7)
    points = [optimizer.ask(index) for index in range(8)]
    assert all(points)


def test_an_order_constraint_between_log_scale_parameters_holds_for_every_candidate() -> None:
    space = (
        "h1=int(tag(log, interval(16, 128)))",
        "h2=int(tag(log, interval(16, 128)))",
        "lr=tag(log, interval(1e-4, 1e-2))",
    )
    two = problem(*space, objectives=TWO_OBJECTIVES, parameter_constraints=["h2 <= h1"])
    optimizer = AxOptimizer(two, seed=3)
    for index in range(9):
        candidate = optimizer.ask(index)
        assert candidate is not None
        point = candidate.parameterization
        assert 16 <= point["h2"] <= point["h1"] <= 128
        trial = Trial(index, point, arm=candidate.arm)
        optimizer.tell(trial.to(TrialStatus.COMPLETED, outcome={"f": -point["h2"] / 100, "g": point["h1"] / 100}))


@pytest.mark.parametrize("name", ["val/acc", "top 1", "5shot", "lambda", "gamma", "S", "a-b", "m@k", "é", "E", "x*y"])
def test_odd_names_of_metrics_and_parameters_work(name: str) -> None:
    objectives = {name: {"direction": "maximize", "threshold": 0.0}, "g": {"direction": "minimize", "threshold": 9.0}}
    two = problem(
        "x=interval(0, 1)", "gamma=interval(0, 1)", objectives=objectives, parameter_constraints=["gamma <= x"]
    )
    optimizer = AxOptimizer(two, seed=0)
    for index in range(6):
        candidate = optimizer.ask(index)
        assert candidate is not None
        assert candidate.parameterization["gamma"] <= candidate.parameterization["x"] + 1e-6
        outcome = {name: candidate.parameterization["x"], "g": candidate.parameterization["gamma"]}
        optimizer.tell(Trial(index, candidate.parameterization).to(TrialStatus.COMPLETED, outcome=outcome))


def test_names_that_ax_can_parse_stay_as_they_are() -> None:
    assert aliases(["model.hidden_size_1", "lr", "S", "top 1"], "parameter") == {
        "model.hidden_size_1": "model.hidden_size_1",
        "lr": "lr",
        "S": "parameter_2",
        "top 1": "parameter_3",
    }


def test_outcome_constraints_reach_ax_and_an_sem_is_used() -> None:
    two = _two(outcome_constraints=["latency <= 20"])
    optimizer = AxOptimizer(two, seed=0)
    for index in range(6):
        candidate = optimizer.ask(index)
        assert candidate is not None
        outcome = {name: (value, 0.01) for name, value in _outcome(candidate.parameterization).items()}
        optimizer.tell(
            Trial(index, candidate.parameterization).to(TrialStatus.COMPLETED, outcome={**outcome, "latency": 9.0})
        )
    frame = optimizer.client._experiment.lookup_data().df
    assert set(frame.metric_name) == {"f", "g", "latency"}
    assert frame[frame.metric_name == "f"]["sem"].tolist() == [0.01] * 6


def test_a_result_is_told_without_a_look_at_those_of_other_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    from ax.core.experiment import Experiment

    def looked(*arguments: object, **options: object) -> None:
        raise AssertionError("all data of the experiment were looked through")

    optimizer = AxOptimizer(problem(*SPACE, objectives=TWO_OBJECTIVES), "sobol", seed=1)
    candidate = optimizer.ask(0)
    assert candidate is not None
    monkeypatch.setattr(Experiment, "lookup_data", looked)
    optimizer.tell(_finished(0, candidate))


def test_no_message_shows_a_name_that_only_ax_knows(caplog: pytest.LogCaptureFixture) -> None:
    """Names that SymPy cannot read have another in Ax."""
    here = problem("lambda=interval(0, 1)", "print=interval(0, 1)", objectives=TWO_OBJECTIVES)
    optimizer = AxOptimizer(here, seed=0)
    assert set(optimizer.parameter_in_ax.values()) == {"parameter_0", "parameter_1"}

    def fails(n: int) -> None:
        raise ValueError("parameter_0 must be below parameter_1, not parameter_10")

    optimizer.client.get_next_trials = fails  # type: ignore[method-assign,assignment]
    optimizer.ask(0)
    assert "lambda must be below print, not parameter_10" in caplog.text
    optimizer.client.attach_trial = fails  # type: ignore[method-assign,assignment]
    with pytest.raises(Exception, match="ValueError: lambda must be below print") as error:
        optimizer.accept(Trial(1, {"lambda": 0.5, "print": 0.5}))
    assert "parameter_0" not in str(error.value)

"""Nodes on which jobs are lost again and again, and what later jobs make of that."""

import logging
from pathlib import Path

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives

from ax_moo.jobs.launcher import JobRequest, JobResult
from ax_moo.storage import journal
from ax_moo.sweep import loop
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.nodes import AVOIDED_S, WITHIN_S, avoided_nodes, to_avoid
from ax_moo.sweep.settings import Settings
from ax_moo.trial import Attempt, Fault, Job, Trial, TrialStatus
from ax_moo_launchers.slurm import commands
from ax_moo_launchers.slurm.excluding import with_excluded, worth_excluding

pytestmark = pytest.mark.one_hydra

NOW = 1_800_000_000.0


def _lost(index: int, node: str, ago: float, fault: Fault | None = Fault.DIED_AT_START) -> Trial:
    attempt = Attempt(Job(f"{index}", f"/jobs/{index}", "slurm"), "exit code 1", True, fault, node, NOW - ago)
    return Trial(index, {}, TrialStatus.STAGED, previous_attempts=(attempt,), time=NOW - ago)


def _avoided(*trials: Trial, now: float = NOW) -> list[str]:
    return [each.node for each in avoided_nodes(trials, now)]


def test_two_losses_within_an_hour_make_a_node_avoided_for_two_hours() -> None:
    first, second = _lost(0, "n1", 500.0), _lost(1, "n1", 100.0, Fault.NODE_FAILED)
    (node,) = avoided_nodes([first, second], NOW)
    assert (node.node, node.losses, node.reason, node.until) == ("n1", 2, "exit code 1", NOW - 100 + AVOIDED_S)
    assert _avoided(first) == []
    assert _avoided(first, second, now=node.until) == []
    assert _avoided(first, _lost(1, "n1", 500.0 + WITHIN_S + 1)) == []
    assert _avoided(first, _lost(1, "n2", 500.0)) == []


def test_losses_that_say_nothing_about_the_node_do_not_count() -> None:
    others = [Fault.PREEMPTED, Fault.OUT_OF_MEMORY, Fault.TIME_LIMIT, None]
    assert _avoided(*(_lost(number, "n1", 10.0, fault) for number, fault in enumerate(others))) == []
    assert _avoided(_lost(0, "", 10.0), _lost(1, "", 10.0)) == []


def test_the_last_loss_of_a_failed_trial_counts_as_well() -> None:
    failed = Trial(1, {}, TrialStatus.FAILED, reason="died", fault=Fault.DIED_AT_START, node="n1", time=NOW - 5)
    assert _avoided(_lost(0, "n1", 10.0), failed) == ["n1"]


def test_the_node_that_was_avoided_first_is_used_again_first() -> None:
    trials = [_lost(0, "b", 50.0), _lost(1, "b", 40.0), _lost(2, "a", 30.0), _lost(3, "a", 20.0)]
    assert _avoided(*trials) == ["b", "a"]


def test_a_trial_that_died_at_its_start_goes_to_another_node() -> None:
    avoided = avoided_nodes([_lost(0, "n2", 10.0), _lost(1, "n2", 5.0)], NOW)
    assert to_avoid(_lost(2, "n1", 10.0), avoided, NOW) == ("n1", "n2")
    assert to_avoid(_lost(2, "n2", 10.0), avoided, NOW) == ("n2",)
    assert to_avoid(_lost(2, "n1", 10.0, Fault.NODE_FAILED), avoided, NOW) == ("n2",)
    assert to_avoid(_lost(2, "n1", AVOIDED_S + 1), [], NOW) == ()


def test_later_jobs_avoid_a_broken_node_and_the_log_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(request: JobRequest) -> JobResult:
        if "n1" not in request.exclude:
            return JobResult(error="exit code 7, no result written", fault=Fault.DIED_AT_START, node="n1")
        return two_objectives(request)

    monkeypatch.setattr(loop, "POLL_SECONDS", 0.001)
    launcher = ScriptedLauncher(answer)
    settings = Settings(n_trials=10, n_jobs=2, retries=1)
    with caplog.at_level(logging.INFO):
        ending = Sweep(
            problem(objectives=TWO_OBJECTIVES), settings, launcher, tmp_path, lambda known: ListedCandidates()
        ).run()
    assert [trial.status for trial in ending.trials] == [TrialStatus.COMPLETED] * 10
    assert [trial.attempt for trial in ending.trials][4:] == [1] * 6
    assert caplog.text.count("jobs were lost on node n1 (exit code 7, no result written); later jobs avoid it") == 1
    kept = journal.trials(tmp_path)
    assert [each.node for each in avoided_nodes(kept, kept[-1].time)] == ["n1"]


def test_nodes_are_excluded_beside_those_of_the_user() -> None:
    assert with_excluded({"exclude": None}, ()) == {"exclude": None}
    assert with_excluded({}, ("n1", "n2"))["exclude"] == "n1,n2"
    assert with_excluded({"exclude": "n[7-9]"}, ("n1",))["exclude"] == "n[7-9],n1"
    given = {"exclude": "a", "additional_parameters": {"exclude": "b", "reservation": "r"}}
    assert with_excluded(given, ("n1",))["additional_parameters"] == {"exclude": "b,n1", "reservation": "r"}


@pytest.mark.parametrize(
    ("params", "left"),
    [
        ({}, ("n2",)),
        ({"partition": "gpu"}, ("n2",)),
        ({"partition": "gpu,big"}, ("n1", "n2")),
        ({"partition": "big", "exclude": "n4"}, ("n2",)),
        ({"additional_parameters": {"partition": "big"}}, ("n1", "n2")),
        ({"partition": "unknown"}, ("n1", "n2")),
    ],
)
def test_a_node_that_takes_jobs_is_always_left(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, object], left: tuple[str, ...]
) -> None:
    rows = [
        "n1 gpu* mix",
        "n2 gpu* idle",
        "n3 gpu* drain",
        "n3 gpu* down*",
        "n2 big idle",
        "n1 big mix",
        "n4 big idle~",
    ]
    monkeypatch.setattr(commands, "call", lambda command: (0, "\n".join(rows), ""))
    assert worth_excluding(("n1", "n2"), params) == left

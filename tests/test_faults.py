"""Whose fault the end of a job is, and what a sweep makes of it."""

import os
from pathlib import Path

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from quick import loop_without_pause  # noqa: F401

from ax_moo.jobs.launcher import JobRequest, JobResult
from ax_moo.storage import journal
from ax_moo.sweep.budget import Budget
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.result import SweepResult
from ax_moo.sweep.settings import Settings
from ax_moo.sweep.state import Cause
from ax_moo.sweep.steps.evaluation import MOST_BY_NOBODYS_FAULT
from ax_moo.trial import Fault, Trial, TrialStatus
from ax_moo_launchers.slurm.faults import End, fault_of

pytestmark = pytest.mark.one_hydra

OTHER_UID = os.getuid() + 1


def _run(folder: Path, launcher: ScriptedLauncher, **settings: object) -> SweepResult:
    options = Settings(**{"n_trials": 8, "n_jobs": 4, "retries": 1, **settings})  # type: ignore[arg-type]
    return Sweep(problem(objectives=TWO_OBJECTIVES), options, launcher, folder, lambda known: ListedCandidates()).run()


@pytest.mark.parametrize(
    ("end", "fault"),
    [
        (End("PREEMPTED", "n1", 700.0), Fault.PREEMPTED),
        (End("REVOKED"), Fault.PREEMPTED),
        (End("NODE_FAIL", "n1", 2.0), Fault.NODE_FAILED),
        (End("BOOT_FAIL"), Fault.NODE_FAILED),
        (End(f"CANCELLED by {OTHER_UID}", "n1", 700.0), Fault.PREEMPTED),
        (End(f"CANCELLED by {os.getuid()}", "n1", 700.0), None),
        (End(f"CANCELLED by {os.getuid()}", "None assigned", 0.0), Fault.PREEMPTED),
        (End("CANCELLED", "n1", 700.0), None),
        (End("CANCELLED by 0", "n1", 0.0), Fault.NODE_FAILED),
        (End("LAUNCH_FAILED, requeued and held", "n1", 0.0), Fault.NODE_FAILED),
        (End("CANCELLED", "", 0.0), Fault.PREEMPTED),
        (End("TIMEOUT", "n1", 60.0), Fault.TIME_LIMIT),
        (End("OUT_OF_MEMORY", "n1", 2.0), Fault.OUT_OF_MEMORY),
        (End("OUT_OF_MEMORY by its log", "n1", 2.0), Fault.OUT_OF_MEMORY),
        (End("FAILED, exit code 1:0", "n1", 2.0), Fault.DIED_AT_START),
        (End("COMPLETED", "n1", 2.0), Fault.DIED_AT_START),
        (End("FAILED, exit code 1:0", "n1", 200.0), None),
        (End("FAILED, exit code 1:0"), None),
        (End("no longer known to Slurm"), None),
        (End("ended"), None),
    ],
)
def test_slurms_words_say_whose_fault_the_end_of_a_job_is(end: End, fault: Fault | None) -> None:
    assert fault_of(end, "", was_preempted=False) is fault


@pytest.mark.parametrize(
    ("note", "fault"),
    [
        ("time limit of 5 min reached", Fault.TIME_LIMIT),
        ("preempted, and could not be requeued: FileNotFoundError", Fault.PREEMPTED),
        ("no space left on device", None),
    ],
)
def test_what_the_job_itself_says_about_its_end_is_believed(note: str, fault: Fault | None) -> None:
    assert fault_of(End("FAILED, exit code 143:0", "n1", 20.0), note, was_preempted=False) is fault


def test_a_job_that_ends_by_itself_when_it_is_told_to_make_room_was_preempted() -> None:
    assert fault_of(End("FAILED, exit code 143:0", "n1", 20.0), "", was_preempted=True) is Fault.PREEMPTED


@pytest.mark.parametrize(("nodes", "node"), [("n1", "n1"), ("n[1-2]", ""), ("n1,n7", ""), ("None assigned", "")])
def test_of_several_nodes_none_is_named(nodes: str, node: str) -> None:
    assert End("FAILED", nodes).node == node


def test_losses_by_nobodys_fault_use_up_no_retry(tmp_path: Path) -> None:
    def answer(request: JobRequest) -> JobResult:
        if request.trial == 2 and request.attempt <= 5:
            return JobResult(error="PREEMPTED", fault=Fault.PREEMPTED, node="n1")
        return two_objectives(request)

    launcher = ScriptedLauncher(answer)
    ending = _run(tmp_path, launcher)
    trial = ending.trials[2]
    assert (trial.status, trial.attempt, trial.retries_used) == (TrialStatus.COMPLETED, 6, 0)
    assert launcher.requests[2].faults == (Fault.PREEMPTED,) * 5
    assert journal.trials(tmp_path) == list(ending.trials)
    assert [(each.fault, each.node, each.counts) for each in journal.trials(tmp_path)[2].previous_attempts] == [
        (Fault.PREEMPTED, "n1", False)
    ] * 5


def test_a_trial_that_never_gets_to_work_fails_in_the_end_and_does_not_count_as_a_failure(tmp_path: Path) -> None:
    launcher = ScriptedLauncher(lambda request: JobResult(error="NODE_FAIL", fault=Fault.NODE_FAILED))
    ending = _run(tmp_path, launcher, max_failure_rate=0.0)
    assert [trial.status for trial in ending.trials] == [TrialStatus.FAILED] * 8
    assert {trial.attempt for trial in ending.trials} == {MOST_BY_NOBODYS_FAULT}
    assert ending.reason.cause is Cause.BUDGET_USED
    assert "20 attempts ended like this by nobody's fault" in str(ending.trials[0].reason)
    assert ending.exit_code == 1
    assert not Budget(8, max_failure_rate=0.0).has_failed(journal.trials(tmp_path))


def test_other_losses_count_as_before_also_among_those_by_nobodys_fault(tmp_path: Path) -> None:
    def answer(request: JobRequest) -> JobResult:
        fault = Fault.PREEMPTED if request.attempt % 2 else Fault.OUT_OF_MEMORY
        return JobResult(error=str(fault), fault=fault)

    ending = _run(tmp_path, ScriptedLauncher(answer), n_trials=1)
    (trial,) = ending.trials
    assert (trial.reason, trial.attempt, trial.fault) == ("out of memory", 4, Fault.OUT_OF_MEMORY)


def test_failures_by_nobodys_fault_say_nothing_about_the_other_trials() -> None:
    lost = [Trial(i, {}, TrialStatus.FAILED, fault=Fault.PREEMPTED) for i in range(9)]
    own = [Trial(10 + i, {}, TrialStatus.FAILED, fault=Fault.OUT_OF_MEMORY) for i in range(5)]
    assert not Budget(20, max_failure_rate=0.5).has_failed([*lost, *own[:4]])
    assert Budget(20, max_failure_rate=0.5).has_failed([*lost, *own])

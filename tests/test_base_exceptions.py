"""An application that raises what does not derive from Exception: a Rust panic, pytest.exit, a cancelled coroutine."""

import asyncio
import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import problem
from launching import open_launcher, submit, wait_for
from test_launcher_local import pids_of, runs, sleep_on
from waiting import wait_until_none_is_left

from ax_moo.jobs.blocking import BlockingLauncherAdapter
from ax_moo.jobs.launcher import JobRequest, JobResult, JobState
from ax_moo.sweep.steps.evaluation import next_state
from ax_moo.trial import Trial, TrialStatus
from ax_moo_launchers.attach import attach

SAID = [
    "PanicException: index out of bounds",
    "Exit: enough",
    "CancelledError",
    "GeneratorExit",
    "KeyboardInterrupt: by the application",
]


# Nested, so that the job gets it by value and does not import this module.
def raising() -> Callable[[Any], Any]:
    def task(config: Any) -> Any:
        class PanicException(BaseException):
            """As pyo3 makes it for polars and tokenizers."""

        class Exit(BaseException):
            """As pytest.exit raises it."""

        errors = [PanicException("index out of bounds"), Exit("enough"), asyncio.CancelledError(), GeneratorExit()]
        errors.append(KeyboardInterrupt("by the application"))
        if config.trial < len(errors):
            raise errors[config.trial]
        return float(config.trial)

    return task


def test_it_is_the_applications_failure_and_has_its_name(tmp_path: Path) -> None:
    handles = submit(open_launcher(tmp_path, "async_local", raising()), *range(len(SAID)))
    assert wait_for(handles) == [JobState.FINISHED] * len(SAID)
    assert [handle.result().error for handle in handles] == SAID
    assert "raise errors[config.trial]" in Path(handles[0].job.folder, f"{handles[0].job.job_id}_0_log.err").read_text()


@pytest.mark.one_hydra
def test_who_reads_it_under_another_sweeper_is_not_ended_by_it(tmp_path: Path) -> None:
    handles: Any = submit(open_launcher(tmp_path, "async_local", raising()), SAID.index("GeneratorExit"), len(SAID) - 1)
    wait_for(handles)
    for handle, said in zip(handles, SAID[-2:], strict=True):
        with pytest.raises(RuntimeError, match=said):
            _ = handle.job_return().return_value


def test_in_a_round_only_the_trial_that_raises_it_fails(tmp_path: Path) -> None:
    rounds = BlockingLauncherAdapter(open_launcher(tmp_path, "basic", raising()), attach)
    trials = range(len(SAID) + 1)
    handles = submit(rounds, *trials)
    assert wait_for(handles) == [JobState.FINISHED] * len(trials)
    assert [handle.result().error for handle in handles] == [*SAID, None]
    assert handles[-1].result().value == len(SAID)


def test_a_launcher_that_raises_it_itself_fails_its_round_and_not_the_sweep(tmp_path: Path) -> None:
    class Blocking:
        def launch(self, job_overrides: Any, initial_job_idx: int) -> Any:
            raise GeneratorExit("in the launcher")

    handles = submit(BlockingLauncherAdapter(Blocking(), attach), 0, 1)
    assert wait_for(handles) == [JobState.FINISHED] * 2
    assert [handle.result().error for handle in handles] == ["GeneratorExit: in the launcher"] * 2


def test_ctrl_c_during_a_round_still_interrupts_the_sweep(tmp_path: Path) -> None:
    def task(config: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    (handle,) = submit(BlockingLauncherAdapter(open_launcher(tmp_path, "basic", task), attach), 0)
    with pytest.raises(KeyboardInterrupt):
        handle.state()


@pytest.mark.one_hydra
def test_one_that_an_import_raises_in_the_job_fails_the_trial_as_well(tmp_path: Path) -> None:
    class Unreadable:
        def __reduce__(self) -> tuple[Any, ...]:
            return exec, ("class PanicException(BaseException): pass\nraise PanicException('while imported')",)

    launcher, request = open_launcher(tmp_path, "async_local", lambda config: 1), JobRequest(0, ())
    (handle,) = launcher.queue.submit({request: (Unreadable(),)}, {request: launcher.params})
    assert wait_for([handle]) == [JobState.FINISHED]
    assert str(handle.result().error).endswith("PanicException: while imported")


class PanicException(BaseException):
    pass


def panics(*args: object) -> Any:
    raise PanicException("while it is read")


class Hostile:
    """A result that runs code of its own when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return panics, ()

    item = shape = property(panics)


@pytest.mark.one_hydra
def test_a_result_that_raises_it_when_it_is_read_fails_its_trial_and_not_the_sweep(tmp_path: Path) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_local", lambda config: 1), 0)
    wait_for([handle])
    (result,) = Path(handle.job.folder).glob("*_result.pkl")
    result.write_bytes(pickle.dumps(("success", Hostile())))
    assert handle.result().error == "the result cannot be read: PanicException: while it is read"


@pytest.mark.one_hydra
def test_a_value_that_raises_it_when_it_is_read_fails_its_trial_and_not_the_sweep() -> None:
    handle: Any = SimpleNamespace(result=lambda: JobResult(value=Hostile()))
    trial = Trial(0, {"x": 1.0}, TrialStatus.RUNNING)
    failed = next_state(trial, handle, JobState.FINISHED, problem(), None, 0, 1.0)
    assert (failed.status, failed.reason) == (
        TrialStatus.FAILED,
        "the app's return value cannot be read: PanicException: while it is read",
    )


@pytest.mark.one_hydra
def test_a_job_that_is_stopped_can_be_cancelled(tmp_path: Path) -> None:
    (handle,) = submit(open_launcher(tmp_path, "async_local", sleep_on(tmp_path)), 0)
    pids = [int(handle.job.job_id), *pids_of(tmp_path)]
    os.killpg(pids[0], signal.SIGSTOP)
    assert handle.state() is JobState.RUNNING
    handle.cancel()
    assert wait_for([handle], 30) == [JobState.LOST]
    assert handle.result().error == "cancelled"
    # On a busy machine a process takes a moment to die after its signal.
    wait_until_none_is_left(lambda: list(filter(runs, pids)), 30)

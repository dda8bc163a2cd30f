"""Tests that every launcher must pass: the contract of :class:`ax_moo.jobs.launcher.AsyncLauncher`."""

import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ax_moo.jobs.launcher import AsyncLauncher, JobHandle, JobRequest, JobState
from ax_moo.system.errors import ConfigError
from ax_moo.testing import tasks
from ax_moo.testing.launching import ENDED, Task, open_launcher, wait_for, wait_until
from ax_moo.trial import Job


class JobSuite:
    """Tests of a job's input and result, for launchers that block as well.

    Subclass JobSuite or LauncherSuite in a test file, as ``class TestMyLauncher(LauncherSuite)``. The tests wait for
    states of jobs, for at most ``seconds``, and never for a fixed time.
    """

    launcher: ClassVar[str]
    """The option of ``hydra/launcher``."""

    overrides: ClassVar[tuple[str, ...]] = ()
    """Overrides that the launcher needs on the test machine."""

    wrong_overrides: ClassVar[tuple[str, ...]] = ()
    """Overrides of the launcher's keys, each of which ``check`` must refuse."""

    seconds: ClassVar[float] = 120.0

    @classmethod
    def open_launcher(cls, folder: Path, task: Task, *overrides: str) -> AsyncLauncher:
        """The launcher for a sweep in ``folder / "sweep"``; every call makes a new one, as a new process would."""
        opened = open_launcher(folder, cls.launcher, task, *cls.overrides, *overrides)
        assert isinstance(opened, AsyncLauncher)
        return opened

    def submitted(self, folder: Path, task: Task, *requests: JobRequest) -> list[JobHandle]:
        launcher = self.open_launcher(folder, task)
        launcher.check()
        return list(launcher.submit(requests))

    def test_results_come_back_as_they_were_returned_in_the_order_of_the_requests(self, tmp_path: Path) -> None:
        given = {
            "0.25": 0.25,
            "3": 3,
            "{acc: 0.5, size: 12}": {"acc": 0.5, "size": 12},
            "[0.5, 0.1]": [0.5, 0.1],
            "null": None,
        }
        requests = [JobRequest(trial, (f"+returned={text}",)) for trial, text in enumerate(given)]
        handles = self.submitted(tmp_path, tasks.returning(), *requests)
        assert wait_for(handles, self.seconds) == [JobState.FINISHED] * len(given)
        assert [handle.result().value for handle in handles] == list(given.values())
        assert [handle.result().error for handle in handles] == [None] * len(given)
        assert [handle.result().value for handle in handles] == list(given.values()), "a result can be read again"

    def test_an_exception_is_a_result_and_its_line_says_what_it_was(self, tmp_path: Path) -> None:
        (handle,) = self.submitted(tmp_path, tasks.returning(), JobRequest(0, ("+raised='no such\\nfile'",)))
        assert wait_for([handle], self.seconds) == [JobState.FINISHED]
        result = handle.result()
        assert result.value is None
        assert result.error is not None
        assert result.error.startswith("ValueError: no such")
        assert "\n" not in result.error

    def test_a_job_has_its_number_and_folder_of_hydra(self, tmp_path: Path) -> None:
        handles = self.submitted(tmp_path, tasks.what_it_was_given(), JobRequest(3, ()), JobRequest(4, ()))
        wait_for(handles, self.seconds)
        for number, handle in zip((3, 4), handles, strict=True):
            found = handle.result().value
            assert found is not None, handle.result().error
            assert found["num"] == number
            assert Path(found["folder"]) == tmp_path / "sweep" / str(number)
            assert {"config.yaml", "hydra.yaml", "overrides.yaml"} <= set(found["written"])

    def test_overrides_arrive_word_for_word(self, tmp_path: Path) -> None:
        texts = ["a b", "it's", 'say "x"', "é", "a=b,c", "$HOME"]
        given = {f"text{number}": text for number, text in enumerate(texts)}
        quoted = {key: text.replace("'", "\\'") for key, text in given.items()}
        overrides = tuple(f"+texts.{key}='{text}'" for key, text in quoted.items())
        (handle,) = self.submitted(tmp_path, tasks.what_it_was_given(), JobRequest(0, overrides))
        wait_for([handle], self.seconds)
        found = handle.result().value
        assert found is not None, handle.result().error
        assert found["texts"] == given

    def test_no_job_is_found_that_was_not_submitted(self, tmp_path: Path) -> None:
        launcher = self.open_launcher(tmp_path, tasks.returning())
        launcher.check()
        assert launcher.find(JobRequest(0, ())) is None
        assert launcher.find(JobRequest(0, (), 2)) is None
        assert launcher.cancel_command([]) == ""

    def test_settings_that_are_wrong_are_refused_with_a_sentence(self, tmp_path: Path) -> None:
        for number, override in enumerate(self.wrong_overrides):
            launcher = self.open_launcher(tmp_path / str(number), tasks.returning(), override)
            with pytest.raises(ConfigError, match=override.split("=")[0].rpartition(".")[2]):
                launcher.check()

    def test_it_says_how_many_jobs_run_at_once(self, tmp_path: Path) -> None:
        launcher = self.open_launcher(tmp_path, tasks.returning())
        launcher.check()
        assert launcher.max_jobs is None or launcher.max_jobs >= 1


class LauncherSuite(JobSuite):
    """Tests of a launcher that does not block. A subclass must set ``launcher`` and define ``obstruct``."""

    @classmethod
    def obstruct(cls, folder: Path, trial: int) -> Callable[[], None]:
        """Make the submission of this trial's next job fail, as a full disk would; return a function that undoes it."""
        raise NotImplementedError

    def test_submit_does_not_wait_and_as_many_run_at_once_as_it_says(self, tmp_path: Path) -> None:
        launcher = self.open_launcher(tmp_path, tasks.waiting_for(tmp_path / "go"))
        launcher.check()
        trials = range(min(launcher.max_jobs or 3, 4))
        handles = list(launcher.submit([_waiting(trial, answer=trial * 10) for trial in trials]))
        assert not (tmp_path / "go").exists()
        assert {handle.state() for handle in handles} <= {JobState.PENDING, JobState.RUNNING}
        for trial in trials:
            _wait_for_file(tmp_path / f"begun-{trial}", self.seconds)
        assert [self._begun(handle) for handle in handles] == [JobState.RUNNING] * len(trials)
        assert len({handle.job for handle in handles}) == len(trials)
        (tmp_path / "go").touch()
        assert wait_for(handles, self.seconds) == [JobState.FINISHED] * len(trials)
        assert [handle.result().value for handle in handles] == [trial * 10 for trial in trials]

    def test_a_job_that_is_killed_is_lost_and_one_line_says_why(self, tmp_path: Path) -> None:
        (handle,) = self.submitted(tmp_path, tasks.killing_itself(), JobRequest(0, ()))
        assert wait_for([handle], self.seconds) == [JobState.LOST]
        result = handle.result()
        assert result.value is None
        assert result.error
        assert "\n" not in result.error
        assert handle.state() is JobState.LOST, "it stays so"

    def test_a_cancelled_job_ends_without_a_result_and_the_others_go_on(self, tmp_path: Path) -> None:
        task = tasks.waiting_for(tmp_path / "go")
        cancelled, other = self.submitted(tmp_path, task, _waiting(0), _waiting(1))
        for trial in (0, 1):
            _wait_for_file(tmp_path / f"begun-{trial}", self.seconds)
        cancelled.cancel()
        cancelled.cancel()
        assert wait_for([cancelled], self.seconds) == [JobState.LOST]
        assert cancelled.result().error
        assert self._begun(other) is JobState.RUNNING
        (tmp_path / "go").touch()
        assert wait_for([other], self.seconds) == [JobState.FINISHED]
        other.cancel()
        assert other.state() is JobState.FINISHED
        assert other.result().value == 1

    def test_the_command_for_the_user_ends_the_jobs(self, tmp_path: Path) -> None:
        launcher = self.open_launcher(tmp_path, tasks.waiting_for(tmp_path / "go"))
        launcher.check()
        handles = launcher.submit([_waiting(0), _waiting(1)])
        for trial in (0, 1):
            _wait_for_file(tmp_path / f"begun-{trial}", self.seconds)
        command = launcher.cancel_command([handle.job for handle in handles])
        if command:
            subprocess.run(command, shell=True, check=True, timeout=self.seconds)
        else:
            for handle in handles:
                handle.cancel()
        assert wait_for(handles, self.seconds) == [JobState.LOST] * 2

    def test_a_job_outlives_the_process_that_submitted_it_and_is_attached_by_value(self, tmp_path: Path) -> None:
        job, result = self._submitted_by_a_process_that_is_killed(tmp_path)
        handle = self.open_launcher(tmp_path, tasks.returning()).attach(Job(**asdict(job)))
        assert handle.job == job
        _wait_for_file(tmp_path / "begun-5", self.seconds)
        assert self._begun(handle) is JobState.RUNNING
        (tmp_path / "go").touch()
        assert wait_for([handle], self.seconds) == [JobState.FINISHED]
        assert handle.result().value == result

    def test_a_job_is_found_whose_submitter_died_before_noting_its_id(self, tmp_path: Path) -> None:
        job, result = self._submitted_by_a_process_that_is_killed(tmp_path)
        launcher = self.open_launcher(tmp_path, tasks.returning())
        handle = launcher.find(_LEFT)
        assert handle is not None
        assert handle.job == job
        others = [replace(_LEFT, attempt=1), replace(_LEFT, attempt=3), replace(_LEFT, trial=4)]
        assert [launcher.find(other) for other in others] == [None, None, None]
        (tmp_path / "go").touch()
        assert wait_for([handle], self.seconds) == [JobState.FINISHED]
        assert handle.result().value == result

    def test_a_job_of_another_sweep_or_parameterization_is_neither_found_nor_ended(self, tmp_path: Path) -> None:
        job, result = self._submitted_by_a_process_that_is_killed(tmp_path)
        launcher = self.open_launcher(tmp_path, tasks.returning())
        others = [replace(_LEFT, sweep="another"), replace(_LEFT, overrides=("+trial=5", "+answer=51"))]
        assert [launcher.find(other) for other in others] == [None, None]
        (tmp_path / "go").touch()
        handle = launcher.attach(job)
        assert wait_for([handle], self.seconds) == [JobState.FINISHED]
        assert handle.result().value == result

    def test_overrides_that_are_not_the_trials_own_may_have_changed_when_its_job_is_found(self, tmp_path: Path) -> None:
        requests = [JobRequest(4, (f"+epochs={epochs}", "+returned=1"), sweep="one", common=1) for epochs in (3, 5)]
        (handle,) = self.submitted(tmp_path, tasks.returning(), requests[0])
        wait_for([handle], self.seconds)
        found = self.open_launcher(tmp_path, tasks.returning()).find(requests[1])
        assert found is not None
        assert found.job == handle.job

    def test_a_job_that_was_attached_can_be_cancelled(self, tmp_path: Path) -> None:
        job, _ = self._submitted_by_a_process_that_is_killed(tmp_path)
        _wait_for_file(tmp_path / "begun-5", self.seconds)
        handle = self.open_launcher(tmp_path, tasks.returning()).attach(job)
        handle.cancel()
        assert wait_for([handle], self.seconds) == [JobState.LOST]

    def test_a_job_of_another_attempt_is_not_taken_for_this_one(self, tmp_path: Path) -> None:
        requests = [JobRequest(4, (f"+returned={number}",), number) for number in (1, 2)]
        first, second = self.submitted(tmp_path, tasks.returning(), *requests)
        assert wait_for([first, second], self.seconds) == [JobState.FINISHED] * 2
        launcher = self.open_launcher(tmp_path, tasks.returning())
        found = [launcher.find(request) for request in requests]
        assert [handle and handle.job for handle in found] == [first.job, second.job]
        assert [handle and handle.result().value for handle in found] == [1, 2]
        assert first.job != second.job
        assert launcher.find(replace(requests[0], attempt=3)) is None

    def test_attempts_of_a_trial_have_one_folder_of_hydra(self, tmp_path: Path) -> None:
        handles = self.submitted(tmp_path, tasks.what_it_was_given(), JobRequest(4, (), 1), JobRequest(4, (), 2))
        wait_for(handles, self.seconds)
        folders = {handle.result().value["folder"] for handle in handles}
        assert folders == {str(tmp_path / "sweep/4")}

    def test_submission_is_all_or_nothing(self, tmp_path: Path) -> None:
        launcher = self.open_launcher(tmp_path, tasks.waiting_for(tmp_path / "go"))
        launcher.check()
        clear = self.obstruct(tmp_path, 2)
        requests = [_waiting(trial) for trial in range(3)]
        with pytest.raises(Exception, match=r".") as refusal:
            launcher.submit(requests)
        assert isinstance(refusal.value, Exception)
        assert [launcher.find(request) for request in requests] == [None, None, None]
        clear()
        (tmp_path / "go").touch()
        handles = launcher.submit(requests)
        assert wait_for(handles, self.seconds) == [JobState.FINISHED] * 3
        assert [handle.result().value for handle in handles] == [0, 1, 2]

    def _begun(self, handle: JobHandle) -> JobState:
        """Wait until the launcher reports a job as running or ended: it may ask the scheduler only at intervals."""
        return wait_until(handle, [JobState.RUNNING, *ENDED], self.seconds)

    def _submitted_by_a_process_that_is_killed(self, folder: Path) -> tuple[Job, int]:
        """A job of trial 5's second attempt, which waits for ``folder / "go"``, and the value that it will return."""
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_submit_and_die, args=(type(self), folder, there))
        process.start()
        there.close()
        with here:
            assert here.poll(self.seconds), "the process that submits says nothing"
            job = here.recv()
        process.join(self.seconds)
        assert process.exitcode == -signal.SIGKILL
        assert isinstance(job, Job)
        return job, 50


def _submit_and_die(suite: type[LauncherSuite], folder: Path, submitted: Any) -> None:
    launcher = suite.open_launcher(folder, tasks.waiting_for(folder / "go"))
    launcher.check()
    (handle,) = launcher.submit([_LEFT])
    submitted.send(handle.job)
    os.kill(os.getpid(), signal.SIGKILL)


def _waiting(trial: int, answer: int | None = None) -> JobRequest:
    return JobRequest(trial, (f"+trial={trial}", f"+answer={trial if answer is None else answer}"))


_LEFT = replace(_waiting(5, answer=50), attempt=2, sweep="one")
"""The job that its submitter left behind."""


def _wait_for_file(path: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} is still not there"
        time.sleep(0.05)

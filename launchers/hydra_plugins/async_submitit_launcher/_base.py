"""The base class of both launchers: Hydra's interface, in the sweeper's process and in the job's.

Every Hydra application in the environment imports this module, so it imports our other modules only when it needs them.
"""

import copy
import dataclasses
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from ax_moo.jobs.launcher import JobHandle, JobRequest
    from ax_moo.trial import Job
    from ax_moo_launchers.handle import Queue, SubmititHandle
    from ax_moo_launchers.job.own_call import OwnCall
    from ax_moo_launchers.no_job import NoJob
    from ax_moo_launchers.trial_params import TrialParams

log = logging.getLogger(__name__)

_STOCK_ARGUMENTS = 5
"""So many arguments of a job's call are those of a stock Submitit launcher's, which come first."""


class AsyncSubmititLauncher(Launcher, ABC):
    """An ``ax_moo.jobs.launcher.AsyncLauncher``; pickled, it is also the function that its jobs call."""

    name: ClassVar[str]
    is_blocking: bool = False
    max_jobs: int | None = None  # set by check()
    own_call: "OwnCall | None" = None  # pickles of an earlier version have neither
    modules_file: str | None = None  # where jobs keep the list of their imports

    def __init__(self, **params: Any) -> None:
        self.params = {key: _plain(value) for key, value in params.items()}
        self._queue: Queue | None = None
        self._trial_params: TrialParams | None = None
        self._travels = False  # whether a pickle of a job was found possible

    @abstractmethod
    def _open_queue(self) -> "Queue": ...

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_queue": None, "_trial_params": None}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        self.hydra_context = hydra_context
        self.task_function = task_function

    def run_jobs_through(self, launcher: Launcher) -> None:
        """Let the jobs call a launcher of the user's own in place of Hydra."""
        from ax_moo_launchers.job.own_call import OwnCall

        self.own_call = OwnCall(cast(Any, launcher))
        log.info("%s's own __call__ and checkpoint run in its jobs", type(launcher).__name__)

    @property
    def queue(self) -> "Queue":
        if self._queue is None:
            self._queue = self._open_queue()
        return self._queue

    def check(self) -> None:
        """Raise a ConfigError if no job could run with the launcher's settings."""
        from ax_moo.system.signals import check_warning_signal
        from ax_moo_launchers.job_folders import check_can_be_made
        from ax_moo_launchers.params import FIELDS, check_params

        check_params(self.common_params, FIELDS[self.name])
        check_warning_signal()
        check_can_be_made(self.queue.base, self.sweep_folder)
        self.queue.check()
        self._check_travels()
        self.max_jobs = self.queue.max_jobs

    def check_trials(self, overrides: Sequence[Sequence[str]]) -> None:
        """Raise a ConfigError if the settings of a job with such overrides would be wrong."""
        self.trial_params.note_groups(self.hydra_context.config_loader, overrides)
        if self.trial_params.depend_on_trial:
            for trial, each in enumerate(overrides):
                self._params_of(trial, each)

    @property
    def trial_params(self) -> "TrialParams":
        if self._trial_params is None:
            from ax_moo_launchers.params import FIELDS
            from ax_moo_launchers.trial_params import TrialParams

            self._trial_params = TrialParams(self.params, self.config, FIELDS[self.name])
        return self._trial_params

    @property
    def common_params(self) -> dict[str, Any]:
        """The settings without those that depend on the trial."""
        return {key: value for key, value in self.params.items() if key not in self.trial_params.keys}

    def _params_of(self, trial: int, overrides: Sequence[str]) -> dict[str, Any]:
        params = self.trial_params.of(self.hydra_context.config_loader, trial, overrides)
        if self.trial_params.depend_on_trial:
            self.queue.check_params(params)
        return params

    def _check_travels(self) -> None:
        if self._travels:
            return
        from ax_moo_launchers.job.call import pickled
        from ax_moo_launchers.job.unpicklable import check_travels

        check_travels(self, pickled)
        self._travels = True

    def submit(self, requests: "Sequence[JobRequest]") -> "Sequence[SubmititHandle | NoJob]":
        """Submit the jobs; a trial for which the launcher's settings cannot be resolved has none, and fails."""
        from ax_moo.system.errors import ConfigError
        from ax_moo_launchers.no_job import NoJob
        from ax_moo_launchers.submitted_jobs import note_asked

        self._make_sweep_dir()
        params: dict[JobRequest, dict[str, Any]] = {}
        handles: dict[JobRequest, SubmititHandle | NoJob] = {}
        for request in requests:
            try:
                own = self._params_of(request.trial, request.overrides)
                params[request] = self.queue.for_attempt(own, request.faults)
            except ConfigError as error:
                handles[request] = NoJob(str(error))
        calls = {request: (self._call(request, params[request]),) for request in params}
        handles |= dict(zip(calls, self.queue.submit(calls, params), strict=True))
        for request, own in params.items():
            asked = {key: own[key] for key in (*self.trial_params.keys, *(own.get("retry_resources") or ()))}
            handles[request].job = job = dataclasses.replace(handles[request].job, request=asked)
            if asked and job.folder:
                note_asked(job)
        return [handles[request] for request in requests]

    def is_ready(self) -> bool:
        return self.queue.is_ready()

    def close(self) -> None:
        if self._queue is not None:
            self._queue.close()

    def attach(self, job: "Job") -> "JobHandle":
        from ax_moo_launchers.attach import attach

        handle = attach(job)
        self.queue.adopt(handle)
        return handle

    def cancel_command(self, jobs: "Sequence[Job]") -> str:
        from ax_moo_launchers.attach import cancel_command

        return cancel_command(jobs)

    def end_ready_jobs(self) -> None:
        """End the jobs that have no trial, because no more trials come."""
        self.queue.end_ready_jobs()

    @property
    def sweep_folder(self) -> Path:
        return Path(str(self.config.hydra.sweep.dir)).absolute()

    def find(self, request: "JobRequest") -> "JobHandle | None":
        from ax_moo_launchers.submitted_jobs import requested_job

        folder = self.queue.folder(request)
        job = requested_job(folder, request)
        if job is not None:
            return self.attach(job)
        self.queue.end_orphans(folder)
        return None

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """The blocking launch of Hydra's interface: submit all jobs, wait for them, return their results in order."""
        from hydra_plugins.async_submitit_launcher import _blocking

        return _blocking.launch(self, job_overrides, initial_job_idx)

    def __call__(
        self,
        sweep_overrides: list[str],
        job_dir_key: str,
        job_num: int,
        job_id: str,
        singleton_state: dict[type, Singleton],
        sweep: str = "",
        common: int = 0,
    ) -> JobReturn:
        """Run one trial in the job's process. Jobs that an earlier version has queued do not know their sweep's id."""
        from ax_moo_launchers.job.job import run

        Singleton.set_state(singleton_state)
        setup_globals()
        hydra = (self.hydra_context, self.config, self.task_function)
        return run(
            *hydra, self.params, sweep_overrides, job_dir_key, job_num, sweep, common, self.own_call, self.modules_file
        )

    def checkpoint(self, *args: Any, **kwargs: Any) -> Any:
        """The call that Submitit submits when it requeues a job that is preempted or timed out: the same again."""
        import submitit

        again = copy.copy(self)
        if self.own_call is not None:
            again.own_call = self.own_call.checkpoint(*args[:_STOCK_ARGUMENTS])
            if again.own_call is None:
                return None
        return submitit.helpers.DelayedSubmission(again, *args, **kwargs)

    def _call(self, request: "JobRequest", params: dict[str, Any]) -> Any:
        """What the job of a request does: :meth:`__call__` with these arguments, in the user's program."""
        from ax_moo_launchers.job.call import pack

        function = copy.copy(self)
        function.params = params
        job_id, state = f"job_id_for_{request.trial}", Singleton.get_state()
        overrides = list(request.overrides)
        return pack(function, overrides, "hydra.sweep.dir", request.trial, job_id, state, request.sweep, request.common)

    def _list_file(self, *kind: str) -> Path:
        """The file in which what trials import is kept for the next sweep."""
        from ax_moo_launchers.warm.lists import list_file

        choices = OmegaConf.to_container(self.config.hydra.runtime.choices)
        env_set = OmegaConf.to_container(self.config.hydra.job.env_set)
        return list_file(self.task_function, choices, env_set, self.sweep_folder, *kind)

    def _make_sweep_dir(self) -> None:
        sweep = self.config.hydra.sweep
        Path(str(sweep.dir)).mkdir(parents=True, exist_ok=True)
        if sweep.get("mode") is not None:
            os.chmod(str(sweep.dir), int(str(sweep.mode), 8))


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value

"""LocalQueue: submits jobs as processes of this machine, each with its own GPUs."""

import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from ax_moo.jobs.folders import attempt_folder, base_of, of_sweep
from ax_moo.jobs.launcher import JobHandle, JobRequest, JobState
from ax_moo.jobs.refusals import NotNow
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Fault, Job
from ax_moo_launchers.files import has_pickle, remove_unpublished
from ax_moo_launchers.local import gpus
from ax_moo_launchers.local.controller import CONTROLLER
from ax_moo_launchers.local.cores import available_cores
from ax_moo_launchers.local.executor import Executor
from ax_moo_launchers.local.handle import LocalHandle
from ax_moo_launchers.local.warmth import Warmth
from ax_moo_launchers.warm.preload import check_preload


class LocalQueue:
    """Submits jobs to this machine, and remembers the unfinished ones, whose GPUs are in use."""

    def __init__(self, params: Mapping[str, Any], sweep_folder: Path, modules_file: Path | None = None) -> None:
        """``modules_file`` has the list of what jobs import, as soon as one has written it; None: all begin cold."""
        self.params = params
        preload = tuple(params.get("preload") or ())
        self._warmth = None if modules_file is None else Warmth(modules_file, preload)
        self._sweep_folder = sweep_folder
        self._pool: gpus.GpuPool | None = None
        self._checked = False
        self._jobs: dict[Job, LocalHandle] = {}

    @property
    def base(self) -> Path:
        return base_of(str(self.params["submitit_folder"]), self._sweep_folder)

    def folder(self, request: JobRequest) -> Path:
        of_this_sweep = of_sweep(self.base, self._sweep_folder, request.sweep)
        return attempt_folder(of_this_sweep, request.trial, request.attempt)

    @property
    def max_jobs(self) -> int | None:
        """How many jobs the GPUs take; None if jobs need no GPU."""
        self.check()
        if self._pool is None or not self._pool.gpus_per_job:
            return None
        return len(self._pool.gpus) * self._pool.jobs_per_gpu // self._pool.gpus_per_job

    @property
    def default_parallel(self) -> int:
        """As many jobs as the GPUs take; without GPUs, as many as the cores take."""
        cores_per_job = (self.params.get("cpus_per_task") or 1) * (self.params.get("tasks_per_node") or 1)
        return self.max_jobs or max(1, available_cores() // cores_per_job)

    def check(self) -> None:
        _check_nodes(self.params)
        check_preload(self.params.get("preload") or ())
        if not self._checked:
            self._pool = gpus.open_pool(self.params)
            self._checked = True

    def check_params(self, params: Mapping[str, Any]) -> None:
        _check_nodes(params)
        if self._pool is not None and self._pool.gpus:
            gpus.check_number(params.get("gpus_per_node") or 1, self._pool.gpus)

    def for_attempt(self, params: Mapping[str, Any], faults: Sequence[Fault]) -> dict[str, Any]:
        return dict(params)

    def submit(
        self, calls: Mapping[JobRequest, tuple[Any, ...]], params: Mapping[JobRequest, Mapping[str, Any]]
    ) -> Sequence[LocalHandle]:
        self.check()
        handles: list[LocalHandle] = []
        try:
            for request, call in calls.items():
                handles.append(self._submit_one(request, call, params[request]))
        except BaseException:
            # The caller would not know the jobs that already run.
            for handle in handles:
                handle.withdraw()
            raise
        return handles

    def is_ready(self) -> bool:
        return self._warmth is None or self._warmth.is_ready()

    def close(self) -> None:
        if self._warmth is not None:
            self._warmth.close()

    def adopt(self, handle: JobHandle) -> None:
        """Remember a job that an earlier process submitted to this machine, so that its GPUs are in use."""
        if isinstance(handle, LocalHandle) and handle.is_here:
            self._jobs[handle.job] = handle

    def end_ready_jobs(self) -> None:
        """Do nothing: each job has its trial."""

    def end_orphans(self, folder: Path) -> None:
        """End controllers that wait for a pickle that never comes, because their sweeper was killed meanwhile."""
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            is_of_folder = CONTROLLER in command and str(folder.absolute()) in command
            if is_of_folder and not has_pickle(folder, str(process.pid)):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
        remove_unpublished(folder)

    def _submit_one(self, request: JobRequest, call: tuple[Any, ...], params: Mapping[str, Any]) -> LocalHandle:
        if self._warmth is not None:
            self._warmth.sweep = request.sweep
        own_gpus = self._next_gpus(params.get("gpus_per_node"))
        job = Executor(self.folder(request), own_gpus, params, self._warmth).submit_call(call, request)
        self._jobs[job] = LocalHandle(job)
        return self._jobs[job]

    def _next_gpus(self, number: int | None) -> tuple[str, ...] | None:
        self._jobs = {job: handle for job, handle in self._jobs.items() if handle.is_alive()}
        if self._pool is None:
            return None
        states = [(handle, handle.state()) for handle in self._jobs.values()]
        held = [handle.gpus for handle, state in states if state is JobState.RUNNING]
        fading = [handle.gpus for handle, state in states if state is not JobState.RUNNING]
        # More than most jobs need may not be free yet.
        if held and number is not None and self._pool.gpus_per_job < number > self._pool.free(held):
            raise NotNow(f"{number} GPUs are not free yet")
        return self._pool.take(held, fading, number)


def _check_nodes(params: Mapping[str, Any]) -> None:
    if (params.get("nodes") or 1) > 1:
        raise ConfigError(
            f"hydra.launcher.nodes: must be 1, because a local job runs on this machine only, got {params['nodes']}"
        )

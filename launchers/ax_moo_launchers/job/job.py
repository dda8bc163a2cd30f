"""Running one trial in the job's process: compose its config, run the task function, return its result."""

import gc
import os
import pickle
import signal
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from ax_moo.jobs.environment import ENV_SET, is_of_one_run
from ax_moo.jobs.hydra_files import make_private
from ax_moo.jobs.ownership import owned
from ax_moo.jobs.program import OneProgram
from ax_moo.system.hydra_internals import returned
from ax_moo.system.signals import let_in, recorded, warning_signal
from ax_moo.system.text import uncut_error_line
from ax_moo_launchers.files import leave_note
from ax_moo_launchers.job import carried, exit_codes, time_limit
from ax_moo_launchers.job.children import leave_signals_to_the_job
from ax_moo_launchers.job.exit_codes import COULD_NOT_BE_REQUEUED, TIME_LIMIT, no_room
from ax_moo_launchers.job.own_call import OwnCall
from ax_moo_launchers.warm import origin


def run(
    hydra_context: HydraContext,
    config: DictConfig,
    task_function: TaskFunction,
    params: dict[str, Any],
    overrides: list[str],
    job_dir_key: str,
    job_num: int,
    sweep: str = "",
    common: int = 0,
    own_call: OwnCall | None = None,
    modules_file: str | None = None,
) -> JobReturn:
    """Run one trial. A process without a GPU can read its result. ``params`` are the launcher's.

    ``sweep`` is the id of the trial's sweep; it is empty under another sweeper. The first ``common`` overrides are
    those of every trial. ``own_call`` runs the trial in place of Hydra's ``run_job``. In ``modules_file`` a trial that
    has completed keeps the list of what it has imported.
    """
    gc.enable()  # it is off while the job is unpickled
    # Submitit notes it in the log. Where it is caught, another thread may take a signal that is sent right before or
    # after it, and a main thread that sleeps does not wake up.
    signal.signal(signal.SIGCONT, signal.SIG_DFL)
    end_is_near = warning_signal()
    with recorded(signal.SIGTERM, end_is_near) as came, recorded(signal.SIGINT) as interrupted:
        leave_signals_to_the_job(signal.SIGTERM, end_is_near)
        try:
            with let_in(end_is_near):
                hydra = (hydra_context, config, task_function)
                of_trial = (overrides, job_dir_key, job_num, sweep)
                modules_file = modules_file or carried.modules_file()
                result = _compose_and_run(hydra, of_trial, common, own_call, modules_file)
        except BaseException as error:  # also a Rust panic, or pytest.exit
            if interrupted and isinstance(error, KeyboardInterrupt):
                raise
            result = JobReturn(overrides=overrides)
            result.return_value, result.status = error, JobStatus.FAILED
        if result.status is JobStatus.FAILED:
            traceback.print_exception(returned(result))
            _end_if_not_its_own_fault(returned(result), came, params)
    # The work is done: a time limit or preemption that comes now must not prevent the result from being written.
    signal.signal(end_is_near, signal.SIG_IGN)
    return _portable(result)


def _compose_and_run(
    hydra: tuple[HydraContext, DictConfig, TaskFunction],
    of_trial: tuple[list[str], str, int, str],
    common: int,
    own_call: OwnCall | None,
    modules_file: str | None,
) -> JobReturn:
    hydra_context, sweep_config, task_function = hydra
    overrides, job_dir_key, job_num, sweep = of_trial
    config = _composed(hydra_context, sweep_config, overrides, job_num)
    origin.begin_cold_unless(config.hydra.job.env_set)
    imported, environ = tuple(sys.modules), dict(os.environ)
    if own_call is not None:
        own_call.own(sweep, common)
        result = own_call(overrides, job_dir_key, job_num, f"job_id_for_{job_num}", Singleton.get_state())
    else:
        make_private(config, job_dir_key)
        result = run_job(
            hydra_context=hydra_context,
            task_function=OneProgram(origin.with_its_loggers(owned(task_function, sweep, common)), is_last=True),
            config=config,
            job_dir_key=job_dir_key,
            job_subdir_key="hydra.sweep.subdir",
        )
    if modules_file is not None and result.status is JobStatus.COMPLETED:
        origin.remember(Path(modules_file), imported, config.hydra.job.env_set, environ, sweep)
    return result


def _composed(hydra_context: HydraContext, sweep_config: DictConfig, overrides: list[str], job_num: int) -> DictConfig:
    import submitit

    # Hydra 1.3 warns about an application's own hydra/sweeper/ax_moo.yaml in the log of every trial.
    warnings.filterwarnings("ignore", message=r"\s*'hydra/sweeper/ax_moo' is validated")
    config: DictConfig = hydra_context.config_loader.load_sweep_config(sweep_config, overrides)
    with open_dict(config):
        config.hydra.job.id = submitit.JobEnvironment().job_id
        config.hydra.job.num = job_num
        if submitit.JobEnvironment().global_rank != 0:
            _be_no_run(config)
    return config


def _be_no_run(config: DictConfig) -> None:
    """Let a rank other than the first have a run of its own: in a tracker two processes cannot be one run."""
    for override in filter(is_of_one_run, config.hydra.overrides.hydra):
        del config.hydra.job.env_set[override.removeprefix(ENV_SET).partition("=")[0]]


def _end_if_not_its_own_fault(error: BaseException, came: set[int], params: dict[str, Any]) -> None:
    """End the process without a result if the task function did not fail by itself: the job is LOST, or runs again.

    A signal ends a job by an exception inside the task function, and Hydra takes it for the task's own failure.
    """
    import submitit

    is_not_requeued = type(error) is submitit.core.utils.UncompletedJobError and "not requeued" in str(error)
    if is_not_requeued and time_limit.was_over():
        limit = params.get("timeout_min")
        _end(exit_codes.TERMINATED, f"{TIME_LIMIT} of {limit} min reached" if limit else f"{TIME_LIMIT} reached")
    if signal.SIGTERM in came:
        # Without a note: the sender of the signal knows better why, and Slurm may run the job again.
        _end(exit_codes.TERMINATED)
    if came and isinstance(error, SystemExit):
        raise error  # Submitit has requeued the job
    if came:
        _end(exit_codes.TERMINATED, f"{COULD_NOT_BE_REQUEUED}: {uncut_error_line(error)}")
    why = no_room(error, submitit.JobEnvironment().paths.folder)
    if why is not None:
        _end(exit_codes.NO_ROOM, why)


def _end(code: int, note: str | None = None) -> NoReturn:
    import submitit

    environment = submitit.JobEnvironment()
    if note is not None and environment.global_rank == 0:
        leave_note(environment.paths.folder, environment.job_id, note)
    raise SystemExit(code)


def _on_cpu(value: Any) -> Any:
    """The value with its tensors on the CPU: the sweep may have no GPU to unpickle them to."""
    if type(value) is dict:
        return {key: _on_cpu(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_on_cpu, value))
    return value.detach().cpu() if hasattr(value, "detach") and hasattr(value, "cpu") else value


def _portable(result: JobReturn) -> JobReturn:
    """The result in a form that can be pickled: Submitit writes no result if pickling fails.

    The line about an error is made here, because a pickled exception loses its cause.
    """
    import cloudpickle

    if isinstance(returned(result), SystemExit):
        result.return_value = RuntimeError(f"the task function called sys.exit({returned(result).code!r})")
    if result.status is JobStatus.FAILED:
        result.error_line = uncut_error_line(returned(result))
        if not isinstance(returned(result), Exception):
            # Whoever reads the value raises it, and only an Exception does not end the reader's process.
            result.return_value = RuntimeError(result.error_line)
    else:
        result.return_value = _on_cpu(returned(result))
    try:
        pickle.loads(cloudpickle.dumps(result))
    except Exception as error:
        if result.status is not JobStatus.FAILED:
            kind = type(returned(result)).__name__
            result.error_line = f"TypeError: the task function returned {kind}, which cannot be pickled: {error}"
        result.status = JobStatus.FAILED
        result.return_value = RuntimeError(result.error_line)
    return result

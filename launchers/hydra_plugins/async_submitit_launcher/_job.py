"""What runs in the job's own process."""

import pickle
import warnings
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus, run_job
from omegaconf import open_dict

from ax_moo.job_results import error_line
from hydra_plugins.async_submitit_launcher._files import note_file, write_aside

if TYPE_CHECKING:
    from hydra_plugins.async_submitit_launcher._base import AsyncSubmititLauncher


def run(launcher: "AsyncSubmititLauncher", overrides: list[str], job_dir_key: str, job_num: int) -> JobReturn:
    try:
        result = _compose_and_run(launcher, overrides, job_dir_key, job_num)
    except Exception as error:
        result = JobReturn(overrides=overrides)
        result.return_value, result.status = error, JobStatus.FAILED
    _end_at_time_limit(result, launcher.params)
    return _portable(result)


def _compose_and_run(
    launcher: "AsyncSubmititLauncher", overrides: list[str], job_dir_key: str, job_num: int
) -> JobReturn:
    import submitit

    # Hydra 1.3 warns of every application's own hydra/sweeper/ax_moo.yaml, in the log of every trial.
    warnings.filterwarnings("ignore", message=r"\s*'hydra/sweeper/ax_moo' is validated")
    config = launcher.hydra_context.config_loader.load_sweep_config(launcher.config, overrides)
    with open_dict(config):
        config.hydra.job.id = submitit.JobEnvironment().job_id
        config.hydra.job.num = job_num
    return run_job(
        hydra_context=launcher.hydra_context,
        task_function=launcher.task_function,
        config=config,
        job_dir_key=job_dir_key,
        job_subdir_key="hydra.sweep.subdir",
    )


def _end_at_time_limit(result: JobReturn, params: dict[str, Any]) -> None:
    """End without a result when submitit's signal handler has stopped the task function.

    Submitit raises its exception inside the task function, where Hydra takes it for the task's own. The job was
    not wrong, it was ended: it must be LOST like any other job that the scheduler ended.
    """
    import submitit

    error = result._return_value
    if type(error) is submitit.core.utils.UncompletedJobError and "not requeued" in str(error):
        environment = submitit.JobEnvironment()
        limit = params.get("timeout_min")
        note = f"time limit of {limit} min reached" if limit else "time limit reached"
        write_aside(note_file(environment.paths.folder, environment.job_id), note)
        raise SystemExit(note)


def _on_cpu(value: Any) -> Any:
    """The value with its tensors on the CPU: the sweep may run where there is no GPU to unpickle them to."""
    if type(value) is dict:
        return {key: _on_cpu(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_on_cpu, value))
    return value.detach().cpu() if hasattr(value, "detach") and hasattr(value, "cpu") else value


def _portable(result: JobReturn) -> JobReturn:
    """A result that can be read back: submitit writes none at all where pickling fails.

    The line about an error is made here, because pickling an exception loses what it was raised from.
    """
    import cloudpickle

    if result.status is JobStatus.FAILED:
        result.error_line = error_line(result._return_value)
    else:
        result.return_value = _on_cpu(result._return_value)
    try:
        pickle.loads(cloudpickle.dumps(result))
    except Exception as error:
        if result.status is not JobStatus.FAILED:
            kind = type(result._return_value).__name__
            result.error_line = f"TypeError: the task function returned {kind}, which cannot be pickled: {error}"
        result.status = JobStatus.FAILED
        result.return_value = RuntimeError(result.error_line)
    return result

"""Creates a launcher as Hydra does, for tests without a sweep, and waits for its jobs."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobRuntime, setup_globals
from hydra.types import RunMode

from ax_moo.jobs.launcher import JobHandle, JobState
from ax_moo.system.hydra_internals import hydra_context

ENDED = (JobState.FINISHED, JobState.LOST)
Task = Callable[[Any], Any]


def open_launcher(folder: Path, name: str, task: Task, *overrides: str, config: str = "{}") -> Any:
    """The launcher ``hydra/launcher=name``, for a sweep in ``folder`` whose config file has this text."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(config)
    setup_globals()
    JobRuntime.instance().set("name", "test")
    context = hydra_context(str(folder))
    overrides = (f"hydra/launcher={name}", f"hydra.sweep.dir='{folder}/sweep'", "hydra.job.chdir=false", *overrides)
    composed = context.config_loader.load_configuration("config", list(overrides), RunMode.MULTIRUN)
    return Plugins.instance().instantiate_launcher(context, task, composed)


def wait_for(handles: Sequence[JobHandle], seconds: float = 90.0) -> list[JobState]:
    """Wait until all jobs have ended, and return their states."""
    return [wait_until(handle, ENDED, seconds) for handle in handles]


def wait_until(handle: JobHandle, states: Sequence[JobState], seconds: float = 90.0) -> JobState:
    deadline = time.monotonic() + seconds
    while (state := handle.state()) not in states:
        assert time.monotonic() < deadline, f"job {handle.job.job_id} is still {state}"
        time.sleep(0.05)
    return state

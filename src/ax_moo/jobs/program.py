"""A trial as a program of its own, for what starts the job's program again.

Lightning, for one, starts the other ranks of a distributed training with the job's ``__main__`` and ``sys.argv``. Those
of a sweep would start a second sweep, so that a trial has the command line that runs this trial alone. A process that
was started with it belongs to the job: it has the job's folder, leaves Hydra's files there alone, and its result is
nobody's.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, read_write

from ax_moo.jobs import environment
from ax_moo.jobs.ranks import end_ranks
from ax_moo.measurements import RANK_OF
from ax_moo.system import forks
from ax_moo.system.hydra_internals import known_arguments


class OneProgram:
    """A task function during which ``sys.argv`` is its trial's. It can be pickled if the task function can.

    ``is_last`` says that the process ends with this trial.
    """

    def __init__(self, task_function: Callable[[Any], Any], is_last: bool = False) -> None:
        self.task_function = task_function
        self.is_last = is_last

    def __call__(self, config: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            with forks.ended():  # another trial runs in this process, which has only one command line
                return self.task_function(config)
        with environment.of_one_trial(self.is_last), _command_line(HydraConfig.get()), end_ranks(), forks.ended():
            return self.task_function(config)


@contextmanager
def _command_line(hydra: Any) -> Iterator[None]:
    """Within the block ``sys.argv`` runs this trial alone; ``hydra.run.dir``, which Lightning adds, is its folder."""
    folder, before = str(hydra.runtime.output_dir), list(sys.argv)
    with read_write(hydra.run):
        hydra.run.dir = folder
    sys.argv[1:] = [*_options(before[1:]), *_overrides(hydra, folder)]
    os.environ[RANK_OF] = folder
    try:
        yield
    finally:
        sys.argv[:] = before
        os.environ.pop(RANK_OF, None)


def _options(arguments: Sequence[str]) -> list[str]:
    """Those of Hydra's options that say where the config is."""
    given = known_arguments(arguments)
    named = {"--config-path": given.config_path, "--config-name": given.config_name, "--config-dir": given.config_dir}
    return [part for option, value in named.items() if value is not None for part in (option, value)]


def _overrides(hydra: Any, folder: str) -> list[str]:
    given = [o for o in hydra.overrides.hydra if not (o.startswith("hydra.mode=") or environment.is_of_one_run(o))]
    fixed = {"run.dir": folder, "sweep.dir": str(hydra.sweep.dir), "sweep.subdir": str(hydra.sweep.subdir)}
    for key in ("id", "num"):
        if not OmegaConf.is_missing(hydra.job, key):
            fixed[f"job.{key}"] = hydra.job[key]
    ours = [f"hydra.{key}={_quoted(value)}" for key, value in fixed.items()]
    return [*given, *hydra.overrides.task, "hydra.mode=RUN", "hydra.output_subdir=null", *ours]


def _quoted(value: Any) -> str:
    from hydra.core.override_parser.types import Quote, QuotedString

    return str(value) if isinstance(value, int) else str(QuotedString(str(value), Quote.single).with_quotes())

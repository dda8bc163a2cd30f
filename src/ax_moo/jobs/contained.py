"""A task function for launchers that block, which never ends the process that runs it.

Hydra records only an Exception as a trial's failure. Anything else, such as a Rust panic or ``sys.exit``, would end the
launcher's whole round, and with it trials that have done nothing wrong.
"""

import functools
from typing import Any

from ax_moo.system import forks
from ax_moo.system.contained import contained


class Contained:
    """Calls the task function; Ctrl-C and other signals still interrupt it."""

    def __init__(self, task_function: Any) -> None:
        self._task_function = task_function
        functools.update_wrapper(self, task_function)

    def __call__(self, config: Any) -> Any:
        with contained(), forks.ended():
            return self._task_function(config)


def contain(launcher: Any) -> None:
    """Let a launcher that keeps its task function where Hydra's own launchers do call it contained."""
    task_function = getattr(launcher, "task_function", None)
    if callable(task_function) and not isinstance(task_function, Contained):
        launcher.task_function = Contained(task_function)

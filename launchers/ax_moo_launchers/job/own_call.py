"""The job of a launcher class of the user's own, which changes ``__call__`` or ``checkpoint`` of a stock launcher."""

from collections.abc import Callable
from typing import Any

from hydra.core.utils import JobReturn

from ax_moo.jobs.ownership import owned
from ax_moo.jobs.program import OneProgram


class OwnCall:
    """Calls the user's launcher as Submitit would, with the arguments of the stock launcher.

    After a checkpoint it calls what the checkpoint has returned, with the arguments given there.
    """

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...] | None = None, kwargs: dict[str, Any] | None = None
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs or {}

    def __call__(self, *args: Any) -> JobReturn:
        result = self.function(*self._args(args), **self.kwargs)
        if not isinstance(result, JobReturn):
            raise TypeError(
                f"{type(self.function).__name__}.__call__ must return Hydra's JobReturn, as the stock launcher does, "
                f"got {type(result).__name__}"
            )
        return result

    def own(self, sweep: str, common: int) -> None:
        """Let the user's launcher run the trial only in a folder of its own."""
        task_function = getattr(self.function, "task_function", None)
        if callable(task_function):
            vars(self.function)["task_function"] = OneProgram(owned(task_function, sweep, common), is_last=True)

    def checkpoint(self, *args: Any) -> "OwnCall | None":
        """The call of a job that runs again; None if it must not, as the user's ``checkpoint`` says."""
        asked = getattr(self.function, "__submitit_checkpoint__", None) or getattr(self.function, "checkpoint", None)
        if asked is None:
            return self
        again = asked(*self._args(args), **self.kwargs)
        return None if again is None else OwnCall(again.function, again.args, again.kwargs)

    def _args(self, first: tuple[Any, ...]) -> tuple[Any, ...]:
        return first if self.args is None else self.args

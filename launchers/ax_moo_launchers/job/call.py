"""A call that a job makes as a part of the user's program: with its ``sys.path``, its arguments, and its ``__main__``.

A job unpickles a :class:`PackedCall` of ours first. The user's modules are needed only for the call that it contains.
"""

import multiprocessing
import pickle
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ax_moo.system.private_files import all_private
from ax_moo.system.terminal import say_as_error
from ax_moo.system.text import error_line
from ax_moo_launchers.job.by_reference import by_reference, small_by_value
from ax_moo_launchers.job.given import kept
from ax_moo_launchers.job.script import Script, leave_main_without_a_name
from ax_moo_launchers.search_path import SearchPath


@dataclass
class PackedCall:
    """``fallback`` is the call with the script's code by value, for a job that cannot execute the script again.

    ``start_method`` is that of ``multiprocessing``, as far as one is set.
    """

    path: SearchPath
    arguments: tuple[str, ...]
    script: Script | None
    call: bytes
    fallback: bytes | None = None
    start_method: str | None = None  # pickles of an earlier version do not have it

    def __post_init__(self) -> None:
        self._unpacked: tuple[Any, ...] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_unpacked": None}

    def __call__(self) -> Any:
        sys.path[:], sys.argv[:] = self.path.merged(sys.path), self.arguments
        with kept():
            self._unpacked = self._unpack()
        if self.start_method is not None:
            multiprocessing.set_start_method(self.start_method, force=True)
        function, *arguments = self._unpacked
        try:
            return function(*arguments)
        finally:
            all_private()  # Submitit writes the result next, with the trial's config in it

    def checkpoint(self) -> Any:
        """The call that Submitit submits when it requeues a job that is preempted or timed out.

        It is the same again, unless the user's own launcher has a checkpoint that decides.
        """
        import submitit

        all_private()
        if self._unpacked is None or getattr(self._unpacked[0], "own_call", None) is None:
            return submitit.helpers.DelayedSubmission(self)
        function, *arguments = self._unpacked
        again = function.checkpoint(*arguments)
        return None if again is None else submitit.helpers.DelayedSubmission(self._with(again.function, *again.args))

    def _with(self, *call: Any) -> "PackedCall":
        defined = self.script.defined if self.script else ()
        return replace(self, call=by_reference(call, defined), fallback=small_by_value(call) if self.script else None)

    def _unpack(self) -> tuple[Any, ...]:
        try:
            if self.script is not None:
                self.script.become_main()
            else:
                leave_main_without_a_name()
            return _loaded(self.call)
        except (Exception, SystemExit) as error:
            if self.script is None:
                raise
            traceback.print_exc()
            why = f"{self.script.file} cannot be executed again in a job: {error_line(error)}"
            if self.fallback is None:
                raise RuntimeError(f"{why}; put what can run only once under `if __name__ == '__main__':`") from error
        say_as_error(f"{why}; its functions are those that the sweeper has pickled")
        self.script, self.call = None, self.fallback
        leave_main_without_a_name()
        return _loaded(self.call)


def pack(function: Callable[..., Any], *arguments: Any) -> PackedCall:
    call, script = (function, *arguments), Script.here()
    fallback = small_by_value(call) if script else None
    start_method = multiprocessing.get_start_method(allow_none=True)
    return PackedCall(SearchPath.here(), tuple(sys.argv), script, pickled(call), fallback, start_method)


def pickled(value: Any) -> bytes:
    """The pickle of a value as it travels to a job."""
    script = Script.here()
    return by_reference(value, script.defined if script else ())


def _loaded(call: bytes) -> tuple[Any, ...]:
    loaded: tuple[Any, ...] = pickle.loads(call)
    return loaded

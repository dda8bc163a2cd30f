"""The user's script as ``__main__`` of a job."""

import ast
import functools
import importlib.machinery
import importlib.util
import inspect
import linecache
import os
import pickle
import sys
import tokenize
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import CodeType, ModuleType

from ax_moo_launchers.job.arguments import given_arguments
from ax_moo_launchers.job.children import leave_script_to_the_job
from ax_moo_launchers.job.set_up import bound, has, set_up_by


@dataclass(frozen=True)
class Script:
    """The program of the sweeper's process, up to the statement that runs the sweep.

    That statement is the block under ``if __name__ == "__main__":``, or a call that has no such guard. A job executes
    what comes before it, as a child of ``multiprocessing`` does; what that statement has set comes with its value.

    Attributes:
        module: the name of the module after ``python -m``; None for ``python train.py``.
        length: the number of statements to execute.
        defined: the names that these statements give to the module, without those that the statement gives anew.
        arguments: the script's command line, which the script may have changed.
        values: pickles of what the statement, and functions that it calls, have set or mention.
    """

    file: str
    module: str | None
    source: str
    length: int
    is_guarded: bool
    defined: frozenset[str]
    arguments: tuple[str, ...] = ()
    values: Mapping[str, bytes] = field(default_factory=dict)

    @staticmethod
    def here() -> "Script | None":
        """The script that this process runs; None if it is not one, or its file has changed since it was started."""
        main = sys.modules["__main__"]
        running = _running(main)
        return None if running is None else _script(main, *running)

    def become_main(self) -> None:
        """Make the script this process's ``__main__``; multiprocessing calls that ``__mp_main__`` as well.

        Raises:
            Exception: the script cannot be executed again.
        """
        before = {name: sys.modules.get(name) for name in ("__main__", "__mp_main__")}
        main = ModuleType("__main__")
        try:
            _install(main)
            self._execute(main)
        except BaseException:
            for name, module in before.items():
                _install(module, name)
            raise
        if not self.is_guarded:
            leave_script_to_the_job()

    def _execute(self, main: ModuleType) -> None:
        main.__file__ = self.file
        if self.module is not None:
            main.__spec__ = importlib.util.find_spec(self.module)
            if main.__spec__ is None:
                raise ImportError(f"No module named {self.module!r}", name=self.module)
            main.__package__, main.__loader__ = main.__spec__.parent, main.__spec__.loader
        else:
            main.__loader__ = importlib.machinery.SourceFileLoader("__main__", self.file)
        sys.argv[1:] = self.arguments
        # The sweeper's own execution of `@hydra.main` has shown it once; it would be in the log of every trial.
        warnings.filterwarnings("ignore", message=r"\s*The version_base parameter is")
        # Tracebacks show these lines, also if the file has been edited since the sweep began.
        linecache.cache[self.file] = (len(self.source), None, self.source.splitlines(keepends=True), self.file)
        tree = ast.parse(self.source, self.file)
        exec(_compiled(tree.body[: self.length], self.file), vars(main))
        for name, value in self.values.items():
            owner, _, attribute = name.rpartition(".")
            of = getattr(main, owner) if owner else main
            if not has(of, attribute, value, self.defined):
                setattr(of, attribute, pickle.loads(value))


def leave_main_without_a_name() -> None:
    """Let a job whose ``__main__`` is not the user's script be started again by ``sys.argv``, and not as what it is."""
    sys.modules["__main__"].__spec__ = None


@functools.cache
def _script(main: ModuleType, running: CodeType, place: tuple[int, int]) -> Script | None:
    file, spec = os.path.abspath(str(main.__file__)), getattr(main, "__spec__", None)  # in a debugger it has none
    try:
        with tokenize.open(file) as stream:
            source = stream.read()
        tree = ast.parse(source, file)
        if compile(source, file, "exec", dont_inherit=True) != running:
            return None
    except (OSError, SyntaxError, ValueError):
        return None
    length, statement = next((at, each) for at, each in enumerate(tree.body) if place < _end(each))
    before = _compiled(tree.body[:length], file)
    module = spec.name if spec and spec.name != "__main__" else None  # it is __main__ for `python FOLDER`
    script = Script(file, module, source, length, _is_guard(statement), frozenset(bound(before)))
    running_it = _compiled([statement], file)
    defined = script.defined - set(bound(running_it))
    values = set_up_by(running_it, running, main, defined)
    return replace(script, arguments=given_arguments(file, module), defined=defined, values=values)


def _running(main: ModuleType) -> tuple[CodeType, tuple[int, int]] | None:
    """The code of the script and the place that it has reached; None outside of its thread, or for no script."""
    frame = inspect.currentframe()
    while frame is not None and getattr(main, "__file__", None):
        if frame.f_globals is vars(main) and frame.f_code.co_name == "<module>":
            positions = inspect.getframeinfo(frame, context=0).positions
            return frame.f_code, (frame.f_lineno, (positions and positions.col_offset) or 0)
        frame = frame.f_back
    return None


def _end(statement: ast.stmt) -> tuple[int, int]:
    return statement.end_lineno or statement.lineno, statement.end_col_offset or 0


def _compiled(body: list[ast.stmt], file: str) -> CodeType:
    return compile(ast.Module(body, []), file, "exec", dont_inherit=True)


def _is_guard(statement: ast.stmt) -> bool:
    """Whether a statement begins like ``if __name__ == "__main__":``."""
    return isinstance(statement, ast.If) and any(
        isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(statement.test)
    )


def _install(main: ModuleType | None, *names: str) -> None:
    for name in names or ("__main__", "__mp_main__"):
        if main is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = main

"""The user's script as ``__main__`` of a job."""

import ast
import dis
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
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import CodeType, ModuleType

from ax_moo_launchers.job.by_reference import by_reference

_OF_ITS_FILE = ("__file__", "__cached__", "__spec__")


@dataclass(frozen=True)
class Script:
    """The program of the sweeper's process, up to the statement that runs the sweep.

    That statement is the block under ``if __name__ == "__main__":``, or a call that has no such guard. A job executes
    what comes before it, as a child of ``multiprocessing`` does; names of the guarded block come with their values.

    Attributes:
        module: the name of the module after ``python -m``; None for ``python train.py``.
        length: the number of statements to execute.
        values: pickles of what the guarded block has set or mentions.
    """

    file: str
    module: str | None
    source: str
    length: int
    is_guarded: bool
    defined: frozenset[str]
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
        if not self.is_guarded and not str(self.module).endswith(".__main__"):  # multiprocessing leaves that one alone
            _install(_without_file(main))

    def _execute(self, main: ModuleType) -> None:
        main.__file__ = self.file
        if self.module is not None:
            main.__spec__ = importlib.util.find_spec(self.module)
            if main.__spec__ is None:
                raise ImportError(f"No module named {self.module!r}", name=self.module)
            main.__package__, main.__loader__ = main.__spec__.parent, main.__spec__.loader
        else:
            main.__loader__ = importlib.machinery.SourceFileLoader("__main__", self.file)
        # The sweeper's own execution of `@hydra.main` has shown it once; it would be in the log of every trial.
        warnings.filterwarnings("ignore", message=r"\s*The version_base parameter is")
        # Tracebacks show these lines, also if the file has been edited since the sweep began.
        linecache.cache[self.file] = (len(self.source), None, self.source.splitlines(keepends=True), self.file)
        tree = ast.parse(self.source, self.file)
        exec(_compiled(tree.body[: self.length], self.file), vars(main))
        for name, value in self.values.items():
            setattr(main, name, pickle.loads(value))


@functools.cache
def _script(main: ModuleType, running: CodeType, line: int) -> Script | None:
    file, spec = os.path.abspath(str(main.__file__)), main.__spec__
    try:
        with tokenize.open(file) as stream:
            source = stream.read()
        tree = ast.parse(source, file)
        if compile(source, file, "exec", dont_inherit=True) != running:
            return None
    except (OSError, SyntaxError, ValueError):
        return None
    length, statement = next((at, each) for at, each in enumerate(tree.body) if line <= (each.end_lineno or line))
    defined = frozenset(_bound(_compiled(tree.body[:length], file)))
    module = spec.name if spec and spec.name != "__main__" else None  # it is __main__ for `python FOLDER`
    script = Script(file, module, source, length, _is_guard(statement), defined)
    if not script.is_guarded:
        return script
    return replace(script, values=dict(_values(main, statement, defined)))


def _running(main: ModuleType) -> tuple[CodeType, int] | None:
    """The code of the script and the line that it has reached; None outside of its thread, or for no script."""
    frame = inspect.currentframe()
    while frame is not None and getattr(main, "__file__", None):
        if frame.f_globals is vars(main) and frame.f_code.co_name == "<module>":
            return frame.f_code, frame.f_lineno
        frame = frame.f_back
    return None


def _compiled(body: list[ast.stmt], file: str) -> CodeType:
    return compile(ast.Module(body, []), file, "exec", dont_inherit=True)


def _bound(code: CodeType) -> Iterator[str]:
    """The names that a script's code gives to its module."""
    for each in dis.get_instructions(code):
        if each.opname == "STORE_NAME" or each.opname == "STORE_GLOBAL":
            yield each.argval
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from (each.argval for each in dis.get_instructions(inner) if each.opname == "STORE_GLOBAL")


def _is_guard(statement: ast.stmt) -> bool:
    """Whether a statement begins like ``if __name__ == "__main__":``."""
    return isinstance(statement, ast.If) and any(
        isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(statement.test)
    )


def _values(main: ModuleType, guarded: ast.stmt, defined: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """What the guarded block has set, and the data that it may have changed. What cannot be pickled stays behind."""
    names = {each.id for each in ast.walk(guarded) if isinstance(each, ast.Name)}
    names |= set(_bound(_compiled([guarded], str(main.__file__))))
    for name in sorted(names & vars(main).keys()):
        if not name.startswith("__"):
            with suppress(Exception):
                yield name, by_reference(vars(main)[name], defined)


def _install(main: ModuleType | None, *names: str) -> None:
    for name in names or ("__main__", "__mp_main__"):
        if main is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = main


def _without_file(main: ModuleType) -> ModuleType:
    """The same module for multiprocessing, whose children would execute the whole script if they knew its file."""
    shown = ModuleType("__main__")
    vars(shown).update({key: value for key, value in vars(main).items() if key not in _OF_ITS_FILE})
    return shown

"""Importing modules by name, and finding those whose import a trial must do for itself."""

import importlib
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import ExtensionFileLoader, SourceFileLoader
from types import ModuleType
from typing import Any

from ax_moo_launchers.warm import temporary
from ax_moo_launchers.warm.notice import Notice


class _LeftOut(BaseException):
    """Ends the import of a module that is left out, and of all that import it; no ``except Exception`` stops it."""


class Imports:
    """Imports modules, as far as they leave nothing that a fork must not share.

    ``left_out`` are the modules that do, with the reason, and those that import them. It grows while modules are
    imported, and then this process is no parent any more (``is_spoilt``): another one begins with what was found.
    """

    def __init__(self, left_out: Mapping[str, str], own_variables: Collection[str] = ()) -> None:
        self.left_out = dict(left_out)
        self.is_spoilt = False
        self._importing: list[str] = []
        self._notice = Notice(own_variables)

    def take(self, names: Iterable[str]) -> None:
        with self._notice.listening(), temporary.recorded(), self._watched():
            for name in names:
                if name not in sys.modules and not is_below(name, self.left_out):
                    self._take(name)

    @property
    def read(self) -> frozenset[str]:
        """The environment variables that imports have looked at."""
        return frozenset(self._notice.read)

    @property
    def given(self) -> frozenset[str]:
        """Those that imports have set, or would have set if they had not been there."""
        return frozenset(self._notice.given)

    def _take(self, name: str) -> None:
        self._begun: set[str] = set()
        try:
            importlib.import_module(name)
        except _LeftOut:
            return
        except BaseException as error:  # also a SystemExit, or a panic in Rust
            # What its execution has imported remains, without the package it belongs to.
            if name in self._begun:
                self._leave_out(name, f"cannot be imported: {type(error).__name__}: {error}")
            return
        if self._begun and (found := self._notice.shared_memory()) is not None:
            self._leave_out(name, found)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Within the block this process is looked at before and after each module's code, to find the very culprit."""
        loaders: Any = (SourceFileLoader, ExtensionFileLoader)
        plain = [loader.exec_module for loader in loaders]
        for loader, exec_module in zip(loaders, plain, strict=True):
            loader.exec_module = self._watching(exec_module)
        try:
            yield
        finally:
            del SourceFileLoader.exec_module  # it is inherited
            loaders[1].exec_module = plain[1]

    def _watching(self, plain: Any) -> Any:
        def exec_module(loader: Any, module: ModuleType) -> None:
            name = module.__name__
            if name in self.left_out:
                self._leave_out_importers(name)
                raise _LeftOut(name)
            # A library that belongs to a module has been loaded by now; else its importer's code has run until here.
            self._look_at(name if isinstance(loader, ExtensionFileLoader) else (self._importing or [name])[-1])
            self._importing.append(name)
            self._begun.add(name)
            try:
                plain(loader, module)
            finally:
                self._importing.pop()
                self._look_at(name)

        return exec_module

    def _look_at(self, name: str) -> None:
        """Leave this module out, and end its import, if code that has run since the last look has left something."""
        found = self._notice.what()
        if found is not None:
            self._leave_out(name, found)
            raise _LeftOut(name)

    def _leave_out(self, name: str, why: str) -> None:
        self.is_spoilt = True
        self.left_out.setdefault(name, why)
        self._leave_out_importers(name)

    def _leave_out_importers(self, name: str) -> None:
        for importer in self._importing:
            if importer not in self.left_out:
                self.is_spoilt = True
                self.left_out[importer] = f"imports {name}"


def is_below(name: str, packages: Collection[str]) -> bool:
    """Whether a module is one of these, or inside of one."""
    parts = name.split(".")
    return any(".".join(parts[:length]) in packages for length in range(1, len(parts) + 1))

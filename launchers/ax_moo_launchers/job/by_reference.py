"""Pickling a call for a job: what the user's script defines travels by name, everything else as cloudpickle does it."""

import io
import sys
from collections.abc import Collection
from types import CodeType, FunctionType
from typing import Any

import cloudpickle

_MOST_BYTES = 2**26
_MOST_DECORATORS = 20


def by_reference(value: Any, defined: Collection[str]) -> bytes:
    """The pickle of a value for a job whose ``__main__`` has these names."""
    file = io.BytesIO()
    _Pickler(file, defined).dump(value)
    return file.getvalue()


def small_by_value(value: Any) -> bytes | None:
    """The pickle by value if there is one, and it is small: by value, a script's data travel too."""
    file = _Small()
    try:
        _Pickler(file, ()).dump(value)
    except Exception:  # whatever the application's own objects raise
        return None
    return file.getvalue()


def found(qualname: str, decorators: int) -> Any:
    """What ``__main__`` has under a name, without the decorators around it."""
    value: Any = sys.modules["__main__"]
    for name in qualname.split("."):
        value = getattr(value, name)
    for _ in range(decorators):
        value = value.__wrapped__
    return value


def globals_of_script() -> dict[str, Any]:
    return vars(sys.modules["__main__"])


class _GlobalsOfScript:
    """In a pickle it stands for the globals of the job's own script."""

    def __reduce__(self) -> Any:
        return globals_of_script, ()


class _Pickler(cloudpickle.Pickler):
    def __init__(self, file: Any, defined: Collection[str]) -> None:
        super().__init__(file, protocol=5)
        self._defined = defined
        self._globals = _GlobalsOfScript()

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, CodeType):
            return self._with_its_file(obj)
        if isinstance(obj, FunctionType | type) and getattr(obj, "__module__", None) == "__main__":
            name = obj.__qualname__
            decorators = _decorators_around(obj, name) if name.split(".")[0] in self._defined else None
            if decorators is not None:
                return found, (name, decorators)
        reduced = super().reducer_override(obj)
        if self._defined and isinstance(obj, FunctionType) and obj.__globals__ is globals_of_script():
            return self._with_its_globals(reduced)
        return reduced

    def _with_its_globals(self, reduced: Any) -> Any:
        """A function without a name, such as a lambda or what a decorator returns, shares the script's globals."""
        if reduced is NotImplemented:
            return reduced
        make, (code, _, *closure), (own, slots), *others = reduced
        names = {name: value for name, value in slots["__globals__"].items() if name not in self._defined}
        return make, (code, self._globals, *closure), (own, {**slots, "__globals__": names}), *others

    def _with_its_file(self, code: CodeType) -> Any:
        """cloudpickle 3.1.3 leaves the name of the file out, and tracebacks would not have it."""
        make, parts = self.dispatch_table[CodeType](code)
        return make, tuple(code.co_filename if part == "<dynamic-code>" else part for part in parts)


def _decorators_around(obj: Any, qualname: str) -> int | None:
    """How many decorators are around this object where ``__main__`` has its name; None if it is not there."""
    for decorators in range(_MOST_DECORATORS):
        try:
            if found(qualname, decorators) is obj:
                return decorators
        except AttributeError:
            return None
    return None


class _Small(io.BytesIO):
    def write(self, data: Any) -> int:
        if self.tell() + memoryview(data).nbytes > _MOST_BYTES:
            raise ValueError("too large")
        return super().write(data)

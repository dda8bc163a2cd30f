"""Finding, before anything is submitted, what of an application cannot be pickled, and saying where it is."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any

from hydra.core.singleton import Singleton
from omegaconf import OmegaConf

from ax_moo.system.errors import ConfigError
from ax_moo.system.text import first_line

Pickle = Callable[[Any], Any]


@dataclass(frozen=True)
class Place:
    """How a person finds an object: an expression, where that is, and the class of the object of which it is a part."""

    expression: str
    where: str = ""
    owner: str = ""

    def attribute(self, name: str, owner: object = None) -> "Place":
        of = self.owner if owner is None else f" of a {_kind(owner)}"
        return Place(f"{self.expression}.{name}", self.where, of)

    def item(self, key: object) -> "Place":
        return replace(self, expression=f"{self.expression}[{key!r}]")

    def __str__(self) -> str:
        return f"`{self.expression}`{self.where}"


Found = Iterator[tuple[Place, Any]]


def check_travels(launcher: Any, pickle: Pickle) -> None:
    """Pickle what each job of a launcher is given.

    Raises:
        ConfigError: something of it cannot be pickled.
    """
    state: dict[str, Any] = {}
    try:
        state = Singleton.get_state()
        pickle((launcher, state))
        return
    except Exception as error:  # whatever the application's own objects raise
        why = error
    found = _first(_given(launcher, state), pickle, set())
    if found is None:
        raise ConfigError(
            f"hydra/launcher={launcher.name}: the application cannot be sent to a job: {first_line(why)}; {_REMEDY}"
        )
    place, value = found
    raise ConfigError(
        f"hydra/launcher={launcher.name}: {place} cannot be sent to a job, because it is a {_kind(value)}"
        f"{place.owner} ({first_line(_why_not(value, pickle) or why)}); {_REMEDY}"
    )


_REMEDY = "make it inside the task function, or in a module that the application imports"


def _given(launcher: Any, state: Mapping[str, Any]) -> Found:
    """What is in the pickle of each job, from what is the user's to what is Hydra's."""
    yield Place("task"), launcher.task_function
    if launcher.own_call is not None:
        yield Place(type(launcher.own_call.function).__name__, " of hydra.launcher"), launcher.own_call.function
    for callback in getattr(launcher.hydra_context.callbacks, "callbacks", ()):
        yield Place(type(callback).__name__, " of hydra.callbacks"), callback
    yield Place("config"), launcher.config
    yield Place("hydra.launcher"), launcher.params
    for name, resolver in state.get("omegaconf_resolvers", {}).items():
        yield Place("resolver", f" of the OmegaConf resolver {name!r}"), _registered(resolver)
    for instance in state.get("instances", {}).values():
        yield Place(type(instance).__name__, " of Hydra"), instance
    yield Place("hydra_context"), launcher.hydra_context


def _registered(resolver: Any) -> Any:
    """The function that was registered, which OmegaConf wraps."""
    parts = {place.expression: part for place, part in _parts(Place("resolver"), resolver)}
    return parts.get("resolver", resolver)


def _first(candidates: Found, pickle: Pickle, seen: set[int]) -> tuple[Place, Any] | None:
    """The first innermost object that cannot be pickled.

    An object that only refers back to one that was seen cannot be pickled either, and is not the one that is sought.
    """
    for place, value in candidates:
        if id(value) in seen or _why_not(value, pickle) is None:
            continue
        seen.add(id(value))
        parts = [(each, part) for each, part in _parts(place, value) if _why_not(part, pickle) is not None]
        if not parts:
            return place, value
        found = _first(iter(parts), pickle, seen)
        if found is not None:
            return found
    return None


def _why_not(value: Any, pickle: Pickle) -> Exception | None:
    try:
        pickle(value)
    except Exception as error:
        return error
    return None


def _parts(place: Place, value: Any) -> Found:
    """What the pickle of a value contains. Some objects do not let themselves be looked into."""
    with suppress(Exception):
        yield from _parts_of(place, value)


def _parts_of(place: Place, value: Any) -> Found:
    if OmegaConf.is_config(value):
        # A node of a config refers to its parent, so that none can be pickled alone.
        yield from _items(place, OmegaConf.to_container(value, resolve=False))
    elif isinstance(value, FunctionType):
        yield from _of_function(value)
    elif isinstance(value, MethodType):
        yield place.attribute("__self__"), value.__self__
        yield place.attribute("__func__"), value.__func__
    elif isinstance(value, type):
        yield from ((place.attribute(name), part) for name, part in vars(value).items())
    elif isinstance(value, (dict, list, tuple, set, frozenset)):
        yield from _items(place, value)
    else:
        yield from _of_object(place, value)


def _items(place: Place, container: Any) -> Found:
    items = container.items() if isinstance(container, dict) else enumerate(container)
    yield from ((place.item(key), part) for key, part in items)


def _of_function(function: FunctionType) -> Found:
    code = function.__code__
    here = f"{function.__qualname__} ({Path(code.co_filename).name}, line {code.co_firstlineno})"
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # a cell that has no value yet
            yield Place(name, f" in the closure of {here}"), cell.cell_contents
    for name in sorted(_names(code) & function.__globals__.keys()):
        yield Place(name, f" of module {function.__module__}, which {here} uses"), function.__globals__[name]
    for name, parameter in inspect.signature(function, follow_wrapped=False).parameters.items():
        if parameter.default is not parameter.empty:
            yield Place(name, f", a default value of {here},"), parameter.default
    for name, value in vars(function).items():
        yield Place(f"{function.__name__}.{name}", f" of {here}"), value


def _names(code: CodeType) -> set[str]:
    """The names that the code, and the code of functions inside it, looks up."""
    inner = [_names(each) for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*inner)


def _of_object(place: Place, value: Any) -> Found:
    """The attributes of an object, and the items of a container class."""
    for name in ("func", "args", "keywords"):  # of functools.partial, whose attributes are not in its __dict__
        if type(value).__module__ == "functools" and hasattr(value, name):
            yield place.attribute(name, value), getattr(value, name)
    for name, part in getattr(value, "__dict__", {}).items():
        yield place.attribute(name, value), part
    for cls in type(value).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name) and name not in ("__dict__", "__weakref__"):
                yield place.attribute(name, value), getattr(value, name)
    yield place.attribute("__class__"), type(value)


def _kind(value: Any) -> str:
    kind = type(value)
    return (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )

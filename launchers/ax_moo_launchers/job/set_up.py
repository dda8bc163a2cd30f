"""What a script has set up in the guarded block, before it runs the sweep, and in the functions that it calls there.

A job does not execute that block, and gets the values.
"""

import dis
from collections.abc import Iterator
from contextlib import suppress
from types import CodeType, FunctionType, ModuleType

from ax_moo_launchers.job.by_reference import by_reference


def set_up_by(guarded: CodeType, script: CodeType, main: ModuleType, defined: frozenset[str]) -> dict[str, bytes]:
    """Pickles of what the guarded block of a script may have changed, by the name of a variable or ``Class.attribute``.

    What cannot be pickled stays behind. ``defined`` are the names that the script itself gives to the module.
    """
    called = _called(guarded, main)
    names = {name for code in called for name in code.co_names} | set(_set_by_functions(script))
    return dict([*_values(main, names, defined), *_attributes(main, called, defined)])


def has(owner: object, name: str, value: bytes, defined: frozenset[str]) -> bool:
    """Whether the script has made such a value itself, to which its functions may refer as a default."""
    with suppress(Exception):
        return by_reference(vars(owner)[name], defined) == value
    return False


def bound(code: CodeType) -> Iterator[str]:
    """The names that a script's code gives to its module."""
    for each in dis.get_instructions(code):
        if each.opname == "STORE_NAME" or each.opname == "STORE_GLOBAL":
            yield each.argval
    yield from _set_by_functions(code)


def _called(code: CodeType, main: ModuleType) -> list[CodeType]:
    """A code, and that of the script's functions that it calls, up to the one that Hydra has wrapped."""
    found, codes = [], [code]
    while codes:
        each = codes.pop()
        if each in found:
            continue
        found.append(each)
        codes += [inner for inner in each.co_consts if isinstance(inner, CodeType)]
        functions = [vars(main).get(name) for name in each.co_names]
        codes += [f.__code__ for f in functions if isinstance(f, FunctionType) and f.__globals__ is vars(main)]
    return found


def _set_by_functions(code: CodeType) -> Iterator[str]:
    """The names that a script's functions set by ``global``: they may have done so for the guarded block."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from (each.argval for each in dis.get_instructions(inner) if each.opname == "STORE_GLOBAL")
            yield from _set_by_functions(inner)


def _values(main: ModuleType, names: set[str], defined: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    for name in sorted(names & vars(main).keys()):
        if not name.startswith("__"):
            with suppress(Exception):
                yield name, by_reference(vars(main)[name], defined)


def _attributes(main: ModuleType, called: list[CodeType], defined: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """Attributes of the script's classes that these codes have set; a class itself travels by name."""
    stored = {each.argval for code in called for each in dis.get_instructions(code) if each.opname == "STORE_ATTR"}
    for name in sorted({name for code in called for name in code.co_names} & defined):
        owner = vars(main).get(name)
        for attribute in sorted(stored & vars(owner).keys()) if isinstance(owner, type) else ():
            with suppress(Exception):
                yield f"{name}.{attribute}", by_reference(vars(owner)[attribute], defined)

"""What a parameter's value can be, and when two values are the same."""

import math
from collections.abc import Hashable, Mapping
from typing import Any

from ax_moo.system.errors import ConfigError
from ax_moo.trial import ParameterValue


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_finite_number(value: Any) -> bool:
    try:
        return is_number(value) and math.isfinite(value)
    except OverflowError:  # an int of more than 308 digits
        return False


def finite_number(value: Any, where: str) -> float:
    if is_finite_number(value):
        return float(value)
    raise ConfigError(f"{where} must be a finite number, and is {value!r}")


def whole_number(value: Any, where: str) -> int:
    finite_number(value, where)
    if value != int(value):
        raise ConfigError(f"{where} is {value!r}, and must be a whole number because the parameter is an int")
    return int(value)


def plain(value: Any, name: str) -> ParameterValue:
    """The value as JSON can hold it, or a ConfigError when it cannot."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return finite_number(value, f"{name}: a value")
    if isinstance(value, (list, tuple)):
        return [plain(item, name) for item in value]
    if isinstance(value, Mapping):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise ConfigError(f"{name}: the keys of a mapping must be strings, and {odd[0]!r} is none")
        return {key: plain(item, name) for key, item in value.items()}
    raise ConfigError(
        f"{name}: {value!r} is no value for a parameter; give null, true, false, a number, a string,"
        " or a list or mapping of these"
    )


def identity(value: ParameterValue) -> Hashable:
    """What two values have in common when they mean the same: 1 and 1.0 do; 1, '1' and true do not."""
    if isinstance(value, (list, tuple)):
        return ("list", tuple(map(identity, value)))
    if isinstance(value, Mapping):
        return ("mapping", frozenset((key, identity(item)) for key, item in value.items()))
    return ("number" if is_number(value) else type(value).__name__, value)

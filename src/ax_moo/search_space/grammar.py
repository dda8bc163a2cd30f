"""Reading and writing Hydra's override grammar in the same way on every Hydra version.

Hydra's own parser reads the overrides, with some of its sweep functions wrapped. Hydra 1.3 drops the tags of a choice
or range that is cast; 1.4 keeps them. In both, the outer of two nested tags replaces the inner one, and the bounds of
``int(interval(0.5, 3))`` are truncated. They cast ranges in different ways.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    IntervalSweep,
    Override,
    Quote,
    QuotedString,
    RangeSweep,
    Sweep,
)
from hydra.errors import HydraException

from ax_moo.search_space.parameters import identity
from ax_moo.system import hydra_internals
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import did_you_mean, in_yaml, one_line
from ax_moo.trial import ParameterValue

# Strings that the grammar reads back unchanged without quotes.
_BARE = re.compile(r"[A-Za-z_/][A-Za-z0-9_/.\-]*")
_CALLED = re.compile(r"\w+ while evaluating '(?P<function>\w+)\(.*?': (?P<reason>.*)")
_BREAKS = re.compile(
    r"(?:no viable alternative at input|(?:mismatched|extraneous) input|missing \w+ at|token recognition error at:)"
    r" '(?P<text>.*?)'(?:$| expecting)"
)
_CALLS = {
    "interval": "write two numbers: interval(0, 1)",
    "range": "write numbers: range(START, STOP, STEP), without STOP itself",
    "choice": "write at least two values: choice(a, b)",
    "tag": "write tag(log, interval(1e-4, 1e-1)) or tag(ordered, choice(1, 2))",
    "glob": "write a pattern of option names: glob(res*)",
    "int": "write int(interval(1, 8)) or int(range(1, 9))",
    "float": "write float(interval(1, 8)) or float(range(1, 9))",
    "str": "write the values themselves: choice(a, b)",
    "bool": "write choice(true, false)",
    "sort": "write a choice or a range in it: sort(choice(2, 1))",
    "shuffle": "write a choice or a range in it: shuffle(choice(1, 2))",
}
_NO_FUNCTION = re.compile(r"Unknown function '(?P<name>.*?)'")
_ANOTHER_KIND = re.compile(r"mismatch type argument (?P<argument>[\w\[\]]+): (?P<kind>\w+) is incompatible with .*")
_NO_NUMBER = re.compile(
    r"(?:invalid literal for int\(\) with base 10|could not convert string to float): (?P<value>.*)"
)
_KINDS = {"str": "a text", "bool": "true or false", "IntervalSweep": "an interval", "ChoiceSweep": "a choice"}
_OTHER_NAMES = {
    "uniform": "interval(0, 1)",
    "loguniform": "tag(log, interval(1e-4, 1e-1))",
    "log_uniform": "tag(log, interval(1e-4, 1e-1))",
    "log": "tag(log, interval(1e-4, 1e-1))",
    "randint": "int(interval(1, 8))",
    "categorical": "choice(a, b)",
}
_SYNTAX = "close every bracket and quote, and put a value with other characters into quotes of its own: \"key='a b=c'\""
_KEYWORDS = {"true", "false", "null", "inf", "nan"}


def create_parser(config_loader: Any = None) -> OverridesParser:
    """A parser whose sweeps keep all their tags; ``glob`` needs the application's config loader."""
    parser = OverridesParser.create(config_loader)
    functions = parser.functions.functions
    for name in ("int", "float", "str", "bool"):
        functions[name] = _keep_tags(_checked_cast(name, functions[name]))
    functions["interval"] = _as_written(functions["interval"])
    for name in ("tag", "choice"):
        functions[name] = _keep_tags(functions[name])
    for name in ("sort", "shuffle"):
        functions[name] = _keep_tags(_leave_ranges(functions[name]))
    # Only the type check of Hydra's choice refuses null.
    anything = inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)
    parser.functions.definitions["choice"] = inspect.Signature([anything])
    return parser


def parse_override(text: str, parser: OverridesParser, where: str) -> Override:
    try:
        override = parser.parse_override(text)
    except HydraException as error:
        what = "it" if text == where else repr(text)
        raise ConfigError(f"{where}: Hydra cannot read {what}: {_why_unreadable(str(error))}") from None
    override.config_loader = parser.config_loader
    return override


def _why_unreadable(message: str) -> str:
    """Hydra's reason without the names of its exceptions and without its hint, and what to write instead."""
    lines = [line for line in message.splitlines() if line and not line.startswith(("See https://", "Error parsing "))]
    called = _CALLED.match(lines[0]) if lines else None
    if called is None:
        return f"{_where_it_breaks(one_line(' '.join(lines)))}; {_SYNTAX}"
    function, reason = called["function"], one_line("; ".join([called["reason"], *lines[1:]]))
    if _NO_FUNCTION.match(reason):
        other = _OTHER_NAMES.get(function.lower())
        remedy = f"write {other}" if other else did_you_mean(function, _CALLS)
        return f"there is no function {function!r}; {remedy}"
    return f"{_in_plain_words(reason)}; {_CALLS.get(function, _SYNTAX)}"


def _in_plain_words(reason: str) -> str:
    """Hydra's reason without the names of Python's types."""
    if found := _ANOTHER_KIND.match(reason):
        kind = _KINDS.get(found["kind"], f"a {found['kind']}")
        argument = "its argument" if "[" in found["argument"] else f"its argument {found['argument']}"
        return f"{argument} cannot be {kind}"
    if found := _NO_NUMBER.match(reason):
        return f"{found['value']} is not a number"
    return reason


def _where_it_breaks(reason: str) -> str:
    """The reason of Hydra's parser without the names of its tokens; any other one unchanged."""
    found = _BREAKS.search(reason)
    if found is None:
        return reason
    return "it is not complete" if found["text"] == "<EOF>" else f"it makes no sense near {found['text']!r}"


def key_of(override: Override) -> str:
    """The key without ``+``, ``++`` and ``~``, with its package."""
    return str(override.get_key_element()).lstrip("+~")


def prefix_of(override: Override) -> str:
    return "++" if override.is_force_add() else "+" if override.is_add() else ""


def encode(value: ParameterValue) -> str:
    """The value as an override spells it, so that Hydra reads back the same value of the same type."""
    return hydra_internals.element_text(_quoted(value))


def check_encodable(name: str, value: ParameterValue) -> None:
    """Refuse the few values that Hydra's grammar cannot express, such as a mapping with a key in quotes."""
    try:
        back = _value_parser().parse_override(f"key={encode(value)}").value()
    except HydraException:
        back = Ellipsis
    if not _same(back, value):
        raise ConfigError(
            f"{name}: {in_yaml(value)} cannot be written as a Hydra override; choose between names instead, such as"
            " the options of a config group, and give each its value in the config"
        )


def _quoted(value: ParameterValue) -> Any:
    if isinstance(value, str):
        bare = _BARE.fullmatch(value) and value.lower() not in _KEYWORDS
        return value if bare else QuotedString(value, Quote.single)
    if isinstance(value, (list, tuple)):
        return [_quoted(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _quoted(item) for key, item in value.items()}
    return value


def _same(one: Any, other: Any) -> bool:
    # 1 and 1.0 are the same choice but not the same value for a job.
    return identity(one) == identity(other) and repr(one) == repr(other)


@lru_cache(maxsize=1)
def _value_parser() -> OverridesParser:
    return OverridesParser.create()


def _keep_tags(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        # The tags are read before the call, because tag() overwrites them in place.
        tags = {tag for sweep in _sweeps(args, kwargs) for tag in sweep.tags}
        result = function(*args, **kwargs)
        if isinstance(result, Sweep):
            result.tags = result.tags | tags
        return result

    return wrapped


def _checked_cast(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        for sweep in _sweeps(args, kwargs):
            if isinstance(sweep, RangeSweep):
                return _cast_range(name, sweep)
            if isinstance(sweep, IntervalSweep) and name == "int":
                start, end = getattr(sweep, "written", (sweep.start, sweep.end))
                _require_whole(start, end)
                return IntervalSweep(start=int(start), end=int(end))
        return function(*args, **kwargs)

    return wrapped


def _as_written(function: Callable[..., Any]) -> Callable[..., Any]:
    """An interval keeps its bounds as they are written: Hydra makes floats of them, which changes large integers."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        interval = function(*args, **kwargs)
        interval.written = inspect.signature(function).bind(*args, **kwargs).args
        return interval

    return wrapped


def _cast_range(name: str, sweep: RangeSweep) -> RangeSweep:
    parts = (sweep.start, sweep.stop, sweep.step)
    if name == "int":
        _require_whole(*parts)
    elif name != "float":
        raise ValueError(f"a range can be cast only to int or float, not to {name}")
    cast = int if name == "int" else float
    return RangeSweep(start=cast(parts[0]), stop=cast(parts[1]), step=cast(parts[2]))


def _require_whole(*numbers: Any) -> None:
    if odd := [number for number in numbers if number % 1 != 0]:
        raise ValueError(f"the bounds and the step of int() must be whole numbers, got {odd[0]}")


def _leave_ranges(function: Callable[..., Any]) -> Callable[..., Any]:
    """A range has no order in a search, and Hydra 1.3 changes its values when it sorts one in reverse."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        ranges = [sweep for sweep in _sweeps(args, kwargs) if isinstance(sweep, RangeSweep)]
        return ranges[0] if ranges else function(*args, **kwargs)

    return wrapped


def _sweeps(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Sweep]:
    return [value for value in (*args, *kwargs.values()) if isinstance(value, Sweep)]


_NUMBER = r"[-+]?[\d.]+(?:[eE][-+]?\d+)?"
_TWO_NUMBERS = re.compile(rf"['\"]?({_NUMBER})\s*(?::|-|\.\.)\s*({_NUMBER})['\"]?")
_IN_QUOTES = re.compile(r"(['\"])((?:int|float|tag|interval|choice|range|glob)\(.*\))\1")


def sweep_meant_by(text: str) -> str | None:
    """The sweep that somebody meant who wrote ``0:1``, ``[a,b]`` or a sweep in quotes: to Hydra it is one value."""
    if numbers := _TWO_NUMBERS.fullmatch(text):
        return f"interval({numbers[1]}, {numbers[2]})"
    if quoted := _IN_QUOTES.fullmatch(text):
        return quoted[2]
    if text.startswith("[") and text.endswith("]") and "," in text:
        return f"choice({text[1:-1]})"
    return None

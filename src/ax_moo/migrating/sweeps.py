"""Hydra's sweep strings, as the Optuna, Ax and Nevergrad sweepers read them, in our reading of the same grammar."""

import re
from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Sweep
from hydra.errors import HydraException

from ax_moo.search_space.grammar import create_parser, encode, parse_override
from ax_moo.search_space.parameters import identity
from ax_moo.search_space.parsing import TAGS, read_entry
from ax_moo.system import hydra_internals
from ax_moo.system.errors import ConfigError

INTERPOLATION = "${"
INCLUDES_END = "Optuna's range includes its end, Hydra's does not"


def check_taken(key: str, value: Any) -> None:
    """Refuse what our own parser refuses, as far as it can be read before interpolations are resolved.

    Raises:
        ConfigError: the value is no parameter of ours.
    """
    if INTERPOLATION in str(value):
        return
    try:
        read_entry(key, value, create_parser())
    except ConfigError as error:
        if "glob(...) needs" not in str(error):
            raise ConfigError(str(error).partition(": ")[2] or str(error)) from None


def sweep_string(key: str, text: str, *, range_includes_end: bool) -> tuple[str, str]:
    """The string as ours, and a remark about what had to change, which is empty where nothing had to.

    Raises:
        ConfigError: there is no such sweep in ours.
    """
    is_range = "range(" in text
    if INTERPOLATION in text:
        return text, f"check the end of the range: {INCLUDES_END}" if is_range and range_includes_end else ""
    sweep = _read(key, text).value()
    if getattr(sweep, "transformers", ()):  # Hydra 1.4 casts the values of a range; here its bounds must be cast
        sweep = parse_override(f"{key}={text}", create_parser(), text).value()
    if isinstance(sweep, RangeSweep) and range_includes_end and not sweep.shuffle:
        if _ends_before(sweep):
            return text, ""
        ours = including_end(sweep.start, sweep.stop, sweep.step)
        check_taken(key, ours)
        return ours, INCLUDES_END
    try:
        check_taken(key, text)
    except ConfigError as error:
        rewritten = _rewritten(sweep)
        if rewritten is None:
            raise
        check_taken(key, rewritten)
        return rewritten, f"was {text}: {error}"
    return text, ""


def _ends_before(sweep: RangeSweep) -> bool:
    """Whether no step of the range leads to its end, so that it does not matter whether the end is included."""
    start, stop, step = (Decimal(str(part)) for part in (sweep.start, sweep.stop, sweep.step))
    return step > 0 and start < stop and (stop - start) % step != 0 and not sweep.tags


def including_end(start: Any, stop: Any, step: Any) -> str:
    """Hydra's range with the values start, start + step, ... up to stop; ConfigError if there are none."""
    first, last, by = (Decimal(str(part)) for part in (start, stop, step))
    if by <= 0 or last < first:
        raise ConfigError(f"range({start}, {stop}, {step}) is empty to Optuna; its step must lead from start to stop")
    beyond = first + ((last - first) // by + 1) * by
    if all(isinstance(part, int) for part in (start, stop, step)):
        return f"range({first}, {beyond})" if by == 1 else f"range({first}, {beyond}, {by})"
    return f"range({float(first)}, {float(beyond)}, {_number(step)})"


def interval(lower: Any, upper: Any, *, is_whole: bool, is_log: bool) -> str:
    """The sweep string of a range without a step; bounds may be interpolations."""
    text = f"interval({_number(lower)}, {_number(upper)})"
    text = f"tag(log, {text})" if is_log else text
    return f"int({text})" if is_whole else text


def choice(values: Sequence[Any], *, is_ordered: bool = False) -> str:
    """The sweep string of a choice, each value once."""
    kept: dict[Hashable, Any] = {}
    for value in values:
        kept.setdefault(identity(value), value)
    text = f"choice({', '.join(map(_choice_value, kept.values()))})"
    return f"tag(ordered, {text})" if is_ordered else text


_NEVERGRAD = re.compile(r"(ng\.p\.)?(Scalar|Log|Choice|TransitionChoice|Array)\(")


def _read(key: str, text: str) -> Override:
    """The string as Hydra's own parser reads it, which is how other sweepers read it; else as ours does, with null."""
    if _NEVERGRAD.match(text):
        raise ConfigError("it is written in Nevergrad's Python; write a sweep, such as interval(0, 1) or choice(a, b)")
    override = f"{key}={text}"
    try:
        return OverridesParser.create().parse_override(override)
    except HydraException:
        pass
    try:
        return parse_override(override, create_parser(), override)
    except ConfigError as error:
        raise ConfigError(str(error).removeprefix(f"{override}: ")) from None


def _rewritten(sweep: Any) -> str | None:
    """A sweep without what other sweepers ignore: unknown tags, a log scale of a choice, a value given twice."""
    if isinstance(sweep, IntervalSweep):
        is_whole = isinstance(sweep.start, int) and isinstance(sweep.end, int)
        return interval(sweep.start, sweep.end, is_whole=is_whole, is_log="log" in sweep.tags)
    if isinstance(sweep, ChoiceSweep):
        if any(isinstance(value, Sweep) for value in sweep.list):
            return None
        values = [hydra_internals.element_value(value) for value in sweep.list]
        return choice(values, is_ordered=TAGS[1] in sweep.tags)
    if isinstance(sweep, RangeSweep):
        return f"range({sweep.start}, {sweep.stop}, {sweep.step})"
    return None


def _choice_value(value: Any) -> str:
    return value if isinstance(value, str) and INTERPOLATION in value else encode(value)


def _number(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)

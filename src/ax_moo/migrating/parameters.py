"""Parameters of other sweepers as ours: sweep strings, and mappings with low, bounds, choices, init and the like."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ax_moo.migrating.document import Path
from ax_moo.migrating.entries import Entry, Item, Note
from ax_moo.migrating.sweeps import INCLUDES_END, INTERPOLATION, check_taken, choice, including_end, interval
from ax_moo.migrating.sweeps import sweep_string as as_our_string
from ax_moo.other_sweepers import PARAMETER_FIELDS
from ax_moo.search_space.parsing import FIELDS
from ax_moo.system.errors import ConfigError

_BOUNDS = (("bounds",), ("low", "high"), ("lower", "upper"), ("min", "max"))
_CHOICES = ("choices", "values", "options")
_OF_A_PARAMETER = {"type", "_target_", "value", "init", *_CHOICES, *(key for pair in _BOUNDS for key in pair)}
_WITH_MEANING = {"integer", "init", *(key for pair in _BOUNDS for key in pair)}
"""The fields that have another form in ours."""
_STEPS = ("step", "q")
_OPTUNAS = "optuna.distributions."


def parameters(
    given: Mapping[str, Any], source: Path, *, range_includes_end: bool, lists_are_choices: bool, group: str = ""
) -> Iterator[Item]:
    """Each parameter as an entry of ``params``, or as a note where ours has no such parameter."""
    for key, value in given.items():
        name, path = f"{group}{key}", (*source, key)
        is_group = isinstance(value, Mapping) and not _OF_A_PARAMETER & set(value)
        if is_group and value:
            reading = {"range_includes_end": range_includes_end, "lists_are_choices": lists_are_choices}
            yield from parameters(value, path, **reading, group=f"{name}.")
            continue
        try:
            ours, remark = _parameter(name, value, range_includes_end, lists_are_choices)
        except ConfigError as error:
            yield Note(name, value, str(error), path)
        else:
            yield Entry(name, ours, path, remark)


def first_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """The ``init`` of each of Nevergrad's parameters that has one."""
    return {key: value["init"] for key, value in given.items() if isinstance(value, Mapping) and "init" in value}


def _parameter(key: str, value: Any, range_includes_end: bool, lists_are_choices: bool) -> tuple[Any, str]:
    if isinstance(value, str):
        return as_our_string(key, value.strip(), range_includes_end=range_includes_end)
    if isinstance(value, Mapping):
        ours, remark = _mapping(value)
    elif isinstance(value, list):
        ours, remark = choice(value) if lists_are_choices else {"type": "fixed", "value": value}, ""
    else:
        ours, remark = value, ""
    check_taken(key, ours)
    return ours, remark


def _mapping(given: Mapping[str, Any]) -> tuple[Any, str]:
    """The parameter, and a remark about the fields that have no place in it."""
    kind = _kind(given)
    known = ("type", *FIELDS.get(kind, ()))
    if kind in FIELDS and not any(map(_has_another_form, set(given) - {*known})):
        kept = {field: value for field, value in given.items() if field in known and value is not None}
        return kept, _remark([field for field in given if field not in kept and given[field] is not None])
    values = next((given[key] for key in _CHOICES if given.get(key) is not None), None)
    if isinstance(values, list):
        return choice(values), ""
    if INTERPOLATION in str(values):
        return {"type": "choice", "values": values}, ""
    return _range(given, kind)


def _range(given: Mapping[str, Any], kind: str) -> tuple[Any, str]:
    is_log = given.get("log", given.get("log_scale")) is True or "log" in kind
    is_whole = kind.startswith("int") or given.get("integer") is True or given.get("value_type") == "int"
    lower, upper = _bounds(given)
    step = next((given[key] for key in _STEPS if given.get(key) is not None), None)
    remark = ""
    if step is not None and {"init", "integer", "lower"} & set(given):
        remark, step = "not taken over: step (Nevergrad's is the size of a mutation)", None
    if is_whole and not any(isinstance(bound, str) for bound in (lower, upper)):
        lower, upper = int(lower), int(upper)  # as Optuna's sweeper does
        step = int(step) if isinstance(step, float) else step
    if step is None or is_log or (is_whole and step == 1):
        return interval(lower, upper, is_whole=is_whole, is_log=is_log), remark
    if any(isinstance(part, str) for part in (lower, upper, step)):
        value_type = "int" if is_whole else "float"
        return {"type": "range", "bounds": [lower, upper], "value_type": value_type, "step": step}, ""
    parts = (lower, upper, step) if is_whole else (float(lower), upper, step)
    return including_end(*parts), INCLUDES_END


def _bounds(given: Mapping[str, Any]) -> tuple[Any, Any]:
    pairs = [[given.get(key) for key in keys] for keys in _BOUNDS]
    pair = next((pair[0] if len(pair) == 1 else pair for pair in pairs if any(each is not None for each in pair)), None)
    if not isinstance(pair, Sequence) or len(pair) != 2 or not all(map(_is_a_bound, pair)):
        raise ConfigError(
            "it has no two bounds, and a search of ours needs both; give them, such as"
            " tag(log, interval(0.001, 0.1)) or interval(0, 1)"
        )
    return pair[0], pair[1]


def _is_a_bound(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return is_number or (isinstance(value, str) and INTERPOLATION in value)


def _kind(given: Mapping[str, Any]) -> str:
    """The type in small letters: int, float, categorical, range, loguniform and so on."""
    target = str(given.get("_target_", ""))
    if target.startswith(_OPTUNAS):
        return target.removeprefix(_OPTUNAS).removesuffix("Distribution").lower()
    if kind := given.get("type"):
        return str(kind).lower()
    return next(
        (kind for kind, field in (("range", "bounds"), ("choice", "values"), ("fixed", "value")) if field in given), ""
    )


def _has_another_form(field: str) -> bool:
    """Whether the field says something that ours says in another way; one that nobody knows says nothing."""
    return field in _WITH_MEANING or bool(field in PARAMETER_FIELDS and PARAMETER_FIELDS[field].key)


def _remark(fields: Sequence[str]) -> str:
    return f"not taken over: {', '.join(fields)}" if fields else ""

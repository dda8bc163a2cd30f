"""The differences between two problems in words: why a sweep in a used folder cannot go on with a new config."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ax_moo.problem.problem import Problem
from ax_moo.system.text import in_yaml


def differences(recorded: Problem, given: Problem) -> list[str]:
    """One phrase for each difference with which a sweep of the recorded problem cannot go on.

    Plain overrides and the + of a parameter do not count as differences.
    """
    return [
        *_compared("parameter", _parameters(recorded), _parameters(given)),
        *_compared("objective", _objectives(recorded), _objectives(given)),
        *_order(recorded, given),
        *_compared("outcome constraint", _outcome_constraints(recorded), _outcome_constraints(given)),
        *_parameter_constraints(recorded, given),
    ]


def _compared(kind: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in before:
        if name not in now:
            yield f"the {kind} {name} is gone"
        elif before[name] != now[name]:
            yield f"the {kind} {name} had {_changed(before[name], now[name])}"
    for name in now:
        if name not in before:
            yield f"the {kind} {name} is new"


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return ", ".join(f"{key} {_told(before.get(key))} and now has {_told(now.get(key))}" for key in changed)


def _told(value: Any) -> str:
    return value if isinstance(value, str) else in_yaml(value)


def _parameters(problem: Problem) -> dict[str, dict[str, Any]]:
    entries = problem.search_space.to_dict()["parameters"]
    return {entry["name"]: {key: entry[key] for key in entry if key not in ("name", "prefix")} for entry in entries}


def _objectives(problem: Problem) -> dict[str, dict[str, Any]]:
    return {
        each.name: {
            "direction": "minimize" if each.minimize else "maximize",
            **{k: v for k, v in dataclasses.asdict(each).items() if k not in ("name", "minimize")},
        }
        for each in problem.objectives
    }


def _order(recorded: Problem, given: Problem) -> list[str]:
    """The order of the objectives matters: an application may return them as a sequence, without their names."""
    before, now = ([each.name for each in problem.objectives] for problem in (recorded, given))
    if sorted(before) != sorted(now) or before == now:
        return []
    return [f"the objectives had the order {', '.join(before)} and now have {', '.join(now)}"]


def _outcome_constraints(problem: Problem) -> dict[str, dict[str, Any]]:
    return {f"on {each.metric} ({each.op})": {"bound": each.bound} for each in problem.outcome_constraints}


def _parameter_constraints(recorded: Problem, given: Problem) -> Iterator[str]:
    """A constraint may be written in other words, and its terms in another order."""
    before, now = (
        {(frozenset(each.terms), each.bound, each.is_equality): each.text for each in problem.parameter_constraints}
        for problem in (recorded, given)
    )
    yield from (f"the parameter constraint {text} is gone" for key, text in before.items() if key not in now)
    yield from (f"the parameter constraint {text} is new" for key, text in now.items() if key not in before)

"""The fields of the journal's lines, and what each of them must be; a field that has no row here may be anything.

A new field of a line gets a row in one of these tables. A rule that a line of an earlier version would break needs a
new ``FORMAT``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ax_moo.system.rules import (
    FINITE,
    FLAG,
    Rule,
    a_list,
    is_finite_number,
    is_number,
    number,
    one_of,
    or_null,
    whole_number,
)
from ax_moo.system.text import shortened
from ax_moo.trial import TrialStatus

Rules = Mapping[str, Rule]


@dataclass(frozen=True)
class Fields:
    """The rules of a record's fields: of those that it must have, and of those that it may have."""

    needed: Rules
    optional: Rules = field(default_factory=dict)


_YEAR_10000 = 253_402_300_800

TEXT = Rule("a text", lambda value: isinstance(value, str))
MOMENT = number("a number of seconds since 1970", lambda value: 0 <= value < _YEAR_10000)
RECORD = Rule("a mapping", lambda value: isinstance(value, dict))
RECORDS = a_list("mappings", RECORD.holds)
TEXTS = a_list("texts", TEXT.holds)
OUTCOME = Rule(
    "a mapping from metrics to numbers, or to [mean, SEM]",
    lambda value: isinstance(value, Mapping) and all(map(_is_measured, value.values())),
)

_NUMBERS = a_list("whole numbers of at least 0", whole_number(0).holds)
KNOWN = Rule(
    f"{_NUMBERS.wanted}, or one of them",
    lambda value: value is None or whole_number(0).holds(value) or _NUMBERS.holds(value),
)
"""Earlier versions, which prepare one candidate, write a number."""

TRIAL = Fields(
    {"trial": whole_number(0), "status": one_of(TrialStatus), "parameterization": RECORD, "time": MOMENT},
    {
        "attempt": whole_number(1),
        "generation_node": TEXT,
        "model_failed": or_null(TEXT),
        "generation_seconds": or_null(FINITE),
        "knows": or_null(whole_number(0)),
        "run_seconds": or_null(FINITE),
        "slot_wait_seconds": or_null(FINITE),
        "next_knows": KNOWN,
        "also_ended": a_list("trial numbers", whole_number(0).holds),
        "arm": or_null(RECORD),
        "job": or_null(RECORD),
        "earlier": RECORDS,
        "outcome": or_null(OUTCOME),
        "reason": or_null(TEXT),
        "start_time": or_null(MOMENT),
        "fault": or_null(TEXT),
        "node": or_null(TEXT),
    },
)
JOB = Fields({"job_id": TEXT, "folder": TEXT}, {"scheduler": TEXT, "request": RECORD})
ATTEMPT = Fields(
    {"job": RECORD, "reason": TEXT},
    {"counts": FLAG, "fault": or_null(TEXT), "node": or_null(TEXT), "time": or_null(MOMENT)},
)

HEADER = Fields(
    {"problem": RECORD},
    {
        "id": TEXT,
        "time": MOMENT,
        "n_trials": or_null(whole_number(0)),
        "n_jobs": or_null(whole_number(0)),
        "seed": or_null(Rule("a whole number", lambda value: type(value) is int)),
        "method": TEXT,
        "command": or_null(TEXT),
        "training": or_null(TEXT),
        "cwd": or_null(TEXT),
        "job_folders": TEXTS,
        "home": or_null(TEXT),
    },
)
PROBLEM = Fields(
    {
        "search_space": RECORD,
        "objectives": Rule("a list of at least one mapping", lambda value: RECORDS.holds(value) and len(value) > 0),
        "outcome_constraints": RECORDS,
        "parameter_constraints": RECORDS,
    },
    {"written": a_list("pairs of texts", lambda pair: TEXTS.holds(pair) and len(pair) == 2)},
)
SEARCH_SPACE = Fields({"parameters": RECORDS, "overrides": TEXTS})
_ANYTHING = Rule("a value", lambda value: True)
PARAMETERS: Mapping[str, Fields] = {
    "range": Fields(
        {"name": TEXT, "lower": FINITE, "upper": FINITE, "value_type": one_of(("int", "float"))},
        {"log_scale": FLAG, "step": or_null(FINITE), "prefix": TEXT},
    ),
    "choice": Fields({"name": TEXT, "values": a_list("values"), "is_ordered": FLAG}, {"prefix": TEXT}),
    "fixed": Fields({"name": TEXT, "value": _ANYTHING}, {"prefix": TEXT}),
}
OBJECTIVE = Fields({"name": TEXT, "minimize": FLAG}, {"threshold": or_null(FINITE)})
OUTCOME_CONSTRAINT = Fields({"metric": TEXT, "op": one_of(("<=", ">=")), "bound": FINITE})
PARAMETER_CONSTRAINT = Fields(
    {"terms": a_list("[parameter, weight]", lambda value: _is_term(value)), "bound": FINITE}, {"is_equality": FLAG}
)

_LONGEST = 80


def trial_complaint(row: Any) -> str | None:
    """What is wrong with a trial's line; None where nothing is."""
    return next(_in_trial(row), None)


def header_complaint(row: Any) -> str | None:
    """What is wrong with the first line, apart from its problem."""
    return next(_in(row, HEADER), None)


def problem_complaint(problem: Any) -> str | None:
    """What is wrong with the record of a problem."""
    return next(_in_problem(problem), None)


def _in_trial(row: Any) -> Iterator[str]:
    yield from _in(row, TRIAL)
    if row.get("job") is not None:
        yield from _in(row["job"], JOB, "job.")
    for number_, attempt in enumerate(row.get("earlier", ()), start=1):
        where = f"earlier attempt {number_}: "
        yield from _in(attempt, ATTEMPT, where)
        yield from _in(attempt["job"], JOB, f"{where}job.")
    earlier = len(row.get("earlier", ()))
    if row.get("attempt", earlier + 1) != earlier + 1:
        yield f"attempt is {row['attempt']}, and there are {earlier} earlier ones"


def _in_problem(problem: Any) -> Iterator[str]:
    yield from _in(problem, PROBLEM, "problem.")
    space = problem["search_space"]
    yield from _in(space, SEARCH_SPACE, "problem.search_space.")
    for parameter in space["parameters"]:
        where = f"problem: parameter {_shown(parameter.get('name'))}: "
        yield from _in(parameter, Fields({"type": one_of(PARAMETERS)}), where)
        yield from _in(parameter, PARAMETERS[parameter["type"]], where)
    constraints = ("outcome_constraints", OUTCOME_CONSTRAINT), ("parameter_constraints", PARAMETER_CONSTRAINT)
    for key, fields in (("objectives", OBJECTIVE), *constraints):
        for record in problem[key]:
            yield from _in(record, fields, f"problem.{key}: ")


def _in(record: Any, fields: Fields, where: str = "") -> Iterator[str]:
    if not isinstance(record, Mapping):
        yield f"it must be a mapping, got {_shown(record)}"
        return
    for key, rule in fields.needed.items():
        if key not in record:
            yield f"{where}{key} is missing"
        elif not rule.holds(record[key]):
            yield _broken(where + key, rule, record[key])
    for key, rule in fields.optional.items():
        if key in record and not rule.holds(record[key]):
            yield _broken(where + key, rule, record[key])


def _broken(where: str, rule: Rule, value: Any) -> str:
    return f"{where} must be {rule.wanted}, got {_shown(value)}"


def _is_measured(value: Any) -> bool:
    return len(value) == 2 and all(map(is_number, value)) if isinstance(value, list | tuple) else is_number(value)


def _is_term(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and is_finite_number(value[1])


def _shown(value: Any) -> str:
    return shortened(repr(value), _LONGEST)

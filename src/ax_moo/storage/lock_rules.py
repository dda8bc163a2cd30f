"""What a lock's record must be. Somebody may have edited it, and what is wrong in it must not mislead a command."""

from collections.abc import Mapping
from typing import Any

from ax_moo.system.rules import Rule, a_list, number, or_null, whole_number

_TEXT = Rule("a text", lambda value: isinstance(value, str))
_MOMENT = number("a number of seconds since 1970", lambda value: 0 <= value < 253_402_300_800)

NEEDED = {"host": _TEXT, "pid": whole_number(0, 2**31 - 1), "time": _MOMENT}
OPTIONAL = {"since_boot": or_null(number("a number", lambda value: True)), "ended": or_null(_MOMENT)}
ABOUT = {
    "n_trials": whole_number(0),
    "n_jobs": whole_number(0),
    "command": or_null(_TEXT),
    "training": or_null(_TEXT),
    "cwd": or_null(_TEXT),
    "job_folders": a_list("texts", _TEXT.holds),
    "home": or_null(_TEXT),
}


def is_right(row: Any) -> bool:
    """Whether a sweeper, of this version or an earlier one, can have written the record."""
    if not isinstance(row, Mapping) or not row.keys() >= NEEDED.keys():
        return False
    about = row.get("about", {})
    return isinstance(about, Mapping) and _hold(NEEDED | OPTIONAL, row) and _hold(ABOUT, about)


def _hold(rules: Mapping[str, Rule], record: Mapping[str, Any]) -> bool:
    return all(rule.holds(record[key]) for key, rule in rules.items() if key in record)

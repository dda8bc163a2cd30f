"""The lines of a journal as W&B gets them: with their secrets hidden, and otherwise as they can be read back."""

import json
from collections.abc import Mapping
from typing import Any

from ax_moo.search_space.space import SearchSpace
from ax_moo.system.redaction import message_without_secrets, without_secrets

_POINTS, _SENTENCES = ("parameterization", "arm"), ("reason", "model_failed")


def shown_header(header: Mapping[str, Any]) -> str:
    """The journal's first line: the problem and the command."""
    return json.dumps(without_secrets(header))


def shown_line(text: str, space: SearchSpace) -> str:
    """The line of a trial's state."""
    try:
        row = json.loads(text)
        shown = {**_without_secrets(row, space)}
        if "earlier" in row:
            shown["earlier"] = [_without_secrets(each, space) for each in row["earlier"]]
    except (ValueError, TypeError, AttributeError):
        return message_without_secrets(text)
    return text if shown == row else json.dumps(shown)


def _without_secrets(row: Mapping[str, Any], space: SearchSpace) -> dict[str, Any]:
    points = {key: space.shown(row[key]) for key in _POINTS if isinstance(row.get(key), Mapping)}
    sentences = {key: message_without_secrets(row[key]) for key in _SENTENCES if isinstance(row.get(key), str)}
    return {**row, **points, **sentences}

"""How points are told apart."""

import json

from ax_moo.trial import Parameterization


def key(point: Parameterization) -> str:
    """A text that is the same for equal points."""
    return json.dumps(point, sort_keys=True)

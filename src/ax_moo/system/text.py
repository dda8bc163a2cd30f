"""What somebody probably meant to write."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: object, valid: Iterable[str]) -> str:
    """The end of an error message: the nearest valid word if one is near, and all of them."""
    words = list(valid)
    near = difflib.get_close_matches(str(word), words, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}valid: {', '.join(words) or 'none'}"

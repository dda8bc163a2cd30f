"""Hiding the secrets of a command, word by word."""

import re
import shlex
from collections.abc import Sequence

from ax_moo.system.redaction.keys import HIDDEN
from ax_moo.system.redaction.texts import redacted
from ax_moo.system.redaction.trees import arguments_without_secrets
from ax_moo.system.text import quoted

_IN_PLACE = "ax_moo_hidden"
"""It stands for what is hidden while the words are quoted: ``***`` would be put into quotes."""

_QUOTING = re.compile(r"['\"\\]")
"""Without one of these a command's words are easily told apart: a page has the commands of thousands of trials."""


def command_without_secrets(command: str) -> str:
    """A command as a shell takes it, with its secrets hidden; it may not be run again as it is then."""
    try:
        words = shlex.split(command) if _QUOTING.search(command) else command.split()
    except ValueError:
        return redacted(command)
    shown = arguments_without_secrets(words)
    return command if shown == words else _joined(shown)


def words_without_secrets(words: Sequence[str]) -> str:
    """The words of a command as a shell takes them, with their secrets hidden."""
    return _joined(arguments_without_secrets(words))


def _joined(words: Sequence[str]) -> str:
    return " ".join(quoted(each.replace(HIDDEN, _IN_PLACE)) for each in words).replace(_IN_PLACE, HIDDEN)

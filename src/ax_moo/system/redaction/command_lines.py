"""Hiding the secrets of a command, word by word."""

import shlex
from collections.abc import Sequence

from ax_moo.system.redaction.keys import HIDDEN
from ax_moo.system.redaction.texts import redacted
from ax_moo.system.redaction.trees import arguments_without_secrets
from ax_moo.system.text import quoted

_IN_PLACE = "ax_moo_hidden"
"""It stands for what is hidden while the words are quoted: ``***`` would be put into quotes."""


def command_without_secrets(command: str) -> str:
    """A command as a shell takes it, with its secrets hidden; it may not be run again as it is then."""
    try:
        words = shlex.split(command)
    except ValueError:
        return redacted(command)
    return command if arguments_without_secrets(words) == words else words_without_secrets(words)


def words_without_secrets(words: Sequence[str]) -> str:
    """The words of a command as a shell takes them, with their secrets hidden."""
    shown = [each.replace(HIDDEN, _IN_PLACE) for each in arguments_without_secrets(words)]
    return " ".join(map(quoted, shown)).replace(_IN_PLACE, HIDDEN)

"""Hiding passwords, tokens and API keys in what is shown or uploaded; docs/security.md has the rule.

``keys`` says which key is that of a secret, ``texts`` what looks like one, and ``known`` which values are secret in
this process and which are not. ``trees`` hides the secrets of a config, and ``command_lines`` those of a command.
"""

from ax_moo.system.redaction.command_lines import command_without_secrets, words_without_secrets
from ax_moo.system.redaction.configs import learn, learn_from_file, yaml_without_secrets
from ax_moo.system.redaction.keys import HIDDEN, is_secret
from ax_moo.system.redaction.known import learn_environment, note_searched
from ax_moo.system.redaction.texts import message_without_secrets, redacted
from ax_moo.system.redaction.trees import arguments_without_secrets, override_without_secrets, without_secrets

__all__ = [
    "HIDDEN",
    "arguments_without_secrets",
    "command_without_secrets",
    "is_secret",
    "learn",
    "learn_environment",
    "learn_from_file",
    "message_without_secrets",
    "note_searched",
    "override_without_secrets",
    "redacted",
    "without_secrets",
    "words_without_secrets",
    "yaml_without_secrets",
]

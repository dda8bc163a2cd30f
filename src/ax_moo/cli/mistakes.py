"""What ``ax-moo`` says without the secrets that it was given in its words, and in the files that these name."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

_CONFIGS = (".yaml", ".yml")


def without_secrets_of(words: Sequence[str]) -> Callable[[str], str]:
    """A sentence without secrets; what is needed for that is imported and read when there is a first sentence."""

    @lru_cache(maxsize=1)
    def learn() -> None:
        from omegaconf import OmegaConf

        from ax_moo.system.redaction import learn, learn_environment, learn_from_file

        learn_environment(os.environ)
        learn(OmegaConf.create(), words)
        for word in words:
            config = _config(word)
            if config is not None:
                learn_from_file(config)

    def hidden(sentence: str) -> str:
        from ax_moo.system.redaction import message_without_secrets

        learn()
        return message_without_secrets(sentence)

    return hidden


def _config(word: str) -> Path | None:
    """The config that a word of a command names: a file, or that of a sweep's folder."""
    path = Path(word)
    with suppress(OSError, ValueError):  # it is no path
        config = path / "multirun.yaml" if path.is_dir() else path
        if config.suffix in _CONFIGS and config.is_file():
            return config
    return None

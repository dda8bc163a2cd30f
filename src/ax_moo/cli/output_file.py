"""The file that ``-o`` names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ax_moo.system.errors import ConfigError
from ax_moo.system.text import visible


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Within the block the file is written.

    Raises:
        ConfigError: it cannot be.
    """
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"-o {visible(out)}: cannot be written: {error.strerror or error}; name another file"
        ) from None

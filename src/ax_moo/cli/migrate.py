"""``ax-moo migrate``: a config of the Optuna, Ax or Nevergrad sweeper as ours."""

import sys
from pathlib import Path

from ax_moo.cli.output_file import writing
from ax_moo.migrating.migrate import migrated
from ax_moo.system.errors import ConfigError
from ax_moo.system.terminal import say
from ax_moo.system.text import visible


def migrate(config: Path, out: Path | None) -> None:
    """Write the migrated config to a file, or to standard output."""
    text = _read(config)
    try:
        written = migrated(text, str(config.absolute().parent))
    except ConfigError as error:
        raise ConfigError(f"{visible(config)}: {error}") from None
    if out is None:
        sys.stdout.write(written)
        return
    with writing(out):
        out.write_text(written, encoding="utf-8", newline="")
    say(str(out))


def _read(config: Path) -> str:
    try:
        # newline="" keeps the line breaks of the file.
        with config.open(encoding="utf-8", newline="") as file:
            return file.read()
    except UnicodeDecodeError:
        raise ConfigError(f"{visible(config)}: is not UTF-8 text; give the YAML file of the config") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(
            f"{visible(config)}: cannot be read: {reason or error}; give the YAML file of the config"
        ) from None

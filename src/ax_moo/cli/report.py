"""``ax-moo report``: the page of a sweep folder, now."""

from pathlib import Path

from ax_moo.cli.folder import open_folder
from ax_moo.html_report.writing import write_report
from ax_moo.system.errors import ConfigError


def report(folder: Path, out: Path | None) -> None:
    """Write the page and print where it is."""
    open_folder(folder)
    if out is not None and out.is_dir():
        raise ConfigError(f"-o {out}: is a folder; name a file, such as {out / 'report.html'}")
    try:
        print(write_report(folder, out))
    except OSError as error:
        where = f"-o {out}" if out else f"{folder}"
        raise ConfigError(f"{where}: the report cannot be written: {error.strerror or error}") from None

"""``ax-moo report``: the page of a sweep folder, now."""

from pathlib import Path

from ax_moo.cli.opening import open_folder
from ax_moo.errors import ConfigError
from ax_moo.html_report.writing import write_report


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

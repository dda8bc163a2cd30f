"""Writes report.html into a sweep folder, and keeps the expensive model analyses for the next time."""

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ax_moo.html_report.advice import advised
from ax_moo.html_report.payload import for_javascript, payload
from ax_moo.optimizer.base import Method
from ax_moo.storage import journal
from ax_moo.storage.folder import SweepFolder, open_folder
from ax_moo.system.disk import replace_file
from ax_moo.system.garbage import uncollected
from ax_moo.trial import TrialStatus

log = logging.getLogger(__name__)

REPORT_FILE = "report.html"
ANALYSES_FILE = ".analyses.json"
"""The file of the last analyses, so that a page that is rewritten each half minute needs no new model."""

SHARE_OF_TIME = 0.05
"""The share of one core's time that the analyses may take while the trials of a sweep use the machine."""

FIRST_COST = 15.0
"""The assumed seconds for the first analyses."""


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Write the whole page, by default as ``report.html`` into the sweep folder.

    Where the analyses are missing, the page is written twice: at once without them, and again when they are made.

    Raises:
        ax_moo.system.errors.ConfigError: the folder holds no sweep, or none that can be read.
        OSError: the page cannot be written.
    """
    return _write(open_folder(folder), out, whole=True)


def refresh_report(folder: Path) -> Path:
    """Write the page of a running sweep, with analyses that may be older than the page."""
    return _write(open_folder(folder), None, whole=False)


def is_current(folder: Path) -> bool:
    """Whether the page exists and is not older than the journal."""
    page = folder / REPORT_FILE
    return page.exists() and page.stat().st_mtime >= (folder / journal.JOURNAL_FILE).stat().st_mtime


def _write(sweep: SweepFolder, out: Path | None, whole: bool) -> Path:
    from ax_moo.html_report.page import write_page

    path = (out or sweep.path / REPORT_FILE).absolute()
    cached = _cached(sweep.path)
    data = payload(sweep, cached.get("surrogate"), time.time())
    write_page(path, data)
    if not _is_current(cached, sweep) and (whole or _is_due(cached, sweep)):
        write_page(path, {**data, "surrogate": for_javascript(advised(_analysed(sweep), sweep.problem))})
    return path


def _analysed(sweep: SweepFolder) -> Mapping[str, Any]:
    with uncollected():
        from ax_moo.html_report.surrogate import analyse

    begin = time.monotonic()
    last_states = journal.last_states(sweep.path)
    found = analyse(last_states, sweep.problem, sweep.header.get("method", Method.AUTO), sweep.header.get("seed"))
    _cache(
        sweep.path,
        {"completed": _completed(sweep), "time": time.time(), "seconds": time.monotonic() - begin, "surrogate": found},
    )
    return found


def _is_current(cached: Mapping[str, Any], sweep: SweepFolder) -> bool:
    return "surrogate" in cached and cached.get("completed") == _completed(sweep)


def _is_due(cached: Mapping[str, Any], sweep: SweepFolder) -> bool:
    since = time.time() - float(cached.get("time", sweep.header["time"]))
    return since * SHARE_OF_TIME >= max(float(cached.get("seconds", 0.0)), FIRST_COST if not cached else 0.0)


def _completed(sweep: SweepFolder) -> int:
    return sum(trial.status is TrialStatus.COMPLETED for trial in sweep.trials)


def _cached(folder: Path) -> dict[str, Any]:
    try:
        cached = json.loads((folder / ANALYSES_FILE).read_bytes())
        return cached if isinstance(cached, dict) else {}
    except (OSError, ValueError):
        return {}


def _cache(folder: Path, found: Mapping[str, Any]) -> None:
    try:
        replace_file(folder / ANALYSES_FILE, json.dumps(found))
    except OSError as error:  # a read-only folder or a full disk; the next report makes the analyses again
        log.debug("The analyses could not be saved: %s", error)

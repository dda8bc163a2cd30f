"""Log records whose texts show themselves and do nothing else, whichever handler writes them."""

import logging
from typing import Any

from ax_moo.system.text import visible, visible_block

OURS = ("ax_moo", "ax_moo_launchers", "hydra_plugins")
HYDRAS = "hydra"
"""Hydra logs the overrides of a job that it runs, so the values of a trial."""

_formatter = logging.Formatter()


def make_visible() -> None:
    """From here on the records of our loggers and of Hydra's are free of control characters, in every handler."""
    make = logging.getLogRecordFactory()
    if isinstance(make, _VisibleRecords):
        return
    logging.setLogRecordFactory(_VisibleRecords(make))


class _VisibleRecords:
    def __init__(self, make: Any) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*args, **kwargs)
        room = str(record.name).partition(".")[0]
        if room in OURS or room == HYDRAS:
            _make_visible(record, visible if room in OURS else visible_block)
        return record


def _make_visible(record: logging.LogRecord, shown: Any) -> None:
    try:
        record.msg, record.args = shown(record.getMessage()), ()
    except Exception:
        return  # the handler says that the record does not fit its arguments
    if record.exc_info and record.exc_info[0]:
        traceback = _formatter.formatException(record.exc_info)
        record.exc_text = visible_block(traceback)

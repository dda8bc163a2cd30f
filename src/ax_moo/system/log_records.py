"""Log records whose texts show themselves and do nothing else, whichever handler writes them."""

import logging
from collections.abc import Callable
from typing import Any

from ax_moo.system.text import visible, visible_block

OURS = ("ax_moo", "ax_moo_launchers", "hydra_plugins")
HYDRAS = "hydra"
"""Hydra and its launchers log the overrides of a job, so the values of a trial."""

_formatter = logging.Formatter()


def make_visible() -> "VisibleRecords":
    """From here on the records of our loggers and of Hydra's are free of control characters, in every handler."""
    make = logging.getLogRecordFactory()
    if isinstance(make, VisibleRecords):
        return make
    visible_records = VisibleRecords(make)
    logging.setLogRecordFactory(visible_records)
    return visible_records


class VisibleRecords:
    """Makes the records; the application's are its own, and stay as they are."""

    def __init__(self, make: Any) -> None:
        self._make = make
        self.first: Callable[[str], str] = str
        """What is done to a text before its control characters are escaped, and what it looks for with them."""

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*args, **kwargs)
        room = str(record.name).partition(".")[0]
        if room in OURS or room == HYDRAS:
            self._change(record, visible if room in OURS else visible_block)
        return record

    def _change(self, record: logging.LogRecord, shown: Callable[[object], str]) -> None:
        try:
            record.msg, record.args = shown(self.first(record.getMessage())), ()
        except Exception:
            return  # the handler says that the record does not fit its arguments
        if record.exc_info and record.exc_info[0]:
            traceback = _formatter.formatException(record.exc_info)
            record.exc_text = visible_block(self.first(traceback))

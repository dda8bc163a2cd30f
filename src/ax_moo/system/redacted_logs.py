"""The sweep's own log lines without the values that are known to be secret."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ax_moo.system.redaction import message_without_secrets

_OURS = ("ax_moo", "hydra_plugins", "hydra.")
"""Our loggers, and Hydra's, whose launchers log a job's overrides. The application's are its own."""


@contextmanager
def without_secrets() -> Iterator[None]:
    """Within the block the messages of these loggers have no secrets, whatever handlers they go to."""
    make = logging.getLogRecordFactory()

    def make_without_secrets(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if record.name.startswith(_OURS):
            record.msg, record.args = message_without_secrets(record.getMessage()), ()
        return record

    logging.setLogRecordFactory(make_without_secrets)
    try:
        yield
    finally:
        if logging.getLogRecordFactory() is make_without_secrets:
            logging.setLogRecordFactory(make)

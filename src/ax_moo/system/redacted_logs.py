"""The sweep's own log lines without the values that are known to be secret."""

from collections.abc import Iterator
from contextlib import contextmanager

from ax_moo.system.log_records import make_visible
from ax_moo.system.redaction import message_without_secrets


@contextmanager
def without_secrets() -> Iterator[None]:
    """Within the block our log lines and Hydra's have no secrets, nor have their tracebacks, in every handler."""
    records = make_visible()
    before, records.first = records.first, message_without_secrets
    try:
        yield
    finally:
        records.first = before

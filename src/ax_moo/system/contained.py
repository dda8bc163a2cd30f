"""Running code of the application's that may raise what does not derive from Exception: a Rust panic, ``sys.exit``."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from ax_moo.system.errors import NoException
from ax_moo.system.signals import recorded
from ax_moo.system.text import uncut_error_line


@contextmanager
def contained() -> Iterator[None]:
    """Within the block everything that is raised is an Exception; Ctrl-C and other signals still interrupt it.

    Raises:
        NoException: in place of what does not derive from Exception.
    """
    with recorded(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as came:
        try:
            yield
        except Exception:
            raise
        except BaseException as error:
            if came:
                raise
            raise NoException(uncut_error_line(error)) from error

"""Submissions that a launcher's scheduler does not take: what they mean, and how often they are tried again.

The sweep and a launcher's own batch keep to the same numbers.
"""

from ax_moo.system.errors import ConfigError

AGAIN_SECONDS = 10.0
MOST_REFUSALS = 60
"""After this many refusals in a row, with no job running whose end could help, submitting is given up."""


class NotNow(OSError):
    """The scheduler has not taken a job for a reason that passes: it is away or busy, or its queue is full."""


class RequestRefused(ConfigError):
    """The scheduler refuses what a job asks for.

    That is a mistake in the config if the scheduler has never taken a job of the sweep. If it has, a partition or an
    account may be closed for a while.
    """

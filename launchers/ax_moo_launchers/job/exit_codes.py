"""Exit codes of a job's process, and what they say."""

import os
import signal

TERMINATED = 128 + signal.SIGTERM
NO_ROOM = os.EX_IOERR
"""A full disk takes no note that says why a job ended; this says it."""

NO_SPACE_LEFT = "no space left on device"
NO_RESULT = "no result written"


def exit_words(code: int) -> str:
    if code == NO_ROOM:
        return f"{NO_SPACE_LEFT} (exit code {code})"
    if code < 0 or code == TERMINATED:
        number = -code if code < 0 else signal.SIGTERM
        return f"killed by signal {number} ({_name(number)})"
    return f"exit code {code}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"

"""What a job of Hydra's left behind, as the sweep sees it."""

from typing import Any

from ax_moo.jobs.launcher import JobResult

_LONGEST = 500


def result_of(job_return: Any) -> JobResult:
    """The JobResult of a ``hydra.core.utils.JobReturn``, whose own ``return_value`` raises the job's error."""
    value = job_return._return_value
    if job_return.status.name == "COMPLETED":
        return JobResult(value=value)
    line = getattr(job_return, "error_line", None)
    if line is None:
        line = error_line(value) if isinstance(value, BaseException) else f"Hydra returned {job_return.status}"
    return JobResult(error=one_line(line))


def error_line(error: BaseException) -> str:
    """Type and message of an exception, and of the one that it was raised from first."""
    line = _headline(error)
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    if root is not error:
        line = f"{line} (caused by {_headline(root)})"
    return one_line(line)


def one_line(text: str) -> str:
    """Text as one line that fits into a table."""
    # Undecodable bytes of a file name live on in Python's strings, and no file or terminal takes them.
    line = " ".join(text.encode("utf-8", "backslashreplace").decode().split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def _headline(error: BaseException) -> str:
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be shown)"
    name = type(error).__name__
    return f"{name}: {message}" if message.strip() else name

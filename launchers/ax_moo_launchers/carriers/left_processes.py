"""What a trial leaves behind in its Slurm job, which goes on without it."""

import contextlib
import ctypes
import os

import psutil

_PR_SET_CHILD_SUBREAPER = 36


def adopt_left_processes() -> bool:
    """Let processes whose parents have ended become children of this one; whether the system does that."""
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    return False


def bury_left_processes(but: int) -> None:
    """Do for adopted processes that have ended what init would: until then they seem to live. ``but`` is the trial."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid != but:
            os.waitpid(ended.si_pid, os.WNOHANG)


def end_left_processes(but: set[int]) -> None:
    """End what an ended trial has left behind: nothing of it may take room from the next one.

    These children are spared, with what they have started: the parent of warm trials may be at its imports.
    """
    for _ in range(3):  # one may start another meanwhile
        left = [each for child in psutil.Process().children() if child.pid not in but for each in _with_children(child)]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=2)
        if not left:
            return


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []

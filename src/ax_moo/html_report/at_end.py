"""Writes the whole page when the sweep is over, in another process: what ends that one does not change how this ends.

Where this process has imported Ax, the other one is a fork of it, which saves half of the page's CPU time.
"""

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.context import ForkProcess
from pathlib import Path

import psutil

from ax_moo.html_report.observer import be_nice, start_writing
from ax_moo.html_report.writing import REPORT_FILE, write_report
from ax_moo.system import working_folder
from ax_moo.system.terminal import say

log = logging.getLogger(__name__)

LAST_SECONDS = 900
"""The limit for the page at the end: many times what a thousand trials take."""

STILL_SECONDS = 60.0
"""A fork that uses no CPU time for so long waits for ever: for a lock that a thread held when it was forked."""

THREAD_SECONDS = 1.0
"""The time in which the optimizer's thread, which was told to end, has ended."""

NEEDED = "ax_moo.optimizer.bayes.ax_client"
"""The module whose import takes as long as the analyses."""


def write_at_end(folder: Path, still_seconds: float = STILL_SECONDS) -> None:
    """Write the whole page and print its path. A failure or Ctrl-C is a warning and does not change the sweep's end."""
    try:
        why_not = None if _can_fork() and _in_a_fork(folder, still_seconds) else _in_a_program(folder)
    except (KeyboardInterrupt, TimeoutError, subprocess.TimeoutExpired):
        log.warning("The report is not finished; write it with: ax-moo report %s", folder)
        return
    except OSError as error:
        why_not = f"no process can be started ({error})"
    if why_not is None:
        say(f"report: {folder / REPORT_FILE}")
    else:
        log.warning("The report was not written: %s; try ax-moo report %s", why_not, folder)


def _in_a_program(folder: Path) -> str | None:
    """Write the page in a new process; what was wrong, if anything."""
    process = start_writing(folder, whole=True)
    try:
        _, errors = process.communicate(timeout=LAST_SECONDS)
    finally:
        process.kill()
        process.wait()
    if process.returncode == 0:
        return None
    last = errors.decode(errors="replace").strip().splitlines()[-1:]
    return last[0] if last else "no reason is known"


def _can_fork() -> bool:
    """Whether Ax is imported here, and no other thread could hold a lock that the fork would wait for."""
    if sys.platform != "linux" or NEEDED not in sys.modules:
        return False
    until = time.monotonic() + THREAD_SECONDS
    while threading.active_count() > 1 and _some_end() and time.monotonic() < until:
        time.sleep(0.01)
    return threading.active_count() == 1


def _some_end() -> bool:
    """Whether a thread may end soon; the others, as that which listens to the process of the W&B run, are daemons."""
    return any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread())


def _in_a_fork(folder: Path, still_seconds: float) -> bool:
    """Write the page in a fork of this process; False if it failed or hangs, for whatever reason."""
    process = multiprocessing.get_context("fork").Process(target=_write, args=(folder,))
    with warnings.catch_warnings():
        # Later Pythons warn of the threads in C++ libraries. These are idle, and the fork uses none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    try:
        _wait_while_it_works(process, still_seconds)
        return process.exitcode == 0
    finally:
        process.kill()
        process.join()


def _wait_while_it_works(process: ForkProcess, still_seconds: float) -> None:
    """Wait until the process has ended, or has used no CPU time for so long."""
    used, worked = -1.0, time.monotonic()
    until = worked + LAST_SECONDS
    while process.exitcode is None and time.monotonic() - worked < still_seconds:
        if time.monotonic() > until:
            raise TimeoutError
        process.join(min(1.0, still_seconds / 4))
        before, used = used, _cpu_seconds(process)
        if used != before:
            worked = time.monotonic()


def _cpu_seconds(process: ForkProcess) -> float:
    try:
        times = psutil.Process(process.pid).cpu_times()
    except psutil.Error:  # it has ended
        return 0.0
    return float(times.user + times.system)


def _write(folder: Path) -> None:
    """In the fork: leave the sweep's terminal, signals and log, and write the page."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.alarm(LAST_SECONDS)  # a killed sweeper ends nothing
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    logging.disable()
    be_nice()
    working_folder.leave_if_gone(folder)
    # OpenMP keeps threads for each thread that has used it. In a fork they are missing, and a new thread has none.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(write_report, folder).result()

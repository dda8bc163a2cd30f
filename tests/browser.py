"""A headless Chromium for the tests, with Debian's package of it where it is missing."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PROGRAM = "/usr/bin/chromium"
# It runs as root, and asks nobody for anything.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def why_not_here() -> str | None:
    """Why this machine has no Chromium and cannot get one, or None."""
    if Path(PROGRAM).exists():
        return None
    if os.geteuid() != 0:
        return f"there is no {PROGRAM}, and installing it needs root"
    if shutil.which("apt-get") is None:
        return f"there is no {PROGRAM}, and it is Debian's package that the tests install"
    return None


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, until the caller is done with it."""
    _install()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        yield browser
        browser.close()


def _install() -> None:
    """By one of the processes that run tests at the same time."""
    with open(Path(tempfile.gettempdir(), "chromium-package.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if Path(PROGRAM).exists():
            return
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
            done = subprocess.run(["apt-get", "-qq", *command], env=environ, capture_output=True, text=True)
            if done.returncode != 0:
                raise RuntimeError(f"apt-get {command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")

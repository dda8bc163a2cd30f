"""A headless Chromium for the tests, with Debian's package of it where it is missing."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import debian
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
    debian.install(("chromium",), Path(PROGRAM).exists)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        yield browser
        browser.close()

"""Test suites for launchers and storages of your own: subclass one in a test file, and run it with pytest."""

import importlib.util

if importlib.util.find_spec("pytest") is None:
    raise ImportError("ax_moo.testing needs pytest, which is not installed: pip install pytest")

from ax_moo.testing.launcher_suite import JobSuite, LauncherSuite
from ax_moo.testing.storage_suite import StorageSuite

__all__ = ["JobSuite", "LauncherSuite", "StorageSuite"]

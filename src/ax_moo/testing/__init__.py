"""What a launcher or a storage of your own has to fulfil, as tests that you subclass. Needs pytest."""

import importlib.util

if importlib.util.find_spec("pytest") is None:
    raise ImportError("ax_moo.testing needs pytest, which is not installed: pip install pytest")

from ax_moo.testing.launcher_suite import JobSuite, LauncherSuite
from ax_moo.testing.storage_suite import StorageSuite

__all__ = ["JobSuite", "LauncherSuite", "StorageSuite"]

"""The example fulfils the contract of a launcher: ``python -m pytest examples/launcher``."""

from collections.abc import Callable
from pathlib import Path

from ax_moo.testing import LauncherSuite


class TestExampleLauncher(LauncherSuite):
    launcher = "example"

    @classmethod
    def obstruct(cls, folder: Path, trial: int) -> Callable[[], None]:
        """A file stands where the job's folder has to be."""
        path = folder / "sweep/.example" / f"{trial}-1"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return path.unlink

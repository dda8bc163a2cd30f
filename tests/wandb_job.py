"""A Hydra application in a process of its own, as the tests of W&B start it."""

import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from command_line import command_line
from wandb_server import FakeWandb

HERE = Path(__file__).parent
APP = HERE / "wandb_app.py"
FOREIGN = HERE / "wandb_foreign_app.py"
TRAIN = HERE.parent / "train.py"


@dataclass(frozen=True)
class Ended:
    """``seconds`` are those that W&B took from the training: [to start, to end]."""

    code: int
    output: str

    @property
    def complaints(self) -> list[str]:
        """What was said about W&B above the level of information."""
        return [line for line in self.output.splitlines() if re.search(r"\]\[(WARNING|ERROR)\] - W&B", line)]

    @property
    def seconds(self) -> list[float]:
        return [float(found) for found in re.findall(r"(?:started|ended) after ([\d.]+) s", self.output)]


class WandbJob:
    """``app -m overrides...`` under Hydra's own launcher and sweeper, with a server's environment.

    It runs in a fork of a process that has imported ``imported`` and wandb: most of the time of so short a job.
    """

    def __init__(
        self,
        server: FakeWandb,
        folder: Path,
        *overrides: str,
        app: Path = APP,
        logger: str = "logger=wandb",
        imported: str = "nas.train",
        environment: Mapping[str, str | None] | None = None,
    ) -> None:
        changed = {**server.environment(), "OMP_NUM_THREADS": "1", **(environment or {})}
        folder.mkdir(parents=True, exist_ok=True)
        self._process = command_line(imported, "wandb").start(
            folder,
            *("-m", "hydra/launcher=basic", "hydra/sweeper=basic", logger, *overrides),
            app=app,
            environment={key: value for key, value in changed.items() if value is not None},
        )

    def wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if self._process.poll() is not None:
                raise RuntimeError(f"the job ended: {self.end().output}")
            time.sleep(0.05)

    def terminate(self) -> None:
        os.kill(self._process.pid, signal.SIGTERM)

    def end(self, timeout: float = 150) -> Ended:
        try:
            said = self._process.communicate(timeout)
        finally:
            self._process.kill()
        return Ended(self._process.wait(), "".join(said))

"""The process in a Slurm job that has imported what trials import, and of which later trials of the job are forks.

It is run as ``python -P -u -m ax_moo_launchers.carriers.warm_parent WISH`` by the carrier. A trial's process becomes a
child of the carrier, as that of a cold trial is: it is the fork of a fork, and the one between them ends at once.
"""

import os
import sys
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from ax_moo_launchers.files import TASK
from ax_moo_launchers.warm import parent
from ax_moo_launchers.warm.preloaded import Preloaded

PARENT = "ax_moo_launchers.carriers.warm_parent"
_SHORT_S = 0.001


class Trials:
    """The processes of trials, whose folder, logs and environment a request says."""

    def __init__(self, preloaded: Preloaded) -> None:
        self.preloaded = preloaded

    def start(self, **request: Any) -> int | str:
        read, told = os.pipe()
        try:
            between = self.preloaded.fork(partial(self._start, told, **request), dict(os.environ))
            while (code := between.poll()) is None:
                time.sleep(_SHORT_S)
            # Not before now the trial's process is a child of the carrier.
            return f"its forks end with exit code {code}" if code else int(os.read(read, 99))
        finally:
            os.close(read)
            os.close(told)

    def look(self) -> None:
        """Do nothing: the carrier looks after the trials."""

    def _start(self, told: int, folder: str, out: str, err: str, environ: Mapping[str, str]) -> None:
        output, errors = (os.open(each, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666) for each in (out, err))
        trial = self.preloaded.start(TASK, [folder], environ, (0, output, errors), is_leader=True)
        os.write(told, str(trial.pid).encode())


if __name__ == "__main__":
    parent.run(sys.argv[1], Trials)

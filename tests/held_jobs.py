"""A multirun under Hydra's own sweeper, whose jobs say that they have begun and wait until they may end."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from command_line import Started, command_line
from sweeping import write_app
from waiting import wait_until

APP = """
import os
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    folder, number = Path(hydra.utils.get_original_cwd()), HydraConfig.get().job.num

    def say(word):
        # One write of one line: jobs of several processes do not mix.
        said = os.open(folder / "said", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(said, f"{word} {number} {os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES') or '-'}\\n".encode())

    say("begins")
    while not (folder / f"go-{number}").exists() and not (folder / "over").exists():
        time.sleep(0.02)
    say("ends")
    return number


if __name__ == "__main__":
    if "CORES" in os.environ:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(os.environ["CORES"])])
    main()
"""


class HeldJobs:
    """The command, and what its jobs have said."""

    def __init__(self, project: Path) -> None:
        self.project = write_app(project, APP)
        self._process: Started | None = None

    def start(self, *options: str, **environment: str) -> Started:
        arguments = ("-m", "hydra.sweep.dir=swept", *options)
        app, environ = self.project / "app.py", {**os.environ, **environment}
        self._process = command_line().start(self.project, *arguments, app=app, environment=environ)
        return self._process

    def said(self) -> list[list[str]]:
        """Word, number, process id and GPUs, in the order of saying."""
        path = self.project / "said"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def begun(self) -> list[int]:
        return [int(number) for word, number, *_ in self.said() if word == "begins"]

    def wait_for(self, *numbers: int) -> None:
        def have_begun() -> bool:
            assert self._process is None or self._process.poll() is None, self._process.end()
            return sorted(self.begun()) == list(numbers)

        wait_until(have_begun, f"jobs {numbers} to be those that have begun")

    def go(self, number: int) -> None:
        (self.project / f"go-{number}").touch()

    def most_at_once(self) -> int:
        running = most = 0
        for word, *_ in self.said():
            running += 1 if word == "begins" else -1
            most = max(most, running)
        return most

    def job_ids(self) -> list[str]:
        """The ids of local jobs in the order in which they have begun, of those that ended as well."""
        files = self.project.glob("swept/.submitit/*/*_process.json")
        ids = {path.parent.name: path.name.split("_")[0] for path in files}
        return [ids[str(number)] for number in self.begun()]

    def still_running(self) -> list[int]:
        pids = [int(pid) for word, _, pid, _ in self.said() if word == "begins"]
        return [pid for pid in pids if _runs(pid)]

    def end(self) -> None:
        """Leave nothing behind, however the test has ended."""
        (self.project / "over").touch()
        for pid in self.still_running():
            with suppress(ProcessLookupError):
                os.killpg(os.getpgid(pid), signal.SIGKILL)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False

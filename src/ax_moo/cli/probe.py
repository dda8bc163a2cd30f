"""Finds the sweep folder of a command by running the command up to the beginning of its sweep."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.global_hydra import GlobalHydra
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from ax_moo.session.checks import check_folder, checked
from ax_moo.sweep.settings import Resume
from ax_moo.system.errors import ConfigError

_CALLBACK = "+hydra.callbacks.ax_moo_probe._target_=ax_moo.cli.probe.Probe"
_ANSWER_VARIABLE = "AX_MOO_PROBE"
_NOT_FRESH = (
    "hydra.sweeper.resume: fresh would begin anew whenever the sweep's Slurm job is requeued; move the earlier sweep"
    " aside yourself, or name another hydra.sweep.dir"
)
_OURS = "hydra_plugins.ax_moo_sweeper.sweeper.AxMooSweeper"


class Probe(Callback):
    """A Hydra callback that checks the sweep, writes down its folder, and ends the process before the sweep begins."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        sweeper = OmegaConf.select(config, "hydra.sweeper._target_")
        if sweeper == _OURS:
            try:
                loader = GlobalHydra.instance().config_loader()
                problem, settings, _, folders = checked(config, loader, list(config.hydra.overrides.task))
                if settings.resume is Resume.FRESH:
                    raise ConfigError(_NOT_FRESH)
                check_folder(Path(str(config.hydra.sweep.dir)).absolute(), problem, settings.resume, folders)
            except ConfigError as error:
                sys.exit(f"hydra/sweeper=ax_moo: {error}")
        _answer(sweeper, os.path.abspath(str(config.hydra.sweep.dir)))

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        _answer(None, "")


def _answer(sweeper: str | None, folder: str) -> NoReturn:
    Path(os.environ[_ANSWER_VARIABLE]).write_text(json.dumps({"sweeper": sweeper, "folder": folder}))
    sys.exit(0)


def sweep_folder_of(command: Sequence[str], cwd: Path) -> Path:
    """The absolute folder of the sweep that this command would run.

    Raises:
        ConfigError: the command fails, or does not run a sweep of ``hydra/sweeper=ax_moo``.
    """
    with tempfile.TemporaryDirectory(prefix="ax-moo-") as aside:
        answer = Path(aside) / "answer.json"
        done = subprocess.run(
            [*command, _CALLBACK],
            cwd=cwd,
            env={**os.environ, _ANSWER_VARIABLE: str(answer), "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if not answer.exists():
            raise ConfigError(f"the command ended with code {done.returncode} before its sweep began:{_end(done)}")
        found = json.loads(answer.read_text())
    if found.get("sweeper") != _OURS:
        raise ConfigError("the command must run a sweep, with -m and hydra/sweeper=ax_moo")
    return Path(found["folder"])


def _end(done: "subprocess.CompletedProcess[str]") -> str:
    """The last lines of the command's output."""
    lines = (done.stderr.strip() or done.stdout.strip() or "the command printed nothing").splitlines()
    return "".join(f"\n  {line}" for line in lines[-12:])

"""How to run the sweep, or one of its trials, again."""

import shlex
from collections.abc import Mapping
from typing import Any

from ax_moo.problem.problem import Problem
from ax_moo.storage.folder import SweepFolder
from ax_moo.storage.journal import PULLED
from ax_moo.system.redaction import redacted
from ax_moo.trial import Trial

CONFIG_FILE = "multirun.yaml"


def reproduction(sweep: SweepFolder) -> dict[str, Any]:
    """Commands, versions, commit and config, with secrets hidden; None where the sweep has not said it."""
    about = sweep.about
    command = about.get("command")
    return {
        "command": redacted(command) if isinstance(command, str) else None,
        "resume": None if PULLED in sweep.header else f"ax-moo resume {shlex.quote(str(sweep.path))}",
        "cwd": about.get("cwd"),
        "python": about.get("python"),
        "versions": about.get("versions") or {},
        "git": about.get("git"),
        "seed": sweep.header.get("seed"),
        "config": _config(sweep),
    }


def command_of(trial: Trial, problem: Problem, about: Mapping[str, Any]) -> str:
    """The command that runs this trial's training by itself; only its overrides where the program is not known."""
    training = about.get("training")
    overrides = shlex.join(problem.search_space.to_overrides(trial.parameterization))
    return redacted(f"{training} {overrides}" if isinstance(training, str) else overrides)


def _config(sweep: SweepFolder) -> str | None:
    try:
        return redacted((sweep.path / CONFIG_FILE).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None

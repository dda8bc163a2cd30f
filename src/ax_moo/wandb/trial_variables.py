"""What W&B's environment variables say in a trial, so that a run of any application belongs to the sweep.

They are values of ``hydra.job.env_set``, by which Hydra gives them to each trial under any launcher, and takes them
back. Hydra composes the config of each trial anew, from overrides.
"""

import re
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import DictConfig, open_dict, read_write

from ax_moo.jobs import environment
from ax_moo.wandb.process import RunOptions
from ax_moo.wandb.service import modes_to_try
from ax_moo.wandb.settings import Mode, WandbSettings, run_id_prefix

RUN_ID, RESUME = "WANDB_RUN_ID", "WANDB_RESUME"
_TRIAL = "${hydra.job.num}"


def set_for_trials(config: DictConfig, settings: WandbSettings, folder: Path, sweep_id: str | None) -> None:
    """Put the variables into the config of the trials, but for those that the user or an option sets there.

    ``sweep_id`` is that of a sweep that begins now; None stands for the one in the folder's journal.
    """
    options = RunOptions.of(settings, folder, {})
    if not settings.is_on or modes_to_try(options.mode) == (Mode.DISABLED,):
        return
    values = _variables(options, settings, run_id_prefix(options.name, folder, sweep_id))
    theirs = config.hydra.job.env_set.keys() | settings.variables
    if RUN_ID in theirs:
        del values[RESUME]
    given = config.hydra.overrides
    with read_write(given), open_dict(given):
        for key in sorted(values.keys() - theirs):
            given.hydra.append(f"{environment.ENV_SET}{key}={_quoted(values[key])}")


def _variables(options: RunOptions, settings: WandbSettings, prefix: str) -> dict[str, str]:
    values = {
        RUN_ID: _unless_set(RUN_ID, f"{prefix}-", _TRIAL),
        "WANDB_NAME": _unless_set("WANDB_NAME", f"{options.name}-", _TRIAL),
        "WANDB_RUN_GROUP": _unless_set("WANDB_RUN_GROUP", options.group),
        "WANDB_JOB_TYPE": _unless_set("WANDB_JOB_TYPE", "trial"),
        RESUME: _unless_set(RESUME, "allow"),
    }
    # Where the application names none, its runs are where the sweep's run is.
    named = {"WANDB_PROJECT": settings.project, "WANDB_ENTITY": settings.entity}
    return values | {key: _unless_set(key, value) for key, value in named.items() if value}


def _unless_set(variable: str, text: str, then: str = "") -> str:
    """An interpolation: the variable's value in the job's own environment, else this text."""
    escaped = re.sub(r"(\\*)('|\$\{|$)", lambda found: 2 * found[1] + ("\\" if found[2] else "") + found[2], text)
    return f"${{oc.env:{variable},'{escaped}{then}'}}"


def _quoted(text: str) -> str:
    return str(QuotedString(text, Quote.double).with_quotes())

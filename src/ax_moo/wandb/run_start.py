"""The start of the sweep's W&B run: online, or else kept on disk."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ax_moo.system.redaction import without_secrets
from ax_moo.wandb.controller_pipe import Parent
from ax_moo.wandb.options import RunOptions
from ax_moo.wandb.remote_journal import JOB_TYPE
from ax_moo.wandb.service import GRACE, QUIET_AND_BOUNDED, modes_to_try, one_line, tear_down


def start(wandb: Any, options: RunOptions, header: Mapping[str, Any], parent: Parent) -> Any:
    """A started run, or None; what went wrong is said once. ``header`` is the journal's first line."""
    reasons: list[str] = []
    for mode in modes_to_try(options.mode):
        try:
            run = _init(wandb, options, header, mode)
        except Exception as error:
            reasons.append(one_line(error))
            tear_down(wandb, options.finish_timeout + GRACE)
        else:
            if reasons:
                where = Path(run.dir).parent
                parent.tell(logging.WARNING, f"{reasons[0]}; the sweep's run is kept on disk, for wandb sync {where}")
            elif mode == "online":
                parent.tell(logging.INFO, f"the sweep's run is {run.url}")
            return run
    parent.tell(logging.WARNING, f"{reasons[0]}; the sweep goes on without a run of its own")
    return None


def _init(wandb: Any, options: RunOptions, header: Mapping[str, Any], mode: str) -> Any:
    # A silent session never asks for an API key.
    wandb.setup(wandb.Settings(silent=True))
    own = {key: value for key, value in options.settings.items() if key != "mode"}
    timeouts = {"init_timeout": options.init_timeout, "finish_timeout": options.finish_timeout}
    return wandb.init(
        project=options.project,
        entity=options.entity,
        id=options.id,
        name=options.name,
        group=options.group,
        job_type=JOB_TYPE,
        config={"ax_moo": {**without_secrets(options.about), "header": json.dumps(without_secrets(header))}},
        dir=options.folder,
        mode=mode,
        resume="allow",
        allow_val_change=True,
        settings=wandb.Settings(**{**QUIET_AND_BOUNDED, "x_disable_stats": True, **timeouts, **own}),
    )

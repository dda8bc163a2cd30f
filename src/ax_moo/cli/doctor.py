"""``ax-moo doctor``: what works here."""

import dataclasses
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ax_moo.cli import checks, cluster_checks
from ax_moo.cli.checks import Check
from ax_moo.console.progress import open_console


def doctor(as_json: bool) -> int:
    """Print what was found; 0 where sweeps work on this machine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is imported to be looked at
        found = _check()
    works = all(check.works for check in found if check.essential)
    if as_json:
        print(json.dumps({"works": works, "checks": [dataclasses.asdict(check) for check in found]}))
    else:
        open_console().print(_table(found))
        print("sweeps work on this machine" if works else "sweeps do not work on this machine")
    return 0 if works else 1


def _check() -> list[Check]:
    return [
        checks.python(),
        checks.hydra(),
        *checks.plugins(),
        checks.optimizer(),
        checks.kernel_lock(),
        checks.file_locks(Path.cwd()),
        *cluster_checks.gpus(),
        *cluster_checks.scheduler(),
        cluster_checks.wandb(),
    ]


def _table(found: Sequence[Check]) -> Table:
    table = Table("", "check", "found", "what to do")
    for check in found:
        mark = Text("ok", style="green") if check.works else _not(check)
        advice = "" if check.works else check.advice
        table.add_row(mark, check.name, Text(check.found), Text(advice))
    return table


def _not(check: Check) -> Text:
    return Text("broken", style="red") if check.essential else Text("no", style="yellow")

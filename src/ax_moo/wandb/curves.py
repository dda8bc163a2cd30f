"""Training curves of trials: from the history of a trial's W&B run to the metrics.jsonl of its job folder."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from ax_moo.measurements import MEASUREMENTS_FILE
from ax_moo.system.disk import replace_file
from ax_moo.wandb.project import PAGE

AT_ONCE = 8
"""Each run costs several questions, and W&B takes its time for each."""

_STEP_KEYS = ("epoch", "trainer/global_step", "_step")


def write_curves(folder: Path, runs: Mapping[int, Any], metrics: Iterable[str]) -> int:
    """Write what the trials' runs tell of the metrics; returns how many trials have a curve."""
    wanted = [metric for metric in metrics if metric not in _STEP_KEYS]

    def write(trial: int) -> bool:
        rows = _measurements(runs[trial], wanted)
        if rows:
            path = folder / str(trial) / MEASUREMENTS_FILE
            path.parent.mkdir(exist_ok=True)
            replace_file(path, "".join(json.dumps(row) + "\n" for row in rows))
        return bool(rows)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(write, runs))


def _measurements(run: Any, metrics: Iterable[str]) -> list[dict[str, Any]]:
    """One row a step of the run's history, in the form of :func:`ax_moo.measurements.report`."""
    keys = (run.history_keys or {}).get("keys", {})
    step_key = next((key for key in _STEP_KEYS if key in keys), "_step")
    steps: dict[int, dict[str, Any]] = {}
    values: dict[int, dict[str, float]] = defaultdict(dict)
    for metric in metrics:
        if metric not in keys:
            continue
        # Only rows that hold all keys come, so that metrics of other steps are asked for one by one.
        wanted = list({metric, step_key, "_step", "_timestamp"})
        for row in run.scan_history(keys=wanted, page_size=10 * PAGE, use_cache=False):
            with suppress(TypeError, ValueError):  # a picture or the like
                values[row["_step"]][metric] = float(row[metric])  # NaN and infinity come as words
                steps[row["_step"]] = row
    # ax_moo.lightning counts the epochs that have begun.
    first = 1 if step_key == "epoch" else 0
    return [
        {"step": int(steps[at][step_key]) + first, "time": steps[at]["_timestamp"], "metrics": values[at]}
        for at in sorted(steps)
    ]

"""A rank of a distributed training fails: the trial has failed, and the sweep goes on."""

from pathlib import Path

import pytest
from ddp import APP, OPTIONS
from sweeping import run_sweep, write_app

pytestmark = pytest.mark.one_hydra

FAILS = "        raise ValueError('no batch') if self.rate < 2 else None\n"


@pytest.mark.parametrize("launcher", ["async_local", "basic"])
def test_a_trial_whose_ranks_fail_has_failed_once_and_the_sweep_goes_on(tmp_path: Path, launcher: str) -> None:
    step = "        return self.layer(batch).sum()\n"
    slow = "    import time\n    time.sleep(8)\n"
    # The second trial outlives the five seconds after which Lightning looks at the first one's ranks.
    app = APP.replace(step, FAILS + step).replace("    os.environ.setdefault", f"{slow}    os.environ.setdefault")
    swept = run_sweep(
        write_app(tmp_path, app), *OPTIONS, f"hydra/launcher={launcher}", "hydra.sweeper.max_failure_rate=1"
    )
    assert swept.code in (0, 1), swept.err
    assert [(row["trial"], row["status"], row.get("attempt", 1)) for row in swept.last] == [
        (0, "FAILED", 1),
        (1, "FAILED", 1),
    ]
    assert all("no batch" in row["reason"] for row in swept.last)

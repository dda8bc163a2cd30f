"""The states of Slurm jobs, where the controller does not answer at once."""

import time

import pytest
from waiting import wait_until

from ax_moo_launchers.slurm import commands
from ax_moo_launchers.slurm.watcher import SlurmWatcher

pytestmark = pytest.mark.hydra_free


def test_a_query_without_an_answer_is_followed_by_a_longer_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep can do nothing else during the query."""
    queries: list[float] = []

    def call(command: object) -> tuple[int, str, str]:
        time.sleep(0.3)
        queries.append(time.monotonic())
        return 1, "", "Unable to contact slurm controller (connect failure)"

    monkeypatch.setattr(commands, "call", call)
    watcher = SlurmWatcher(interval_s=0.0)
    watcher.watch("1")
    watcher.verdict("1")
    while time.monotonic() - queries[0] < 0.4:
        watcher.verdict("1")
    assert len(queries) == 1
    wait_until(lambda: watcher.verdict("1") and len(queries) > 1, "the next query")
    assert queries[1] - queries[0] > 0.9 + 0.3

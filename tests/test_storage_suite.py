"""The journal fulfils the contract that any other storage has to fulfil."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ax_moo.storage.base import Storage
from ax_moo.storage.journal import JOURNAL_FILE
from ax_moo.storage.journal_storage import JournalStorage
from ax_moo.testing import StorageSuite

pytestmark = pytest.mark.one_hydra


class TestJournalStorage(StorageSuite):
    @staticmethod
    def open_storage(folder: Path) -> Storage:
        return JournalStorage(folder)

    @staticmethod
    def rewrite(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        path = folder / JOURNAL_FILE
        rows = [change(json.loads(line)) for line in path.read_text().splitlines()]
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))

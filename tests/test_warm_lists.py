"""The lists of what trials import, which a user's cache keeps for the next sweeps."""

import os
import time
from pathlib import Path

import pytest

from ax_moo_launchers.warm.lists import list_file

pytestmark = pytest.mark.hydra_free

DAY_S = 24 * 3600.0


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "hydra-ax-moo" / "modules"


def used(path: Path, days_ago: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    at = time.time() - days_ago * DAY_S
    os.utime(path, (at, at))
    return path


def open_list(kind: str) -> Path:
    return list_file(open_list, {}, {}, Path("/nowhere"), kind)


def test_a_list_that_no_sweep_has_used_for_a_quarter_is_removed(cache: Path) -> None:
    old, recent, torn = (used(cache / name, days) for name, days in (("old", 91), ("recent", 89), (".torn.new", 91)))
    own = used(open_list("own"), days_ago=100)
    assert not old.exists()
    assert not torn.exists()
    assert set(cache.iterdir()) == {recent, own}
    assert open_list("own") == own
    used(recent, days_ago=91)
    open_list("own")
    assert list(cache.iterdir()) == [own]


def test_a_hundred_lists_are_kept_those_that_were_used_last(cache: Path) -> None:
    for number in range(120):
        used(cache / str(number), days_ago=number / 10)
    own = used(open_list("own"), days_ago=50)
    open_list("own")
    assert {path.name for path in cache.iterdir()} == {own.name, *map(str, range(99))}


def test_a_cache_that_cannot_be_tidied_stops_no_sweep(cache: Path) -> None:
    used(cache / "folder/inside", days_ago=100)
    used(cache / "old", days_ago=100)
    os.utime(cache / "folder", (0, 0))
    open_list("own")
    assert list(cache.iterdir()) == [cache / "folder"]

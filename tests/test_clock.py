import time

import pytest

from ax_moo.system.clock import steady_clock

pytestmark = pytest.mark.hydra_free


def test_a_clock_that_is_set_does_not_move_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = steady_clock()
    before, now = clock(), time.time()
    monkeypatch.setattr(time, "time", lambda: now - 86400)
    assert 0 <= clock() - before < 60
    monkeypatch.setattr(time, "time", lambda: now + 86400)
    assert 0 <= clock() - before < 60


def test_it_begins_no_earlier_than_an_earlier_life_has_ended() -> None:
    later = time.time() + 3600
    assert later <= steady_clock(later)() < later + 60
    assert abs(steady_clock()() - time.time()) < 60

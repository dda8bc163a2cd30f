import signal
import threading
from collections.abc import Iterator

import pytest

from ax_moo.system import signals

pytestmark = pytest.mark.hydra_free


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests run in the background of a script ignore Ctrl-C. The signal of the test before belongs to another event."""
    monkeypatch.setattr(signals._Latest, "number", None)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_the_block_ends_it_only_when_it_is_through(number: signal.Signals) -> None:
    done = []

    def submit() -> None:
        with signals.sigterm_as_ctrl_c(), signals.deferred():
            signal.raise_signal(number)
            done.append("noted")

    with pytest.raises(KeyboardInterrupt):
        submit()
    assert done == ["noted"]


def test_a_second_signal_is_not_put_off() -> None:
    done = []

    def submit() -> None:
        with signals.deferred():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            done.append("noted")

    with pytest.raises(KeyboardInterrupt):
        submit()
    assert done == []


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_two_signals_at_once_are_one_event_and_a_second_ctrl_c_is_another(second: signal.Signals) -> None:
    """Python handles the second one while the first one's exception is on its way."""
    came = []
    with signals.sigterm_as_ctrl_c():
        try:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                came.append("first")
                signal.raise_signal(second)
        except KeyboardInterrupt:
            came.append("second")
    assert came == (["first", "second"] if second == signal.SIGINT else ["first"])


def test_two_signals_at_once_are_one_event_where_they_are_deferred() -> None:
    done = []

    def submit() -> None:
        with signals.sigterm_as_ctrl_c(), signals.deferred():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGHUP)
            done.append("noted")

    with pytest.raises(signals.Terminated) as terminated:
        submit()
    assert (terminated.value.number, done) == (signal.SIGTERM, ["noted"])


def test_what_the_process_ignores_stays_ignored_and_handlers_come_back() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals.deferred():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_return_from_the_block_is_interrupted_as_well() -> None:
    def submit() -> str:
        with signals.deferred():
            signal.raise_signal(signal.SIGINT)
            return "through"
        raise AssertionError

    with pytest.raises(KeyboardInterrupt):
        submit()


def test_a_signal_that_would_end_the_process_goes_to_the_default_and_others_to_their_handler() -> None:
    heard: list[str] = []
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with signals.recorded(signal.SIGTERM, default=lambda number, frame: heard.append("default")) as came:
            signal.raise_signal(signal.SIGTERM)
        assert (signal.getsignal(signal.SIGTERM), came) == (signal.SIG_DFL, {signal.SIGTERM})
        signal.signal(signal.SIGTERM, lambda number, frame: heard.append("handler"))
        with signals.recorded(signal.SIGTERM, default=lambda number, frame: heard.append("default")):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == ["default", "handler"]


def test_outside_of_the_main_thread_no_signal_is_seen_and_none_is_handled() -> None:
    seen: list[set[int]] = []

    def within() -> None:
        with signals.recorded(signal.SIGINT) as came:
            seen.append(came)

    thread = threading.Thread(target=within)
    thread.start()
    thread.join()
    assert seen == [set()]

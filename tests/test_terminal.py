"""Standard output and error that nobody reads, that are closed, full, or of a small encoding."""

import fcntl
import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ax_moo.console.plain import open_console
from ax_moo.system import terminal

pytestmark = pytest.mark.hydra_free


@contextmanager
def without_reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Standard output is a pipe that nobody reads; its descriptor."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        yield writer


def leads_nowhere(descriptor: int) -> bool:
    return os.path.samestat(os.fstat(descriptor), os.stat(os.devnull))


def test_what_is_printed_to_nobody_is_lost_and_nothing_else_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    with without_reader(monkeypatch) as descriptor:
        handler = logging.StreamHandler(sys.stdout)
        same = sys.stdout
        assert terminal.is_gone()
        terminal.never_fail()
        assert sys.stdout is same
        print("x" * 100_000)
        sys.stdout.buffer.write(b"x" * 100_000)
        handler.emit(logging.makeLogRecord({"msg": "a line"}))
        open_console().print("a table")
        sys.stdout.flush()
        assert leads_nowhere(descriptor)
        assert terminal.why_lost() is None


def test_what_is_said_does_not_fail_where_nothing_was_made_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    with without_reader(monkeypatch):
        terminal.say("a line")
        open_console().print("a table")
        with pytest.raises(BrokenPipeError):
            sys.stdout.flush()
        terminal.never_fail()


def test_a_full_disk_loses_a_text_and_is_remembered_and_the_next_text_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(terminal._Lost, "error", None)
    descriptor = os.open("/dev/full", os.O_WRONLY)
    with os.fdopen(descriptor, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        terminal.never_fail()
        print("lost", flush=True)
        why = terminal.why_lost()
        assert why is not None
        assert why.strerror == "No space left on device"
        with open(tmp_path / "room", "w") as room:
            os.dup2(room.fileno(), descriptor)
        print("written", flush=True)
    assert (tmp_path / "room").read_text() == "written\n"


def test_a_pipe_that_does_not_block_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    read: list[bytes] = []
    with os.fdopen(reader, "rb") as source, os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        terminal.never_fail()
        thread = threading.Thread(target=lambda: read.append(source.read(1_000_001)))
        thread.start()
        print("x" * 1_000_000, flush=True)
        thread.join(60)
    assert read == [b"x" * 1_000_000 + b"\n"]


def test_what_the_encoding_cannot_say_is_shown_with_escapes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with open(tmp_path / "out", "w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        terminal.never_fail()
        print("é \udce9")
    assert (tmp_path / "out").read_text() == "\\xe9 \\udce9\n"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_what_is_printed_without_a_stream_is_lost(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(sys, name, None)
    terminal.say("a line")
    terminal.say_as_error("a line")
    assert not terminal.shows_output()
    terminal.never_fail()
    with getattr(sys, name) as stream:
        stream.write("a line")
        open_console().print("a table")


def test_an_object_of_the_applications_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("it cannot")

    own = Own()
    monkeypatch.setattr(sys, "stdout", own)
    terminal.never_fail()
    terminal.say("a line")
    assert sys.stdout is own
    own.close()
    terminal.say("a line")


def test_a_trial_that_closes_standard_output_closes_it_for_nobody_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with open(tmp_path / "out", "w") as file, open(file.fileno(), "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        terminal.never_fail()
        with sys.stdout:
            print("a trial")
        sys.stdout.close()
        print("the sweep", flush=True)
    assert (tmp_path / "out").read_text() == "a trial\nthe sweep\n"


def test_what_a_trial_puts_in_place_of_standard_output_stays_in_the_trial(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sys.stdout
    handler = logging.StreamHandler(io.StringIO())
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    with terminal.kept():
        sys.stdout = handler.stream
        sys.stdout.close()
        terminal.say("lost")
        open_console().print("lost")
    assert sys.stdout is before
    logging.getLogger().warning("the sweep")
    assert capsys.readouterr().out == "the sweep\n"


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_reader_that_has_stopped_to_read_holds_nothing_up_and_reads_on_later(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    reader, writer = os.openpty() if is_terminal else os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as source, os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        terminal.never_fail(patience=0.01)
        print("\n" * 1_000_000, flush=True)
        print("lost", flush=True)
        os.set_blocking(reader, False)
        while source.read(1 << 16):
            pass
        print("read", flush=True)
        assert source.read(100).split() == [b"read"]

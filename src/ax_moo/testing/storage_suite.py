"""Tests that every storage must pass: the contract of :class:`ax_moo.storage.base.Storage`."""

import contextlib
import json
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from ax_moo.problem.problem import Problem
from ax_moo.storage.base import Storage
from ax_moo.system.errors import ConfigError
from ax_moo.testing.storage_cases import ABOUT, PROBLEM, endless, life, write
from ax_moo.trial import Trial

Record = dict[str, Any]
_SECONDS = 120.0


class StorageSuite:
    """Subclass it in a test file as ``class TestMyStorage(StorageSuite)``, and define its two methods.

    Some tests open the storage in another process, which imports your test file.
    """

    @staticmethod
    def open_storage(folder: Path) -> Storage:
        """The storage of the sweep in this folder; every call makes a new object, as a new process would."""
        raise NotImplementedError

    @staticmethod
    def rewrite(folder: Path, change: Callable[[Record], Record]) -> None:
        """Replace each stored record, the header and every state, by the result of ``change``.

        A record is a mapping that JSON can hold. The result may be a record of another version of the storage.
        """
        raise NotImplementedError

    def test_where_nothing_was_written_there_is_no_sweep(self, tmp_path: Path) -> None:
        storage = self.open_storage(tmp_path)
        assert storage.header() is None
        assert list(storage.events()) == []
        assert list(storage.last_states()) == []

    def test_the_header_comes_back_exactly(self, tmp_path: Path) -> None:
        header = _written(self.open_storage(tmp_path)).header()
        assert header is not None
        assert _exactly({key: header[key] for key in ABOUT}) == _exactly(ABOUT)
        assert Problem.from_dict(header["problem"]) == PROBLEM
        assert Problem.from_dict(header["problem"]).hash == PROBLEM.hash
        assert "format" in header

    def test_every_state_comes_back_exactly_and_in_order(self, tmp_path: Path) -> None:
        _written(self.open_storage(tmp_path), *life(0))
        read = list(self.open_storage(tmp_path).events())
        assert read == life(0)
        assert _exactly(read) == _exactly(life(0))

    def test_the_last_state_of_a_trial_wins_and_the_order_is_that_of_the_last_states(self, tmp_path: Path) -> None:
        zero, one, two = life(0), life(1), life(2)
        states = [zero[0], one[0], two[0], two[1], zero[1], one[1], two[2], zero[2]]
        storage = _written(self.open_storage(tmp_path), *states)
        assert list(storage.last_states()) == [one[1], two[2], zero[2]]
        assert list(storage.events()) == states

    def test_a_writer_goes_on_where_the_one_before_it_has_ended(self, tmp_path: Path) -> None:
        _written(self.open_storage(tmp_path), *life(0))
        with closing(self.open_storage(tmp_path).open()) as writer:
            writer.record(life(1)[0])
        storage = self.open_storage(tmp_path)
        assert list(storage.events()) == [*life(0), life(1)[0]]
        assert storage.header() is not None

    def test_what_is_removed_is_gone_and_a_sweep_can_begin_in_its_place(self, tmp_path: Path) -> None:
        with closing(self.open_storage(tmp_path).open()) as writer:
            writer.begin(PROBLEM.to_dict(), ABOUT)
            writer.record(life(0)[0])
            writer.remove()
        assert self.open_storage(tmp_path).header() is None
        assert list(self.open_storage(tmp_path).events()) == []
        assert list(_written(self.open_storage(tmp_path), *life(1)).events()) == life(1)

    def test_a_second_writer_is_refused_with_a_sentence_and_readers_are_not(self, tmp_path: Path) -> None:
        with self._writing(tmp_path, count=1) as (_, next_number):
            assert next_number() == 0
            with pytest.raises(ConfigError):
                self.open_storage(tmp_path).open()
            assert [trial.index for trial in self.open_storage(tmp_path).events()] == [0]

    @pytest.mark.parametrize("acknowledged", [0, 1, 5, 40])
    def test_a_writer_that_is_killed_loses_at_most_the_state_that_it_was_writing(
        self, tmp_path: Path, acknowledged: int
    ) -> None:
        with self._writing(tmp_path) as (process, next_number):
            numbers = [next_number() for _ in range(acknowledged + 1)]
            process.kill()
            process.join(_SECONDS)
            with contextlib.suppress(EOFError):
                while True:
                    numbers.append(next_number())
        kept = list(self.open_storage(tmp_path).events())
        assert len(numbers) <= len(kept) <= len(numbers) + 1
        assert kept == list(islice(endless(), len(kept)))
        with closing(self.open_storage(tmp_path).open()) as writer:
            writer.record(life(len(kept))[0])
        assert list(self.open_storage(tmp_path).events()) == [*kept, life(len(kept))[0]]

    def test_a_reader_sees_whole_states_and_all_that_came_before_them(self, tmp_path: Path) -> None:
        seen, reader = 0, self.open_storage(tmp_path)
        with self._writing(tmp_path, count=60) as (_, next_number):
            recorded = next_number()
            while recorded is not None:
                kept = list(reader.events())
                assert kept == list(islice(endless(), len(kept)))
                assert len(kept) >= max(seen, recorded + 1), "what was recorded is read"
                seen, recorded = len(kept), next_number()
        assert len(list(reader.events())) == 60

    def test_fields_of_a_later_version_are_ignored_in_every_record(self, tmp_path: Path) -> None:
        _written(self.open_storage(tmp_path), *life(0))
        rewritten: list[Record] = []

        def later(record: Record) -> Record:
            rewritten.append(_with_later_fields(record))
            return rewritten[-1]

        self.rewrite(tmp_path, later)
        assert len(rewritten) == 4, "rewrite hands over the header and every state"
        storage = self.open_storage(tmp_path)
        header = storage.header()
        assert header is not None
        assert Problem.from_dict(header["problem"]) == PROBLEM
        assert list(storage.events()) == life(0)

    def test_a_format_of_a_later_version_is_refused_with_a_sentence(self, tmp_path: Path) -> None:
        _written(self.open_storage(tmp_path), *life(0))
        self.rewrite(tmp_path, lambda record: {**record, "format": 99} if "format" in record else record)
        with pytest.raises(ConfigError, match="version"):
            self.open_storage(tmp_path).header()

    @contextlib.contextmanager
    def _writing(
        self, folder: Path, count: int | None = None
    ) -> Iterator[tuple[BaseProcess, Callable[[], int | None]]]:
        """Start a process that records ``count`` trials, or trials without end, and kill it after the block."""
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=write, args=(type(self).open_storage, folder, there, count))
        process.start()
        there.close()
        try:
            with here:
                yield process, lambda: _next_number(here)
        finally:
            process.kill()
            process.join(_SECONDS)


def _next_number(connection: Connection) -> int | None:
    assert connection.poll(_SECONDS), "the process that writes says nothing"
    number: int | None = connection.recv()
    return number


def _written(storage: Storage, *states: Trial) -> Storage:
    with closing(storage.open()) as writer:
        writer.begin(PROBLEM.to_dict(), ABOUT)
        for state in states:
            writer.record(state)
    return storage


def _exactly(value: Any) -> str:
    """A text that distinguishes -0.0 from 0.0, 1 from 1.0 and True, and a tuple from a list."""
    return repr(value)


_OF_THE_USER = {"parameterization", "arm", "outcome", "value", "values", "command"}


def _with_later_fields(record: Any) -> Any:
    """The record with one more field, also in the records inside it; mappings of the user stay as they are."""
    if isinstance(record, list):
        return [_with_later_fields(each) for each in record]
    if not isinstance(record, dict):
        return record
    changed = {key: each if key in _OF_THE_USER else _with_later_fields(each) for key, each in record.items()}
    return json.loads(json.dumps(changed)) | {"of_a_later_version": {"a": [1]}}

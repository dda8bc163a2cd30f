import dataclasses
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ax_moo.storage import journal
from ax_moo.storage.journal import Journal
from ax_moo.storage.journal import file as journal_file
from ax_moo.trial import Job, Trial, TrialStatus

pytestmark = pytest.mark.hydra_free


def _trials() -> list[Trial]:
    staged = Trial(
        0, {"lr": 0.1 + 0.2, "name": "é'\"", "nested": [1, None, {"a": True}]}, generation_node="Sobol", time=1.5
    )
    running = staged.to(TrialStatus.RUNNING, job=Job("7", "/jobs/0"), time=2.5)
    outcome = {"acc": 1 / 3, "size": (2.5, 0.1)}
    return [staged, running, running.to(TrialStatus.COMPLETED, outcome=outcome, time=3.5)]


def _written(folder: Path, trials: list[Trial]) -> Path:
    with closing(Journal(folder)) as written:
        written.begin({"objectives": []}, {"seed": 3})
        for trial in trials:
            written.record(trial)
    return written.path


def test_a_trial_comes_back_exactly_as_it_was_written(tmp_path: Path) -> None:
    trials = _trials()
    _written(tmp_path, trials)
    assert list(journal.events(tmp_path)) == trials


def test_the_last_line_about_a_trial_wins(tmp_path: Path) -> None:
    other = Trial(1, {"lr": 1.0})
    _written(tmp_path, [*_trials()[:2], other, _trials()[2]])
    assert [t.status for t in journal.trials(tmp_path)] == [TrialStatus.COMPLETED, TrialStatus.STAGED]


def test_the_first_line_holds_the_problem_and_what_is_known_of_the_sweep(tmp_path: Path) -> None:
    _written(tmp_path, [])
    assert journal.header(tmp_path) == {"format": 1, "problem": {"objectives": []}, "seed": 3}


def test_a_folder_without_a_journal_has_no_header_and_no_trials(tmp_path: Path) -> None:
    assert journal.header(tmp_path) is None
    assert journal.trials(tmp_path) == []


def test_every_line_is_one_json_object_with_the_documented_names(tmp_path: Path) -> None:
    path = _written(tmp_path, _trials())
    rows = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    assert [row["status"] for row in rows] == ["STAGED", "RUNNING", "COMPLETED"]
    assert rows[2].keys() >= {"trial", "status", "parameterization", "job", "outcome", "time", "start_time"}
    assert rows[1]["job"] == {"job_id": "7", "folder": "/jobs/0"}


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(min_value=0))
def test_a_journal_cut_at_any_byte_is_the_same_journal_less_its_last_events(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = _written(folder, _trials())
    content = path.read_bytes()
    path.write_bytes(content[: cut % (len(content) + 1)])
    left = list(journal.events(folder))
    assert left == _trials()[: len(left)]
    with closing(Journal(folder)) as reopened:
        reopened.record(Trial(9, {}))
    assert [t.index for t in journal.events(folder)] in ([0] * len(left) + [9], [])


def test_a_field_of_a_later_version_is_ignored() -> None:
    row = journal.to_line(_trials()[2]) | {"colour": "blue"}
    assert journal.from_line(row) == _trials()[2]


@pytest.mark.parametrize(
    ("written", "read"),
    [({}, ()), ({"next_knows": None}, ()), ({"next_knows": 3}, (3,)), ({"next_knows": [3, 4]}, (3, 4))],
)
def test_how_much_the_next_candidates_know_is_read_also_where_earlier_versions_wrote_one_number(
    written: dict[str, Any], read: tuple[int, ...]
) -> None:
    assert journal.from_line(journal.to_line(Trial(1, {"x": 0.5})) | written).next_knows == read


@pytest.mark.parametrize("written", [-1, 1.5, "3", [2, -1], True])
def test_other_values_than_numbers_of_results_are_refused(written: Any) -> None:
    with pytest.raises(TypeError, match="next_knows"):
        journal.from_line(journal.to_line(Trial(1, {"x": 0.5})) | {"next_knows": written})


def test_running_notes_the_time_of_the_first_start_only() -> None:
    trial = Trial(0, {}).to(TrialStatus.RUNNING, time=5.0)
    again = trial.to(TrialStatus.RUNNING, time=9.0)
    assert (trial.start_time, again.start_time, again.time) == (5.0, 5.0, 9.0)
    assert again.end_time is None
    assert dataclasses.replace(again, status=TrialStatus.FAILED).end_time == 9.0


def test_a_line_that_does_not_fit_on_the_disk_leaves_nothing_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _written(tmp_path, _trials()[:1])
    before = path.read_bytes()
    full = Journal(tmp_path)

    def write_half(file: object, data: bytes) -> None:
        full._file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal_file, "write_all", write_half)
    with closing(full), pytest.raises(OSError, match="No space"):
        full.record(_trials()[1])
    assert path.read_bytes() == before

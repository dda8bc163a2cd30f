"""What a trial tells its sweep arrives, and a process that is no trial tells nothing."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from nas_config import HYDRA_WARNINGS, hydra_job

import ax_moo
from ax_moo import measurements

pytestmark = pytest.mark.filterwarnings(*HYDRA_WARNINGS)


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Path]:
    with hydra_job(tmp_path):
        yield tmp_path


@pytest.mark.one_hydra
def test_the_lightning_callback_is_there_without_an_import_of_its_own() -> None:
    code = "import sys, ax_moo; assert 'torch' not in sys.modules; print(ax_moo.lightning.SweepCallback.__name__)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "SweepCallback\n"


def test_a_report_is_read_back_with_its_step_and_metrics(trial: Path) -> None:
    ax_moo.report(step=3, val_acc=0.91)
    rows, _ = measurements.read(trial)
    assert rows == [measurements.Measurement(3, 0.0, {"val_acc": 0.91})]


def test_torch_and_numpy_scalars_are_reported_as_numbers(trial: Path) -> None:
    ax_moo.report(1, **{"val/acc": torch.tensor(0.5), "loss": np.float32(0.25)})  # type: ignore[arg-type]
    assert measurements.read(trial)[0][0].metrics == {"val/acc": 0.5, "loss": 0.25}


def test_only_what_is_new_is_read_from_an_offset_on(trial: Path) -> None:
    ax_moo.report(1, val_acc=0.1)
    _, offset = measurements.read(trial)
    ax_moo.report(2, val_acc=0.2)
    rows, end = measurements.read(trial, offset)
    assert [row.step for row in rows] == [2]
    assert measurements.read(trial, end) == ([], end)


def test_elapsed_seconds_count_from_the_first_report_also_when_read_from_an_offset(tmp_path: Path) -> None:
    write_lines(tmp_path, row(1, time=100.0), row(2, time=107.5))
    (_, second), _ = measurements.read(tmp_path)
    offset = len(row(1, time=100.0)) + 1
    assert measurements.read(tmp_path, offset)[0] == [second]
    assert second.elapsed_seconds == 7.5


def test_a_line_that_is_still_being_written_is_left_for_the_next_read(tmp_path: Path) -> None:
    whole = row(1) + "\n"
    (tmp_path / "metrics.jsonl").write_text(whole + row(2)[:-5])
    rows, offset = measurements.read(tmp_path)
    assert [measurement.step for measurement in rows] == [1]
    assert offset == len(whole)


def test_a_job_that_was_killed_within_a_line_loses_that_line_only(trial: Path) -> None:
    (trial / "metrics.jsonl").write_text(row(1) + "\n" + row(2)[:-5])
    ax_moo.report(2, val_acc=0.2)
    assert [measurement.step for measurement in measurements.read(trial)[0]] == [1, 2]


def test_lines_that_are_no_measurements_are_skipped(tmp_path: Path) -> None:
    write_lines(tmp_path, "nonsense", "[1]", '{"step": 1}', row(4, time=5.0))
    assert [(m.step, m.elapsed_seconds) for m in measurements.read(tmp_path)[0]] == [(4, 0.0)]


def test_a_trial_that_has_not_reported_yet_has_no_measurements(tmp_path: Path) -> None:
    assert measurements.read(tmp_path / "absent") == ([], 0)


def test_reports_from_several_threads_stay_whole_lines(trial: Path) -> None:
    threads = [threading.Thread(target=ax_moo.report, args=(step,), kwargs={"x": 1.0}) for step in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row.step for row in measurements.read(trial)[0]) == list(range(40))


def test_a_trial_sees_the_request_to_stop(trial: Path) -> None:
    assert not ax_moo.should_stop()
    measurements.request_stop(trial)
    assert ax_moo.should_stop()


@pytest.mark.parametrize(("mode", "sweeper"), [("RUN", "ax_moo"), ("MULTIRUN", "basic")])
def test_outside_a_sweep_of_ours_nothing_is_written_and_nothing_stops(tmp_path: Path, mode: str, sweeper: str) -> None:
    measurements.request_stop(tmp_path)
    with hydra_job(tmp_path, mode, sweeper):
        ax_moo.report(1, val_acc=0.5)
        assert not ax_moo.should_stop()
    assert not (tmp_path / "metrics.jsonl").exists()


def test_without_hydra_a_report_goes_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ax_moo.report(1, val_acc=0.5)
    assert measurements.trial_folder() is None
    assert list(tmp_path.iterdir()) == []


def row(step: int, time: float = 0.0) -> str:
    return json.dumps({"step": step, "time": time, "metrics": {"val_acc": 0.5}})


def write_lines(folder: Path, *lines: str) -> None:
    (folder / "metrics.jsonl").write_text("".join(line + "\n" for line in lines))

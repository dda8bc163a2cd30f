"""Whatever happens to the lines of a journal, it ends in a sentence or in the right sweep.

That is, never in a traceback, in an endless series of jobs, or in a number that is another trial's.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedHandle, ScriptedLauncher, problem, two_objectives
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import ax_moo
from ax_moo.cli.app import app
from ax_moo.html_report.payload import payload
from ax_moo.jobs.launcher import JobRequest, JobResult
from ax_moo.storage.folder import open_folder
from ax_moo.storage.journal import JOURNAL_FILE
from ax_moo.sweep import loop
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.resuming import resume
from ax_moo.sweep.settings import Settings
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Job, Trial, TrialStatus

pytestmark = pytest.mark.hydra_free

KEPT = Path(__file__).parent / "kept/3f45ae9"
TWO = problem(objectives=TWO_OBJECTIVES)
N_TRIALS = 7
OTHER_TYPES: Sequence[Any] = (None, True, -1, math.inf, 10**400, "", "0.5", [], [1], {}, {"a": 1})

FEW = settings(max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=200)


def _answer(request: JobRequest) -> JobResult:
    """Trial 2 fails, and the first attempt at trial 3 is lost."""
    if request.trial == 2:
        return JobResult(error="boom")
    if request.trial == 3 and request.attempt == 1:
        return JobResult(error="killed")
    return two_objectives(request)


class _Launcher(ScriptedLauncher):
    """Knows every job of the sweep, also in a later process."""

    def __init__(self, points: Mapping[int, Mapping[str, Any]]) -> None:
        super().__init__(_answer)
        self._points = points

    def attach(self, job: Job) -> ScriptedHandle:
        trial, _, attempt = job.job_id.removeprefix("job-").partition(".")
        overrides = TWO.search_space.to_overrides(self._points[int(trial)])
        return self._lost(ScriptedHandle(JobRequest(int(trial), overrides, int(attempt or 1)), self.answer, 1, []))

    def submit(self, requests: Sequence[JobRequest]) -> Any:
        return [self._lost(handle) for handle in super().submit(requests)]  # type: ignore[arg-type]

    def find(self, trial: int, attempt: int = 1, *_: Any, **__: Any) -> None:
        return None

    @staticmethod
    def _lost(handle: ScriptedHandle) -> ScriptedHandle:
        if (handle.request.trial, handle.request.attempt) == (3, 1):
            handle.lost = [handle.request]
        return handle


def _swept(folder: Path, previous_run: resume.PreviousRun | None, points: Mapping[int, Any]) -> Sequence[Trial]:
    launcher = _Launcher(points)
    run = Sweep(
        TWO,
        Settings(n_trials=N_TRIALS, n_jobs=3, retries=1),
        launcher,
        folder,
        lambda _: ListedCandidates(),
        previous_run=previous_run,
    )
    trials = run.run().trials
    assert sum(map(len, launcher.batches)) <= N_TRIALS + 1, "a storm"
    return trials


@cache
def _journal(name: str) -> bytes:
    """The journal of a real sweep: of this version's loop, or of 3f45ae9 when it was killed and when it had gone on."""
    return (KEPT / name).read_bytes()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("swept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "POLL_SECONDS", 0.0005)
        _swept(folder, None, {})
    return (folder / JOURNAL_FILE).read_bytes()


Change = Callable[[list[bytes]], None]


def _delete(at: int, _: int, __: int) -> Change:
    return lambda lines: lines.__delitem__(at % len(lines))


def _repeat(at: int, to: int, _: int) -> Change:
    return lambda lines: lines.insert(to % (len(lines) + 1), lines[at % len(lines)])


def _repeat_there(at: int, _: int, __: int) -> Change:
    return lambda lines: lines.insert(at % len(lines), lines[at % len(lines)])


def _swap(at: int, to: int, _: int) -> Change:
    def swap(lines: list[bytes]) -> None:
        one, other = at % len(lines), to % len(lines)
        lines[one], lines[other] = lines[other], lines[one]

    return swap


def _truncate(at: int, to: int, _: int) -> Change:
    def truncate(lines: list[bytes]) -> None:
        line = lines[at % len(lines)]
        lines[at % len(lines)] = line[: to % (len(line) + 1)] + (b"\n" if to % 2 else b"")

    return truncate


def _retype(at: int, to: int, kind: int) -> Change:
    """Give one value of a line another type, or take it out."""

    def retype(lines: list[bytes]) -> None:
        try:
            row = json.loads(lines[at % len(lines)])
        except ValueError:
            return
        places = list(_places(row))
        if places:
            holder, key = places[to % len(places)]
            types = {_type(holder[key])}
            if key in TWO.metric_names:
                types.add(_type(0.5))  # retyped twice, it might be another number, which nobody can notice
            others = [value for value in OTHER_TYPES if _type(value) not in types]
            if kind % (len(others) + 1) == len(others):
                del holder[key]
            else:
                holder[key] = others[kind % (len(others) + 1)]
            lines[at % len(lines)] = json.dumps(row).encode() + b"\n"

    return retype


def _places(row: Any) -> Iterable[tuple[Any, Any]]:
    for key, value in row.items() if isinstance(row, dict) else enumerate(row) if isinstance(row, list) else ():
        yield row, key
        yield from _places(value)


def _type(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return ("finite" if abs(value) < 1e300 else "infinite") if is_number else type(value).__name__


NUMBERS = st.integers(min_value=0, max_value=10_000)
CHANGES = st.lists(
    st.builds(
        lambda change, *numbers: change(*numbers),
        st.sampled_from([_delete, _repeat, _repeat_there, _swap, _truncate, _retype, _retype, _retype]),
        *(NUMBERS, NUMBERS, NUMBERS),
    ),
    min_size=1,
    max_size=4,
)


def _changed(content: bytes, changes: Sequence[Change]) -> bytes:
    lines = content.splitlines(keepends=True)
    for change in changes:
        if lines:
            change(lines)
    return b"".join(lines)


def _states(content: bytes) -> dict[int, list[tuple[Any, ...]]]:
    """What the trials of a journal may be: each state that each of them has been in."""
    states: dict[int, list[tuple[Any, ...]]] = {}
    for line in content.splitlines()[1:]:
        row = json.loads(line)
        states.setdefault(row["trial"], []).append((row["status"], row["parameterization"], row.get("outcome")))
    return states


def _check_right(trials: Sequence[Trial], original: bytes) -> None:
    possible = _states(original)
    assert [trial.index for trial in trials] == list(range(len(trials)))
    for trial in trials:
        assert (str(trial.status), trial.parameterization, trial.outcome) in possible[trial.index]


@pytest.mark.parametrize("name", ["written", "continued.jsonl", "killed/swept/sweep.jsonl"])
@FEW
@given(changes=CHANGES)
def test_every_reader_says_a_sentence_or_reads_the_right_trials(
    name: str, changes: Sequence[Change], written: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    original = written if name == "written" else _journal(name)
    folder = tmp_path_factory.getbasetemp() / "changed"
    folder.mkdir(exist_ok=True)
    (folder / JOURNAL_FILE).write_bytes(_changed(original, changes))
    try:
        sweep = open_folder(folder)
    except ConfigError:
        with pytest.raises(ConfigError, match=r"\A[^\n]+\Z"):
            ax_moo.load(folder)
        for command in ("status", "export", "doctor"):
            _check_sentence(command, folder)
        return
    _check_right(sweep.trials, original)
    _check_goes_on(folder, sweep.trials)
    assert len(ax_moo.load(folder).trials) == len(sweep.trials)
    json.dumps(payload(sweep, None, 2e9), allow_nan=False)
    for command in ("status", "export"):
        result = CliRunner().invoke(app, [command, str(folder)])
        assert (result.exit_code, result.exception) == (0, None), result.output


def _check_goes_on(folder: Path, trials: Sequence[Trial]) -> None:
    try:
        previous_run = resume.previous_run(folder)
    except ConfigError:  # an arm, which only the optimizer reads, is another point
        _check_sentence("doctor", folder)
        return
    assert previous_run is not None
    assert sorted(previous_run.trials, key=lambda trial: trial.index) == trials


def _check_sentence(command: str, folder: Path) -> None:
    result = CliRunner().invoke(app, [command, str(folder)])
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in ((1, 2) if command == "doctor" else (2,)), result.output
    assert "Traceback" not in result.output


@MANY
@given(changes=CHANGES)
def test_a_resume_says_a_sentence_or_completes_the_right_sweep(
    changes: Sequence[Change], written: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    (folder / JOURNAL_FILE).write_bytes(_changed(written, changes))
    try:
        resume.check(folder, TWO, "auto")
        previous_run = resume.previous_run(folder)
    except ConfigError:
        return
    points = {index: states[0][1] for index, states in _states(written).items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "POLL_SECONDS", 0.0005)
        trials = _swept(folder, previous_run, points)
    assert [trial.index for trial in trials] == list(range(N_TRIALS))
    for trial in trials:
        assert trial.status is (TrialStatus.FAILED if trial.index == 2 else TrialStatus.COMPLETED)
        if trial.outcome is not None:
            request = JobRequest(trial.index, TWO.search_space.to_overrides(trial.parameterization), 2)
            assert trial.outcome == two_objectives(request).value, "the result of its own parameters"

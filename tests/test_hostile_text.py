"""Names, values, reasons and paths that would do something to a terminal are shown as text, wherever they are shown."""

import contextlib
import io
import logging
import os
import re
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from ax_moo_command import ax_moo
from fakes import problem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journals import life, write_journal

from ax_moo.cli.best import print_command
from ax_moo.cli.compare import compare_folders
from ax_moo.cli.doctor_folder import doctor_folder
from ax_moo.cli.export import export
from ax_moo.cli.status import status
from ax_moo.console.plain import open_console
from ax_moo.console.progress import LiveTable, LogLines
from ax_moo.console.summary import closing_lines, frontier_table
from ax_moo.html_report.payload import for_javascript
from ax_moo.sweep.budget import Budget
from ax_moo.sweep.observers import Progress
from ax_moo.system import log_records
from ax_moo.system.terminal import say, say_as_error
from ax_moo.system.text import quoted, visible, visible_block, visible_lines
from ax_moo.trial import Attempt, Fault, Job, Trial, TrialStatus

pytestmark = pytest.mark.one_hydra

ATTACKS = [
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil\x1b\\link",
    "\x9b31mred",
    "a\rb",
    "a\nTrial 7 completed",
    "a\n  b",
    "\x85next",
    "\u2028line\u2029paragraph",
    "\u202eexe.txt",
    "\u2066isolate",
    "\ufeff\u200b",
    "\x00\x7f\x08",
    "[red]r[/red] [link=http://evil]l[/link]",
    "\udce9\ud800",
    "100%s %d {x}",
]
HOSTILE = st.one_of(
    st.sampled_from(ATTACKS), st.text(max_size=30), st.text(alphabet="\x1b[]m\n\r\x07\u202e\udce9:;'\\")
).map(lambda text: re.sub("[\t\u200c\u200d]", "", text))  # which are shown as they are
SETTINGS = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))

TWO = {"f": "maximize", "g": "minimize"}


def does_nothing(shown: str) -> bool:
    """Whether a terminal would show it and do nothing else; Rich ends its lines itself."""
    return not [char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char != "\n"]


def printed(call: Callable[[], object]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        call()
    return out.getvalue()


def failed_trial(text: str) -> Trial:
    lost = Attempt(Job(text, f"/jobs/{text}"), text, Fault.NODE_FAILED)
    return Trial(
        0, {"x": text}, TrialStatus.FAILED, job=Job(text, f"/jobs/{text}"), reason=text, previous_attempts=(lost,)
    )


def good_trial(text: str) -> Trial:
    outcome = {"f": 1.0, "g": 1.0, text: 1.0}
    return Trial(1, {"x": text}, TrialStatus.COMPLETED, job=Job(text, f"/jobs/{text}"), outcome=outcome)


def logged(call: Callable[[], object]) -> str:
    """What a handler writes, as Hydra's do."""
    make = logging.getLogRecordFactory()
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    logger = logging.getLogger("ax_moo")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        log_records.make_visible()
        call()
    finally:
        logging.setLogRecordFactory(make)
        logger.removeHandler(handler)
        logger.setLevel(before)
    return out.getvalue()


@SETTINGS
@given(HOSTILE)
def test_text_is_shown_as_one_line_that_does_nothing(text: str) -> None:
    shown = visible(text)
    assert does_nothing(shown)
    assert "\n" not in shown
    assert visible(shown) == shown
    for block in (visible_lines(text), visible_block(text)):
        assert does_nothing(block)


def test_what_is_shown_says_what_it_was() -> None:
    assert visible("a\x1b[31m\r\n\x07") == "a\\x1b[31m\\r\\n\\x07"
    assert visible("\u202eexe \udce9 \x9b") == "\\u202eexe \\udce9 \\x9b"
    assert visible("naïve 面白い 👩‍👩‍👧 می‌خواهم a\u00a0b") == "naïve 面白い 👩‍👩‍👧 می‌خواهم a\u00a0b"
    assert visible_lines("a mistake:\n  more\nforged") == "a mistake:\n  more\\nforged"


@SETTINGS
@given(HOSTILE)
def test_a_path_in_a_command_is_the_same_path_for_a_shell(text: str) -> None:
    path = text.replace("\x00", "").replace("\ud800", "")
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError:
        return
    word = quoted(path)
    assert does_nothing(word)
    environ = {**os.environ, "LC_ALL": "C.UTF-8"}
    assert subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, env=environ).stdout == raw


@SETTINGS
@given(HOSTILE)
def test_a_sweeps_console_shows_text(text: str) -> None:
    two = problem("x=choice('a', 'b')", objectives={"f": "maximize", "g": "minimize"})
    trials = [failed_trial(text), good_trial(text)]
    lines = LogLines()
    lines.open(two, [])
    retried = Trial(2, {"x": text}, TrialStatus.STAGED, previous_attempts=trials[0].previous_attempts)
    started = Trial(3, {"x": text}, TrialStatus.RUNNING, job=Job(text, ""))
    for trial in (*trials, retried, started):
        said = logged(lambda trial=trial: lines.on_trial_state(trial))  # type: ignore[misc]
        assert does_nothing(said)
        assert said.count("\n") == 1

    def table() -> None:
        live = LiveTable()
        live.open(two, [])
        for trial in (*trials, retried):
            live.on_trial_state(trial)
        live.on_poll(Progress(trials, 1.0, Budget(4), False))
        live.close()
        open_console().print(frontier_table(trials, two))
        for line in closing_lines(trials, two):
            say(line)
        say(f"files in {text}")
        say_as_error(f"the sweep failed: {text}")

    assert does_nothing(printed(table))


@SETTINGS
@given(HOSTILE)
def test_a_log_shows_text_also_that_of_exceptions(text: str) -> None:

    def fail() -> None:
        try:
            raise ValueError(text)
        except ValueError:
            logging.getLogger("ax_moo.sweep").exception("it failed: %s", text)

    assert does_nothing(logged(fail))


@SETTINGS
@given(HOSTILE)
def test_the_page_shows_text(text: str) -> None:
    [[name, value]] = for_javascript({text: text}).items()
    assert does_nothing(name)
    assert does_nothing(value)


def hostile_sweep(folder: Path, text: str) -> Path:
    """A sweep folder in whose journal the text is wherever an application can bring one."""
    options = [text.replace("\x00", ""), "plain"]
    two = problem(f"x=choice({', '.join(map(_in_grammar, options))})", objectives=TWO)
    point = {"x": next(iter(two.search_space.parameters)).values[0]}  # type: ignore[union-attr, attr-defined]
    events = [*life(0, point, {"f": 1.0, "g": 2.0}, 0, 1), *life(1, point, text or "-", 1, 2)]
    return write_journal(folder, two, events, command=f"python {text}", cwd=text, why=text)


def _in_grammar(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@pytest.mark.parametrize("text", ATTACKS)
def test_the_commands_show_text(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = hostile_sweep(tmp_path / visible(text).replace("/", "")[:5] / "s", "x" + text)
    other = hostile_sweep(tmp_path / "t", "y" + text)
    shown = printed(lambda: status(folder, as_json=False, watch=False))
    shown += printed(lambda: status(folder, as_json=True, watch=False))
    shown += printed(lambda: doctor_folder(folder, as_json=False))
    shown += printed(lambda: compare_folders([folder, other], None))
    monkeypatch.setattr("ax_moo.cli.export.shows_output", lambda: True)
    shown += printed(lambda: export(folder, None))
    assert does_nothing(shown)


def test_the_command_of_a_trial_has_the_exact_value_for_a_shell_and_shows_it(tmp_path: Path) -> None:
    folder = hostile_sweep(tmp_path / "s", "\x1b[31mred\u202e")
    line = printed(lambda: print_command(folder, 0, None)).splitlines()[-1]
    assert does_nothing(line)
    command = line.partition(" && ")[2]
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {command}"],
        capture_output=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        check=True,
    ).stdout.split(b"\0")
    assert any("\x1b[31mred\u202e".encode() in word for word in words)


def test_a_mistake_shows_text_and_names_the_folder_as_a_shell_takes_it(tmp_path: Path) -> None:
    ended = ax_moo("status", tmp_path / "\x1b[31m\nforged")
    assert ended.code == 2
    assert f"{tmp_path}/\\x1b[31m\\nforged is not a folder" in ended.err
    assert does_nothing(ended.err)
    assert ended.err.count("\n") == 1

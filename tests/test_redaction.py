"""What is hidden of a command line, a config, the environment and a text, and what is not."""

import json
import logging
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from journals import write_journal
from omegaconf import OmegaConf
from secret_spellings import FLAGS, FORMS, OVERRIDES, SECRET, SHOWN, YAML
from typer.testing import CliRunner

from ax_moo.cli.app import app
from ax_moo.jobs.launcher import result_of
from ax_moo.problem.problem import Problem
from ax_moo.search_space.space import SearchSpace
from ax_moo.storage.journal import schema
from ax_moo.sweep.steps.evaluation import BadOutcome, to_outcome
from ax_moo.system import log_records, redacted_logs, redaction
from ax_moo.system.redaction import known
from ax_moo.system.text import error_line, first_line, one_line
from ax_moo.wandb import training
from ax_moo_launchers.job.job import _portable


@pytest.fixture(autouse=True)
def nothing_is_known() -> Iterator[None]:
    known.forget()
    yield
    known.forget()


def _failed(text: str) -> JobReturn:
    """The result of a job, which knows no secrets of its sweep."""
    return _portable(JobReturn(status=JobStatus.FAILED, _return_value=RuntimeError(text)))


def _refusal(text: str) -> str:
    with pytest.raises(BadOutcome) as refused:
        to_outcome(text, Problem.from_config(SearchSpace.from_config({}, ["x=interval(0, 1)"]), {}, [], []))
    return str(refused.value)


def _complaint(text: str) -> str:
    return str(schema.trial_complaint({"trial": text}))


def written(spelling: str, secret: str = SECRET) -> str:
    return spelling.replace("SECRET_NAME", "name").replace("SECRET", secret)


@pytest.mark.parametrize("spelling", [*map(shlex.quote, OVERRIDES), *FLAGS])
def test_no_spelling_of_a_secret_is_seen_in_a_command(spelling: str) -> None:
    spelling = spelling.replace("AWS_SECRET_ACCESS", "AWS_ACCESS") if "AWS" in spelling else spelling
    shown = redaction.command_without_secrets(f"python app.py -m before=1 {written(spelling)} after=2")
    assert "S3cr3t" not in shown
    assert redaction.HIDDEN in shown
    assert shown.startswith("python app.py -m before=1 ")
    assert shown.endswith(" after=2")


@pytest.mark.parametrize("secret", ["12345678", "1e6", "a b; c: d", "it's", '"', "{", "p@ss/w:rd", "geheim"])
def test_no_value_of_a_secret_is_seen_whatever_it_is_like(secret: str) -> None:
    command = shlex.join(["app.py", "-m", f"+db.password={secret}", "--token", secret, "x=1"])
    assert redaction.command_without_secrets(command) == "app.py -m +db.password=*** --token *** x=1"
    shown = redaction.without_secrets({"password": secret, "db": {"secrets": [{"a": secret}]}})
    assert shown == {"password": "***", "db": {"secrets": [{"a": "***"}]}}


@pytest.mark.parametrize("spelling", YAML)
def test_no_spelling_of_a_secret_is_seen_in_a_config(spelling: str) -> None:
    shown = redaction.yaml_without_secrets(f"before: 1\n{written(spelling)}\nafter: 2\n")
    assert shown is not None
    assert "S3cr3t" not in shown
    assert redaction.HIDDEN in shown
    assert shown.startswith("before: 1\n")
    assert shown.endswith("after: 2\n")


@pytest.mark.parametrize("token", FORMS)
def test_a_token_of_a_known_form_is_not_seen_whatever_its_key(token: str) -> None:
    assert redaction.command_without_secrets(f"app.py model.key={token}") == "app.py model.key=***"
    assert redaction.without_secrets({"a": ["b", f"it is {token}."]}) == {"a": ["b", "it is ***."]}


@pytest.mark.parametrize("word", SHOWN)
def test_what_is_no_secret_is_shown(word: str) -> None:
    assert redaction.command_without_secrets(f"app.py {word}") == f"app.py {word}"


@pytest.mark.parametrize(
    "login",
    ["me:geheim@host:5432/db", "root:geheim@db", "me:geheim@10.0.0.1", "me:p@ss!wd@host", "me:geheim@localhost"],
)
def test_a_login_without_a_scheme_is_told_by_its_host_user_or_password(login: str) -> None:
    shown = redaction.message_without_secrets(f"no answer from {login}")
    assert shown == re.sub(r":.*@", ":***@", f"no answer from {login}")


def test_numbers_of_tokens_and_flags_are_shown_in_a_config() -> None:
    config = {"tokens": 512, "max_tokens": 8, "use_token": True, "password": None, "token": {"type": "bpe", "dim": 3}}
    assert redaction.without_secrets(config) == config


def test_a_number_among_the_words_of_a_command_is_hidden_after_a_secrets_option() -> None:
    config = OmegaConf.create({"args": ["--password", 12345678, "--seed", 12345], "token": None})
    redaction.learn(config)
    assert redaction.without_secrets(OmegaConf.to_container(config)) == {
        "args": ["--password", "***", "--seed", 12345],
        "token": None,
    }
    assert redaction.message_without_secrets("no login with 12345678") == "no login with ***"


def test_the_values_of_a_search_are_shown_and_a_fixed_one_is_not() -> None:
    params = {"token": "choice(a, b)", "key.token": {"type": "choice", "values": ["a"]}, "db.password": "abc"}
    shown = redaction.without_secrets({"hydra": {"sweeper": {"params": params}}})
    assert shown["hydra"]["sweeper"]["params"] == {**params, "db.password": "***"}


def test_a_secret_of_the_config_the_command_or_the_environment_is_hidden_wherever_it_occurs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MINE", "by-reference")
    config = OmegaConf.create({"db": {"password": "of-the-config"}, "api_key": "${oc.env:MINE}", "user": "shown-user"})
    redaction.learn(config, ["+b.token=of-the-command", "+b.c={passphrase: in-a-mapping}"])
    redaction.learn_environment({"HF_TOKEN": "of-the-environment", "PWD": "/the/folder", "USER": "shown-too"})
    text = "no login with of-the-config, by-reference, of-the-command, in-a-mapping, of-the-environment by shown-user"
    assert redaction.message_without_secrets(f"{text}: shown-too in /the/folder") == (
        "no login with ***, ***, ***, ***, *** by shown-user: shown-too in /the/folder"
    )


def test_a_short_secret_is_not_looked_for_in_other_words() -> None:
    redaction.learn(OmegaConf.create({"password": "abc"}))
    assert redaction.message_without_secrets("abcdef") == "abcdef"


@pytest.mark.parametrize("password", ["accuracy", "Training", "resnet50", "123456", "learning_rate", "x-ray-images"])
def test_a_password_that_is_a_plain_word_or_number_hides_no_results(password: str) -> None:
    known.note([password])
    results = f"val_{password}=0.{password}" if password.isdigit() else f"val_{password}, my{password}s"
    assert redaction.message_without_secrets(f"{results}: {password!r}") == f"{results}: '***'"
    redaction.learn(OmegaConf.create({"password": password, "mode": f"of {password}"}), ["hydra.sweep.dir=out"])
    assert redaction.message_without_secrets(f"{results}: {password}") == f"{results}: {password}"


def test_a_strong_password_is_hidden_also_where_the_config_has_it_in_clear() -> None:
    redaction.learn(OmegaConf.create({"password": "S3cr3t-V4lue", "mode": "S3cr3t-V4lue"}))
    assert redaction.message_without_secrets("xS3cr3t-V4luex") == "x***x"


def test_a_secret_is_found_as_exceptions_json_and_urls_spell_it_and_line_by_line() -> None:
    secret = 'it\'s \\ "€" S3cr3t'
    lines = "first line of a key\nsecond line of a key"
    known.note([secret, lines])
    for spelled in (repr(secret), json.dumps(secret), quote(secret, safe=""), f"in line 2: {lines.splitlines()[1]}"):
        shown = redaction.message_without_secrets(spelled)
        assert "S3cr3t" not in shown
        assert "second" not in shown


def test_the_values_of_parameters_that_are_searched_over_are_shown_in_messages_and_commands() -> None:
    known.note(["123456"])
    known.note_searched(["token", "n"])
    assert redaction.command_without_secrets("app.py +token=cls n=123456") == "app.py +token=cls n=123456"
    sentence = "Trial 0: token=cls hydra.sweeper.params.token=choice(a, b)"
    assert redaction.message_without_secrets(sentence) == sentence
    assert redaction.message_without_secrets("db.token=cls") == "db.token=***"


def test_a_sentence_that_mentions_a_key_is_kept() -> None:
    sentence = "hydra.sweeper.params.token: must be a number, got 'x'"
    assert redaction.message_without_secrets(sentence) == sentence
    sentence = "the option --token is missing, and --password must be given"
    assert redaction.message_without_secrets(sentence) == sentence
    assert redaction.message_without_secrets("refused: host=a password=b c") == "refused: host=a password=*** c"


def test_the_sweeps_own_log_lines_have_no_secrets(caplog: pytest.LogCaptureFixture) -> None:
    known.note(["a-password"])
    with redacted_logs.without_secrets(), caplog.at_level(logging.INFO):
        logging.getLogger("ax_moo.sweep").info("with %s", "a-password")
        logging.getLogger("hydra.launcher").info("#0 : +db.password=other x=1")
        logging.getLogger("application").info("with %s", "a-password")
    assert caplog.messages == ["with ***", "#0 : +db.password=*** x=1", "with a-password"]


def test_a_secret_of_several_lines_is_hidden_before_its_line_breaks_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    known.note(["first line\n  second\tline"])
    make = logging.getLogRecordFactory()
    try:
        log_records.make_visible()
        with redacted_logs.without_secrets(), caplog.at_level(logging.INFO):
            logger = logging.getLogger("ax_moo.sweep")
            logger.info("with %s", "first line\n  second\tline")
            try:
                raise ValueError("first line\n  second\tline")
            except ValueError:
                logger.exception("it failed")
    finally:
        logging.setLogRecordFactory(make)
    assert caplog.messages == ["with ***", "it failed"]
    assert "ValueError: ***" in caplog.text
    assert redaction.message_without_secrets("it failed: first line second line") == "it failed: ***"


def test_a_long_text_takes_no_longer_than_its_length_asks_for() -> None:
    for text in ("a" * 200_000 + "-." * 100_000, "curl " * 100_000, "a:b@" * 50_000, "a:" * 100_000):
        assert redaction.redacted(text) == text


CUTS: dict[str, Callable[[str], str]] = {
    "a failure": lambda text: error_line(ValueError(text)),
    "a first line": lambda text: first_line(ValueError(text)),
    "a line of a table": one_line,
    "a failure that a job has sent": lambda text: str(result_of(_failed(text)).error),
    "a returned value": _refusal,
    "a value in a journal": _complaint,
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("known_by", ["its value", "its key"])
def test_no_cut_leaves_the_beginning_of_a_secret(cut: Callable[[str], str], known_by: str) -> None:
    if known_by == "its value":
        known.note(["S3cr3t-V4lue"])
    for length in (*range(15, 80), *range(430, 500)):
        text = "x " * (length // 2) + ("password=" if known_by == "its key" else "") + "S3cr3t-V4lue" + " y" * 300
        assert "S3" not in redaction.message_without_secrets(cut(text))


@pytest.mark.parametrize("spelling", [each for each in OVERRIDES if "hydra." not in each])
def test_the_wandb_config_of_a_trial_hides_what_its_overrides_hide(spelling: str) -> None:
    override = written(spelling.replace("AWS_SECRET_ACCESS", "AWS_ACCESS"))
    parsed = OverridesParser.create().parse_override(override)
    config = OmegaConf.create()
    OmegaConf.update(config, parsed.key_or_group, parsed.value())
    uploaded = training.uploaded_config(config, "logger") | {
        "overrides": redaction.arguments_without_secrets([override])
    }
    assert "S3cr3t" not in str(uploaded)
    assert redaction.HIDDEN in str(uploaded["overrides"])


@pytest.mark.parametrize(
    "words",
    [
        ("status", "+db.password=S3cr3t-V4lue"),
        ("status", "DIR", "--json", "+db.password=S3cr3t-V4lue"),
        ("report", "DIR", "-o", "S3cr3t-V4lue"),
        ("migrate", "CONFIG.yaml"),
        ("submit", "app.py", "-m", "+db.password=S3cr3t-V4lue", "hydra.sweep.dir=[S3cr3t-V4lue"),
    ],
)
def test_a_mistake_of_a_command_is_told_without_secrets(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_journal(
        tmp_path / "DIR", Problem.from_config(SearchSpace.from_config({}, ["x=interval(0, 1)"]), {}, [], []), []
    )
    (tmp_path / "DIR/multirun.yaml").write_text("password: S3cr3t-V4lue")
    (tmp_path / "S3cr3t-V4lue").mkdir()
    (tmp_path / "CONFIG.yaml").write_text("password: S3cr3t-V4lue: x\n")
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == 2
    assert "***" in ended.stderr
    assert "S3cr3t" not in ended.stderr

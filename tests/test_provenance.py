import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from ax_moo.session import provenance
from ax_moo.system.redaction import override_without_secrets, redacted, without_secrets


def test_the_training_command_leaves_out_what_only_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["-m", "--config-name", "other", "hydra/sweeper=ax_moo", "hydra.job.chdir=true", "x=interval(0,1)"]
    monkeypatch.setattr(sys, "argv", ["app.py", *arguments])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-X", "dev", "my app.py", *arguments])
    overrides = ["hydra/sweeper=ax_moo", "+hydra.sweeper.seed=1", "hydra.sweep.dir=s", "hydra.job.chdir=true"]
    overrides += ["hydra/launcher=async_slurm", "hydra.launcher.partition=gpu", "hydra.mode=MULTIRUN"]
    command = provenance.training_command(overrides)
    assert command == f"{sys.executable} -X dev 'my app.py' --config-name other hydra.job.chdir=true"


@pytest.mark.parametrize("arguments", [["-rA"], ["-c", "setup.cfg"], ["--version"], ["-f", "kernel.json"]])
def test_the_arguments_of_another_program_are_none_of_hydras_and_end_nothing(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest", *arguments])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "pytest", *arguments])
    assert provenance.training_command(["hydra.job.chdir=true"]).endswith(" -m pytest hydra.job.chdir=true")
    assert capfd.readouterr() == ("", "")


def test_the_commit_is_that_of_the_applications_folder_and_says_whether_it_was_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        command = ["git", "-C", str(tmp_path), *author, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    assert provenance.provenance(str(tmp_path))["git"] is None  # no commit yet
    (tmp_path / "app.py").write_text("1")
    git("add", "app.py")
    git("commit", "-m", "first")
    clean = provenance.provenance(str(tmp_path))
    assert clean["git"] == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    assert clean["versions"]["ax-platform"] == version("ax-platform")
    (tmp_path / "app.py").write_text("2")
    assert provenance.provenance(str(tmp_path))["git"]["dirty"] is True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("app.py logger.settings.api_key=abc x=1", "app.py logger.settings.api_key=*** x=1"),
        ("'+db.password=\"a b\"' x=1", "'+db.password=***' x=1"),
        ("WANDB_API_KEY=abc", "WANDB_API_KEY=***"),
        ("api_key: abc\nwidth: 3", "api_key: ***\nwidth: 3"),
        ("{token: abc, width: 3}", "{token: ***, width: 3}"),
        ("api_key: null", "api_key: null"),
        ("api_key: ${oc.env:KEY}", "api_key: ${oc.env:KEY}"),
        ("""'+s.api_key='"'"'a b'"'"'' x=1""", "'+s.api_key=***' x=1"),
        ("""'+db={password: '"'"'a'"'"', x: '"'"'b'"'"'}'""", """'+db={password: ***, x: '"'"'b'"'"'}'"""),
        ("""'+s.password=a'"'"'b\\,c' x=1""", "'+s.password=***' x=1"),
        ("'+s.headers={Proxy-Authorization: Basic abc}'", "'+s.headers={Proxy-Authorization: ***}'"),
        ("- '+db={password: ''a b'', x: ''c''}'", "- '+db={password: ***, x: ''c''}'"),
        ("{password: '', x: ''}", "{password: '', x: ''}"),
        ("max_tokens=512 tokenizer=bert", "max_tokens=512 tokenizer=bert"),
    ],
)
def test_secrets_are_hidden_and_nothing_else_is(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_a_secret_in_an_override_is_hidden_to_its_end() -> None:
    overrides = ["+db.password=it's a b", "+db={password: abc}", "x=1", "~y"]
    assert [override_without_secrets(each) for each in overrides] == [
        "+db.password=***",
        "+db={password: ***}",
        "x=1",
        "~y",
    ]


def test_secrets_are_hidden_at_any_depth() -> None:
    data = {
        "api_key": "abc",
        "overrides": ["key.token=abc", "x=1"],
        "more": {"password": "a 'b", "width": 3, "seed": None},
    }
    hidden = {
        "api_key": "***",
        "overrides": ["key.token=***", "x=1"],
        "more": {"password": "***", "width": 3, "seed": None},
    }
    assert without_secrets(data) == hidden

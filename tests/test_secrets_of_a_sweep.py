"""One sweep with every spelling of a secret: where they are seen, and who can read the files that keep them."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from ax_moo_command import ax_moo
from secret_spellings import FORMS, OVERRIDES
from sweeping import Swept, run_sweep, write_app

pytestmark = pytest.mark.one_hydra

APP = """
import os

import hydra


@hydra.main(version_base="1.3", config_path=".", config_name="app")
def main(config):
    if config.x > 0.3:
        raise RuntimeError(f"no login with {config.a1.password} and {os.environ['HF_TOKEN']}")
    return float(config.x)


if __name__ == "__main__":
    main()
"""
IN_ENVIRONMENT = "S3cr3t-0f-the-environment"
BY_REFERENCE = "S3cr3t-by-reference"


def secrets() -> list[tuple[str, str]]:
    """Each override, with a secret of its own."""
    return [(each.replace("_SECRET_", "_S_"), f"S3cr3t-V4lue-{number:02d}z") for number, each in enumerate(OVERRIDES)]


@pytest.fixture(scope="module", name="swept")
def run_with_secrets(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    project = write_app(tmp_path_factory.mktemp("secrets"), APP)
    (project / "app.yaml").write_text("fixed: {password: none}\nby: {}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", IN_ENVIRONMENT)
        patch.setenv("MINE", BY_REFERENCE)
        patch.setenv("WANDB_MODE", "offline")
        overrides = [each.replace("SECRET", secret) for each, secret in secrets()]
        overrides += ["+by.password='${oc.env:MINE}'", *(f"+form{at}={token}" for at, token in enumerate(FORMS))]
        options = (
            "+x=interval(0, 1)",
            "hydra.sweeper.n_trials=4",
            "hydra.sweeper.method=sobol",
            "hydra.sweeper.seed=1",
        )
        more = ("hydra/launcher=async_local", "hydra.sweeper.report=true", "hydra.sweeper.max_failure_rate=1")
        wandb = (
            "hydra.sweeper.wandb.enabled=true",
            "hydra.sweeper.wandb.project=p",
            "+hydra.sweeper.params={fixed.password: Fixed-S3cr3t}",
        )
        return run_sweep(project, *options, *more, *wandb, *overrides)


def found_in(text: str) -> list[str]:
    everything = [secret for _, secret in secrets()] + [*FORMS, IN_ENVIRONMENT, BY_REFERENCE, "Fixed-S3cr3t"]
    return [secret for secret in everything if secret in text]


def public_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and not is_private(path, folder):
            yield path


def is_private(path: Path, folder: Path) -> bool:
    above = [each for each in path.parents if each.is_relative_to(folder) and each != folder]
    return any(not stat.S_IMODE(each.stat().st_mode) & 0o077 for each in (path, *above))


def test_the_sweep_runs_with_all_its_secrets_and_has_failed_trials(swept: Swept) -> None:
    assert swept.code == 0, swept.err
    assert swept.in_state("COMPLETED")
    assert "no login with *** and ***" in swept.in_state("FAILED")[0]["reason"]


def test_no_secret_is_in_what_the_sweep_says(swept: Swept) -> None:
    assert found_in(swept.out + swept.err) == []


def test_no_secret_is_in_a_file_that_others_can_read(swept: Swept) -> None:
    logs = [
        path for path in public_files(swept.folder) if path.suffix in (".out", ".err", ".log") and path.name[0] != "d"
    ]
    leaks = {
        str(path.relative_to(swept.folder)): found
        for path in public_files(swept.folder)
        if (found := found_in(path.read_bytes().decode(errors="replace"))) and path not in logs
    }
    assert leaks == {}
    names = {path.name for path in public_files(swept.folder)}
    assert names >= {"report.html", "trials.csv", "optimization_results.yaml"}
    assert [path for path in swept.folder.rglob("run-*.wandb")]


def test_what_a_resume_needs_is_there_for_the_owner_alone(swept: Swept) -> None:
    for name in ("lock", "sweep.jsonl", "multirun.yaml"):
        assert stat.S_IMODE((swept.folder / name).stat().st_mode) == 0o600
    private = [*swept.folder.glob("*/.hydra/*.yaml"), *swept.folder.rglob("*.pkl"), *swept.folder.rglob("*_job.json")]
    assert len(private) >= 4 * 3 + 4 * 2 + 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert found_in((swept.folder / "multirun.yaml").read_text())


def test_no_secret_is_in_the_status(swept: Swept) -> None:
    for options in ((), ("--json",)):
        ended = ax_moo("status", str(swept.folder), *options)
        assert found_in(ended.out + ended.err) == []
    assert "+a1.password=***" in json.loads(ended.out)["command"]

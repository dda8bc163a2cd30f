import dataclasses
import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from ax_moo.problem.objectives import read_objectives
from ax_moo.sweep.settings import OTHER_KEYS, RULES, Settings
from ax_moo.wandb.settings import RULES as WANDB_RULES
from ax_moo.wandb.settings import WandbSettings
from ax_moo_launchers.params import FIELDS, check_params
from hydra_plugins.async_submitit_launcher.config import AsyncLocalConf, AsyncSlurmConf
from hydra_plugins.ax_moo_sweeper.config import AxMooSweeperConf

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_pictures_of_the_architecture_are_drawn_from_the_contracts() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "architecture.py"))["page"]()
    assert page == (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_room_of_the_contract_has_a_row(page: str) -> None:
    rooms = runpy.run_path(str(ROOT / "docs" / "architecture.py"))["rows"]("The rooms")
    text = (ROOT / page).read_text(encoding="utf-8")
    rows = "".join(re.findall(r"^\| `.*?\|", text, flags=re.MULTILINE))
    assert len(rooms) == 8
    assert [room for row in rooms for room in row if f"`{room}`" not in rows] == []


def documented_defaults() -> dict[str, Any]:
    """The sweeper's keys with their defaults, as the manual's tables have them."""
    manual = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\| key \| default \|.*\n((?:\|.*\n)+)", manual, flags=re.MULTILINE)
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", "".join(tables), flags=re.MULTILINE)
    return {key: yaml.safe_load(default.strip("`")) for key, default in rows}


def test_the_manual_names_every_key_of_the_sweeper_with_its_default_and_no_other() -> None:
    assert documented_defaults() == defaults_of(AxMooSweeperConf)


def test_hydra_reads_the_manuals_overrides_also_of_metrics_with_a_slash() -> None:
    manual = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    lines = re.findall(r"^ {4}('?hydra\.sweeper\..*)$", manual, flags=re.MULTILINE)
    read = OverridesParser.create().parse_overrides([word for line in lines for word in shlex.split(line)])
    objectives = [each.value() for each in read if each.key_or_group == "hydra.sweeper.objectives"]
    assert [objective.name for objective in read_objectives(objectives[-1])] == ["val/acc", "model/size"]


def test_settings_have_the_defaults_of_the_config() -> None:
    defaults = defaults_of(AxMooSweeperConf)
    settings = dataclasses.asdict(Settings())
    assert {**settings, "initial": list(settings["initial"])} == {key: defaults[key] for key in settings}
    assert settings.keys() == defaults.keys() - set(OTHER_KEYS)
    wandb = dataclasses.asdict(WandbSettings())
    assert {key: wandb[key] for key in WANDB_RULES} == defaults["wandb"]


def test_a_rule_is_there_for_every_setting_but_the_points() -> None:
    assert RULES.keys() | {"initial"} == dataclasses.asdict(Settings()).keys()


@pytest.mark.parametrize(("config", "name"), [(AsyncLocalConf, "async_local"), (AsyncSlurmConf, "async_slurm")])
def test_the_launchers_have_a_rule_for_every_key_that_its_default_keeps(config: type, name: str) -> None:
    defaults = defaults_of(config)
    assert defaults.keys() == FIELDS[name].keys()
    check_params(defaults, FIELDS[name])


def defaults_of(config: type) -> dict[str, Any]:
    keys = [key for key in dataclasses.fields(config) if not key.name.startswith("_")]
    return {
        key.name: key.default if key.default_factory is dataclasses.MISSING else key.default_factory() for key in keys
    }

import re
from pathlib import Path

import pytest

from hydra_plugins.ax_moo_sweeper.config import AxMooSweeperConf

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_manual_names_every_key_of_the_sweeper_and_no_other() -> None:
    manual = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\| key \| default \|.*\n((?:\|.*\n)+)", manual, flags=re.MULTILINE)
    documented = set(re.findall(r"^\| `(\w+)` \|", "".join(tables), flags=re.MULTILINE))
    keys = {key for key in AxMooSweeperConf.__dataclass_fields__ if not key.startswith("_")}
    assert documented == keys

"""The lowest releases that pyproject.toml allows, as constraints for pip: ``python tests/lowest_versions.py``."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def lowest() -> Iterator[str]:
    """One ``name==version`` for each dependency with a lower bound.

    torch is the release of constraints.txt: its lowest has no build for the CPU alone on the package index.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in sum(project["optional-dependencies"].values(), project["dependencies"]):
        requirement = Requirement(text)
        if requirement.name != "torch":
            yield from (f"{requirement.name}=={b.version}" for b in requirement.specifier if b.operator == ">=")
    yield from (line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch=="))


if __name__ == "__main__":
    print("\n".join(lowest()))

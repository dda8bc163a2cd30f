"""The lowest releases that pyproject.toml allows, as constraints for pip: ``python tests/lowest_versions.py``."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
TORCH = "torch==2.13.0"
"""The only release with a build for the CPU on every index that we know; any other might bring CUDA along."""


def lowest() -> Iterator[str]:
    """One ``name==version`` for each dependency with a lower bound, and torch as it is pinned everywhere."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    for text in sum(project["optional-dependencies"].values(), project["dependencies"]):
        requirement = Requirement(text)
        for bound in requirement.specifier:
            if bound.operator == ">=" and requirement.name != "torch":
                yield f"{requirement.name}=={bound.version}"
    yield TORCH


if __name__ == "__main__":
    print("\n".join(lowest()))

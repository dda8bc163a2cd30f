"""Which tests are slow: those that start a process, a cluster or a browser, themselves or by what they use.

The mark ``slow`` is given by this rule, so that there is no list to keep; a test that only computes, but very long, has
it by hand. ``make check`` leaves them out.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

THIS = Path(__file__)
TESTS = THIS.parent
STARTERS = {
    "multiprocessing",
    "nbclient",
    "playwright",
    "subprocess",
    "hydra.test_utils",
    "ax_moo.testing.JobSuite",
    "ax_moo.testing.LauncherSuite",
    "ax_moo.testing.launching",
}
"""What starts something; Hydra's own suites start applications, and ours start jobs."""
OURS = {"killing", "launching", "slurm", "sweeping", "wandb_server"}
"""What does so in tests/ by way of a launcher, or of wandb."""


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    for item in items:
        if item.get_closest_marker("slurm") or is_slow(item.path, item.nodeid):
            item.add_marker("slow")
    if hasattr(config, "workerinput"):  # among several processes, a long test that comes last has them all wait for it
        items.sort(key=lambda item: ("slurm" not in item.nodeid, not item.get_closest_marker("slow")))


def is_slow(path: Path, nodeid: str) -> bool:
    """Whether the function or the class of a test is one that starts something."""
    return nodeid.split("::")[1].partition("[")[0] in starting(path)


@cache
def starting(path: Path) -> frozenset[str]:
    """The names at the top of a file that start something: functions, fixtures, classes, what it imports."""
    tree = ast.parse(path.read_text())
    found = set(_imported_starters(tree))
    if path.name != "conftest.py":
        found |= starting(TESTS / "conftest.py") & _fixtures_of_all_files()
    defined = {name: _used(node) for node in tree.body for name in _names_of(node)}
    while more := {name for name, used in defined.items() if name not in found and used & found}:
        found |= more
    return frozenset(found)


@cache
def _fixtures_of_all_files() -> frozenset[str]:
    tree = ast.parse((TESTS / "conftest.py").read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def _imported_starters(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.asname or alias.name.split(".")[0] for alias in node.names if _starts(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module:
            local = TESTS / f"{node.module}.py"
            inside = starting(local) if local.exists() and local != THIS else frozenset()
            for alias in node.names:
                if _starts(f"{node.module}.{alias.name}") or alias.name in inside:
                    yield alias.asname or alias.name


def _starts(module: str) -> bool:
    return any(f"{module}.".startswith(f"{each}.") for each in STARTERS | OURS)


def _names_of(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case _:
            return []


def _used(node: ast.AST) -> set[str]:
    """The names in a piece of code, its fixtures among them."""
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return names | {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}

"""The mark ``slow`` is where something is started, however a test comes to it."""

from pathlib import Path

import pytest
from slow import is_slow

pytestmark = pytest.mark.hydra_free

FILE = """
import sys
from subprocess import run as start
from ax_moo.testing import LauncherSuite, StorageSuite
from ax_moo_command import ax_moo
from waiting import wait_until

def helper(): return start(["true"])

COMMAND = helper

@pytest.fixture
def started(): helper()

def test_directly(): start(["true"])
def test_by_a_function(): helper()
def test_by_a_name(): COMMAND()
def test_by_a_fixture(started): pass
def test_by_a_fixture_of_all_files(slurm_cluster): pass
def test_by_a_file_beside_it(): ax_moo()
class TestOfAClass:
    def test_it(self): helper()
class TestLauncher(LauncherSuite): pass
class TestStorage(StorageSuite): pass

def test_nothing(tmp_path): sys.exit
def test_a_loop(): wait_until(bool)
"""


@pytest.mark.parametrize(
    ("name", "slow"),
    [
        ("test_directly", True),
        ("test_by_a_function", True),
        ("test_by_a_name", True),
        ("test_by_a_fixture", True),
        ("test_by_a_fixture_of_all_files", True),
        ("test_by_a_file_beside_it", True),
        ("TestOfAClass::test_it", True),
        ("TestLauncher::test_it", True),
        ("test_by_a_fixture[with a parameter]", True),
        ("TestStorage::test_it", False),
        ("test_nothing", False),
        ("test_a_loop", False),
    ],
)
def test_a_test_is_slow_where_it_starts_something(tmp_path: Path, name: str, slow: bool) -> None:
    (tmp_path / "test_one.py").write_text(FILE)
    assert is_slow(tmp_path / "test_one.py", f"tests/test_one.py::{name}") is slow

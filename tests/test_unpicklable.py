"""An application that cannot be pickled for a job: what of it, and what to do, is said before anything is submitted."""

import functools
import logging
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from launching import open_launcher
from omegaconf import OmegaConf
from sweeping import run_sweep, write_app

from ax_moo.system.errors import ConfigError

LOCK = "because it is a _thread.lock (cannot pickle '_thread.lock' object)"


class Client:
    def __init__(self) -> None:
        self.sessions = {"first": [threading.Lock()]}
        self.logger = logging.getLogger("can be pickled")


class Child:
    """Refers to its parent, as a node of a tree does; it is not the child that cannot be pickled."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent


class Parent:
    def __init__(self) -> None:
        self.child = Child(self)
        self.stream = threading.Lock()


class Called:
    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __call__(self, name: str) -> str:
        return name


def check(folder: Path, task: Callable[[Any], Any]) -> str:
    launcher = open_launcher(folder, "async_local", task)
    with pytest.raises(ConfigError) as caught:
        launcher.check()
    assert not (folder / "sweep").exists()
    return str(caught.value)


def test_a_variable_of_an_enclosing_function(tmp_path: Path) -> None:
    lock = threading.Lock()

    def task(config: Any) -> None:
        lock.acquire()

    said = check(tmp_path, task)
    assert f"`lock` in the closure of {task.__qualname__} (test_unpicklable.py, line " in said
    assert LOCK in said
    assert "make it inside the task function" in said


def test_an_object_deep_inside_another(tmp_path: Path) -> None:
    client = Client()

    def helper() -> Any:
        return client

    def task(config: Any) -> None:
        helper()

    said = check(tmp_path, task)
    assert f"`client.sessions['first'][0]` in the closure of {helper.__qualname__}" in said
    assert "because it is a _thread.lock of a test_unpicklable.Client (" in said


def test_an_object_beside_one_that_refers_back_to_it(tmp_path: Path) -> None:
    tree = Parent()

    def task(config: Any) -> Any:
        return tree

    assert "`tree.stream` in the closure of" in check(tmp_path, task)


def test_a_default_value(tmp_path: Path) -> None:
    def task(config: Any, client: Client = Client()) -> None:  # noqa: B008
        pass

    assert f"`client.sessions['first'][0]`, a default value of {task.__qualname__}" in check(tmp_path, task)


def test_an_argument_of_a_partial_and_the_object_of_a_method(tmp_path: Path) -> None:
    def task(config: Any, lock: Any) -> None:
        pass

    assert "`task.keywords['lock']`" in check(tmp_path / "1", functools.partial(task, lock=threading.Lock()))

    class Trainer:
        def __init__(self) -> None:
            self.lock = threading.Lock()

        def run(self, config: Any) -> None:
            pass

    assert "`task.__self__.lock`" in check(tmp_path / "2", Trainer().run)


def test_a_value_of_the_config(tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, "async_local", lambda config: 1)
    OmegaConf.set_struct(launcher.config, False)
    launcher.config.model = OmegaConf.create({"pool": [threading.Lock()]}, flags={"allow_objects": True})
    with pytest.raises(ConfigError, match=r"`config\['model'\]\['pool'\]\[0\]` cannot be sent"):
        launcher.check()


def test_a_resolver(tmp_path: Path) -> None:
    lock = threading.Lock()

    def locked(name: str) -> str:
        with lock:
            return name

    with warnings.catch_warnings(action="ignore"):  # omegaconf 2.3 and 2.4 each deprecate a name of it
        OmegaConf.register_new_resolver("locked", locked)
    try:
        assert f"`lock` in the closure of {locked.__qualname__}" in check(tmp_path / "1", lambda config: 1)
        OmegaConf.clear_resolver("locked")
        with warnings.catch_warnings(action="ignore"):
            OmegaConf.register_new_resolver("locked", Parent)
            OmegaConf.register_new_resolver("called", Called())
        assert "`resolver.lock` of the OmegaConf resolver 'called'" in check(tmp_path / "2", lambda config: 1)
    finally:
        OmegaConf.clear_resolver("locked")
        OmegaConf.clear_resolver("called")


def test_a_cell_that_is_empty_and_an_object_that_cannot_be_looked_at_are_in_nobodys_way(tmp_path: Path) -> None:
    lock = threading.Lock()

    class Hostile:
        __slots__ = ("lock",)

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __reduce__(self) -> Any:
            raise RuntimeError("not me")

    hostile = Hostile()

    def task(config: Any) -> None:
        if config is later:
            lock.acquire()
        later()

    assert "`lock` in the closure of" in check(tmp_path / "1", task)

    def other(config: Any) -> None:
        hostile.lock()

    assert "`hostile` in the closure of" in check(tmp_path / "2", other)
    if tmp_path is None:
        later = task


def test_an_application_that_can_be_pickled_is_none_of_these(tmp_path: Path) -> None:
    open_launcher(tmp_path, "async_local", lambda config: 1).check()


APP = """
import threading
import hydra
from hydra.experimental.callback import Callback

class Timer(Callback):
    def __init__(self):
        self.lock = threading.Lock()

def make():
    lock = threading.Lock()

    @hydra.main(version_base="1.3", config_path=None, config_name=None)
    def main(config):
        with lock:
            return float(config.x)

    return main

@hydra.main(version_base="1.3", config_path=None, config_name=None)
def plain(config):
    return float(config.x)

if __name__ == "__main__":
    import sys
    (plain if any("callbacks" in each for each in sys.argv) else make())()
"""


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ((), "`lock` in the closure of make.<locals>.main (app.py, line "),
        (("+hydra.callbacks.timer._target_=__main__.Timer",), "`Timer.lock` of hydra.callbacks"),
    ],
    ids=["closure", "callback"],
)
def test_a_sweep_of_it_ends_before_it_begins(tmp_path: Path, options: tuple[str, ...], what: str) -> None:
    project = write_app(tmp_path, APP)
    swept = run_sweep(project, "+x=interval(0,1)", "hydra/launcher=async_local", *options)
    assert swept.code == 2
    assert what in swept.err
    assert "because it is a _thread.lock" in swept.err
    assert "Traceback" not in swept.err
    assert "A sweep of" not in swept.out
    assert not swept.folder.exists()

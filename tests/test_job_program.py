"""A job is the user's own program: its ``__main__``, its functions and classes, its ``sys.path``."""

import pickle
import py_compile
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import SWEEPER, command_line
from sweeping import write_app

from ax_moo_launchers.job.by_reference import by_reference
from ax_moo_launchers.search_path import SearchPath, before_library

HEAD = """
import multiprocessing, os, pickle, sys
from pathlib import Path
import hydra
from hydra.utils import instantiate

"""
MAIN = """
@hydra.main(version_base=None)
def main(config):
"""
CALLED = """
if __name__ == "__main__":
    main()
"""


def launched(project: Path, *options: str, module: str | None = None) -> list[str]:
    """What the two jobs of a batch returned, each as text; the application is ``app.py``, or a module of ``pkg``."""
    arguments = ["-m", "hydra/launcher=async_local", "hydra.sweep.dir=out", "+x=1,2", *options]
    if module is not None:
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
    else:
        ended = command_line(*SWEEPER).run(project, *arguments, app=Path("app.py"), seconds=120)
        assert ended.code == 0, ended.stderr
    return [path.read_text() for path in sorted(project.glob("out/*/said"))]


def errors(project: Path) -> str:
    return "".join(path.read_text() for path in project.glob("out/.submitit/*/*_log.err"))


def say(*expressions: str, before: Sequence[str] = ()) -> str:
    """Lines of a task function that leaves the values of expressions in its job's folder."""
    folder = "Path(hydra.core.hydra_config.HydraConfig.get().runtime.output_dir)"
    return "".join(
        f"    {line}\n" for line in [*before, f"({folder} / 'said').write_text(repr(({', '.join(expressions)},)))"]
    )


DEFINED = """
Z = open(__file__)
MODES = []

class Net:
    def __init__(self, width):
        self.width = width

def square(x):
    return x * x

def again(value):
    return pickle.loads(pickle.dumps(value))

def pooled(method, x):
    with multiprocessing.get_context(method).Pool(1) as pool:
        return pool.map(square, [x])
"""
OF_MAIN = ["__main__.__name__", "__main__.__file__", "__main__.__spec__", "Z.readline()", "MODES", "RATE"]
USED = ["instantiate({'_target_': '__main__.Net', 'width': 3}).width", "again(Net(4)).width", "again(square)(5)"]


def test_what_a_script_defines_is_found_in_its_jobs_as_in_the_script_itself(tmp_path: Path) -> None:
    pools = [f"pooled({method!r}, config.x)" for method in ("fork", "spawn", "forkserver")]
    guarded = "\nif __name__ == '__main__':\n    RATE = 0.5\n    MODES.append('fast')\n    main()\n"
    main = MAIN + say(*OF_MAIN, *USED, *pools, before=["import __main__"])
    write_app(tmp_path, "# first\n" + HEAD + DEFINED + main + guarded)
    expected = ["'__main__'", f"'{tmp_path}/app.py'", "None", "'# first\\n'", "['fast']", "0.5", "3", "4", "25"]
    results = launched(tmp_path)
    assert results == [f"({', '.join([*expected, *[f'[{x * x}]'] * 3])})" for x in (1, 2)]


@pytest.mark.parametrize("call", ["main()\nraise RuntimeError('once')", "try:\n    main()\nfinally:\n    del Net"])
def test_a_script_without_a_guard_is_executed_up_to_its_call(tmp_path: Path, call: str) -> None:
    write_app(
        tmp_path,
        HEAD + DEFINED + MAIN + say(*USED, "pooled('fork', 3)") + "\nsys.argv += ['hydra.job.chdir=true']\n" + call,
    )
    arguments = ["-m", "hydra/launcher=async_local", "hydra.sweep.dir=out", "+x=1,2"]
    command_line(*SWEEPER).run(tmp_path, *arguments, app=Path("app.py"), seconds=120)
    assert [path.read_text() for path in tmp_path.glob("out/*/said")] == ["(3, 4, 25, [9])"] * 2


def test_a_module_that_was_started_with_m_is_main_with_its_package(tmp_path: Path) -> None:
    write_app(tmp_path, "VALUE = 7\n", "pkg/beside.py")
    write_app(tmp_path, "", "pkg/__init__.py")
    main = MAIN + say(
        "__main__.__spec__.name", "__package__", "VALUE", "pooled('spawn', 3)", before=["import __main__"]
    )
    write_app(tmp_path, HEAD + "from .beside import VALUE\n" + DEFINED + main + CALLED, "pkg/train.py")
    assert launched(tmp_path, module="pkg.train") == ["('pkg.train', 'pkg', 7, [9])"] * 2


SPAWNED = ["multiprocessing.get_context('spawn').Pool(1).map(abs, [-3])"]


def test_a_script_without_a_guard_is_main_too_but_what_the_job_spawns_does_not_execute_it(tmp_path: Path) -> None:
    shown = ["Path(__main__.__file__).name", "inspect.getsource(Net)[:9]"]
    said = say(*shown, *SPAWNED, before=["import __main__, inspect"])
    write_app(tmp_path, HEAD + DEFINED + MAIN + said + "main()\n")
    assert launched(tmp_path) == ["('app.py', 'class Net', [3])"] * 2


def test_a_module_without_a_guard_can_be_started_again_by_its_name(tmp_path: Path) -> None:
    write_app(tmp_path, "", "pkg/__init__.py")
    said = say("__main__.__spec__.name", *SPAWNED, before=["import __main__"])
    write_app(tmp_path, HEAD + MAIN + said + "main()\n", "pkg/train.py")
    assert launched(tmp_path, module="pkg.train") == ["('pkg.train', [3])"] * 2


def test_what_has_no_source_is_started_again_by_the_name_of_its_file(tmp_path: Path) -> None:
    said = say("__main__.__spec__", "sys.argv[0]", *SPAWNED, before=["import __main__"])
    write_app(tmp_path, HEAD + MAIN + said + CALLED)
    py_compile.compile(str(tmp_path / "app.py"), str(tmp_path / "app.pyc"))
    (tmp_path / "app.py").unlink()
    command = [sys.executable, "app.pyc", "-m", "hydra/launcher=async_local", "hydra.sweep.dir=out", "+x=1"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    assert [path.read_text() for path in tmp_path.glob("out/*/said")] == ["(None, 'app.pyc', [3])"]


def test_a_package_that_was_started_with_m_is_main(tmp_path: Path) -> None:
    write_app(tmp_path, "", "pkg/__init__.py")
    said = say("__main__.__spec__.name", "pooled('spawn', 3)", before=["import __main__"])
    write_app(tmp_path, HEAD + DEFINED + MAIN + said, "pkg/train.py")
    write_app(tmp_path, "from pkg.train import main\nmain()\n", "pkg/__main__.py")
    assert launched(tmp_path, module="pkg") == ["('pkg.__main__', [9])"] * 2


def test_a_script_that_cannot_be_executed_twice_travels_by_value(tmp_path: Path) -> None:
    once = "os.mkdir('made')\nWIDTH = 3\n"
    write_app(tmp_path, HEAD + once + MAIN + say("WIDTH", "config.x") + CALLED)
    assert launched(tmp_path) == ["(3, 1)", "(3, 2)"]
    assert "app.py cannot be executed again in a job: FileExistsError" in errors(tmp_path)


def test_where_neither_way_is_left_the_job_fails_with_a_sentence(tmp_path: Path) -> None:
    once = "os.mkdir('made')\nZ = open(__file__, 'rb')\n"
    write_app(tmp_path, HEAD + once + MAIN + say("Z.name") + CALLED)
    arguments = ["-m", "hydra/launcher=async_local", "hydra.sweep.dir=out", "+x=1,2"]
    ended = command_line(*SWEEPER).run(tmp_path, *arguments, app=Path("app.py"), seconds=120)
    assert ended.code == 1
    assert "app.py cannot be executed again in a job: FileExistsError: " in ended.stderr
    assert "put what can run only once under `if __name__ == '__main__':`" in ended.stderr


def test_the_code_of_a_sweep_is_that_with_which_it_began(tmp_path: Path) -> None:
    edit = "Path(__file__).write_text('raise RuntimeError(1)')\n    "
    write_app(tmp_path, HEAD + "WIDTH = 3\n" + MAIN + say("WIDTH") + CALLED.replace("    main", f"    {edit}main"))
    assert launched(tmp_path, "hydra.launcher.max_parallel=1") == ["(3,)", "(3,)"]


def test_the_traceback_of_a_job_names_the_line_of_the_script(tmp_path: Path) -> None:
    write_app(tmp_path, HEAD + MAIN + "    raise ValueError('mine')\n" + CALLED)
    arguments = ["-m", "hydra/launcher=async_local", "hydra.sweep.dir=out", "+x=1"]
    command_line(*SWEEPER).run(tmp_path, *arguments, app=Path("app.py"), seconds=120)
    assert f"File \"{tmp_path}/app.py\", line 10, in main\n    raise ValueError('mine')" in errors(tmp_path)


def test_what_a_job_forks_has_none_of_the_job_s_handlers(tmp_path: Path) -> None:
    handlers = "[signal.getsignal(each).name for each in (signal.SIGTERM, signal.SIGUSR2)]"
    forked = "with multiprocessing.get_context('fork').Pool(1) as pool:"
    lines = ["import signal", forked, "    handlers = pool.apply(in_child)"]
    child = f"\ndef in_child():\n    import signal\n    return {handlers}\n"
    write_app(tmp_path, HEAD + child + MAIN + say("handlers", before=lines) + CALLED)
    assert launched(tmp_path) == ["(['SIG_DFL', 'SIG_IGN'],)"] * 2


def test_code_that_travels_by_value_keeps_the_name_of_its_file() -> None:
    def outer() -> Any:
        return lambda: 3

    copied = pickle.loads(by_reference(outer, ()))
    assert copied.__code__.co_filename == copied().__code__.co_filename == __file__


def test_a_job_searches_where_the_application_does(tmp_path: Path) -> None:
    for folder in ("src", "early", "late", "brought", "added"):
        write_app(tmp_path, f"WHERE = {folder!r}\n", f"{folder}/beside.py")
        write_app(tmp_path, f"WHERE = {folder!r}\n", f"{folder}/only_{folder}.py")
    write_app(tmp_path, "raise RuntimeError('hides the library')", "late/json.py")
    write_app(tmp_path, "raise RuntimeError('hides the library')", "json.py")
    write_app(tmp_path, f"{tmp_path}/brought\n", "sites/brought.pth")
    paths = "sys.path.insert(1, 'early')\nsys.path.append('late')\nsys.path += [str(Path('added').absolute())]\n"
    paths += f"import site; site.addsitedir({str(tmp_path / 'sites')!r})\n"
    imports = "".join(f"import only_{folder}\n" for folder in ("src", "early", "late", "brought", "added"))
    said = ["[Path(path).name for path in sys.path if 'job_searches' in path]", "beside.WHERE", "json.__name__"]
    body = MAIN + say(*said, before=["import beside, json"]) + CALLED
    write_app(tmp_path, HEAD + paths + imports + body, "src/app.py")
    arguments = ["-m", "hydra/launcher=async_local", "hydra.sweep.dir=out", "+x=1,2"]
    ended = command_line(*SWEEPER).run(tmp_path, *arguments, app=Path("src/app.py"), seconds=120)
    assert ended.code == 0, ended.stderr
    expected = ["src", "early", "late", "added", "sites", "brought"]
    found = [path.read_text() for path in tmp_path.glob("out/*/said")]
    assert found == [repr((expected, "src", "json"))] * 2


def test_a_job_of_another_python_keeps_that_python_s_library() -> None:
    theirs = SearchPath(("/app", "/py/11", "/py/11/site", "/later"), frozenset({"/py/11", "/py/11/site"}))
    own = ["/module", "/app", *(path for path in sys.path if "python" in path)]
    assert theirs.merged(own) == ["/module", "/app", *own[2:], "/later"]


def test_pythonpath_has_what_comes_before_the_standard_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend("/first")
    monkeypatch.setattr(sys, "path", [*sys.path, "/last"])
    assert before_library()[0] == "/first"
    assert not any("site-packages" in path or path == "/last" for path in before_library())

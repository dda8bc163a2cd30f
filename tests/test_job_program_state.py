"""What a script has made of its process when the sweep begins is so in its jobs, which execute the script again."""

import sys
from pathlib import Path

import pytest
from command_line import SWEEPER, command_line
from sweeping import write_app
from test_job_program import CALLED, HEAD, MAIN, launched, say

from ax_moo_launchers.job.arguments import given_arguments


def launched_with(project: Path, *options: str, given: str = "") -> list[str]:
    """What the jobs said; ``given`` stands before Hydra's options, and only the script understands it."""
    arguments = [*given.split(), "-m", "hydra/launcher=async_local", "hydra.sweep.dir=out", "+x=1,2", *options]
    ended = command_line(*SWEEPER).run(project, *arguments, app=Path("app.py"), seconds=120)
    assert ended.code == 0, ended.stderr
    return [path.read_text() for path in sorted(project.glob("**/out/*/said"))]


TAKEN = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
given, rest = parser.parse_known_args()
sys.argv[1:] = rest
"""


def test_the_script_reads_its_own_arguments_again(tmp_path: Path) -> None:
    write_app(tmp_path, HEAD + TAKEN + MAIN + say("given.seed", "'--seed' in sys.argv") + CALLED)
    assert launched_with(tmp_path, given="--seed 5") == ["(5, False)"] * 2


@pytest.mark.parametrize(
    ("started", "module", "file", "given"),
    [
        (["app.py", "x"], None, "/a/app.py", ("x",)),
        (["-W", "error", "-Xdev", "-uP", "./src/app.py", "x"], None, "/a/src/app.py", ("x",)),
        (["../b/app.py", "x"], None, "/a/b/app.py", ("x",)),
        (["src", "x"], None, "/a/src/__main__.py", ("x",)),
        (["-um", "pkg.train", "x"], "pkg.train", "/a/pkg/train.py", ("x",)),
        (["-mpkg", "x"], "pkg.__main__", "/a/pkg/__main__.py", ("x",)),
        (["-m", "coverage", "run", "app.py", "x"], None, "/a/app.py", ("now",)),
        (["/bin/profile", "app.py", "x"], None, "/a/app.py", ("now",)),
        (["app.py", "x"], None, "/a/myapp.py", ("now",)),
        (["-c", "import app"], None, "/a/app.py", ("now",)),
    ],
)
def test_the_arguments_of_the_script_are_those_after_its_name(
    monkeypatch: pytest.MonkeyPatch, started: list[str], module: str | None, file: str, given: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python", *started])
    monkeypatch.setattr(sys, "argv", ["app.py", "now"])
    assert given_arguments(file, module) == given


def test_the_working_directory_and_the_gpus_of_a_job_stay_its_own(tmp_path: Path) -> None:
    (tmp_path / "a/a").mkdir(parents=True)
    masks = "os.environ['CUDA_VISIBLE_DEVICES'] = '0,1'\nSEEN = os.environ['CUDA_VISIBLE_DEVICES']\nos.chdir('a')\n"
    masks += "os.environ['OF_THE_SCRIPT'] = 'kept'\n"
    said = ["os.getcwd()", "SEEN", "os.environ['CUDA_VISIBLE_DEVICES']", "os.environ['OF_THE_SCRIPT']"]
    write_app(tmp_path, HEAD + masks + MAIN + say(*said) + CALLED)
    found = launched_with(tmp_path, "hydra.launcher.gpus=[0,1]", "hydra.launcher.gpus_per_node=1")
    assert found == [f"('{tmp_path}/a', '{gpu}', '{gpu}', 'kept')" for gpu in (0, 1)]


GLOBALS = """
RATE, MODES, MISSING = 0, [], object()

class Config:
    lr = 1

def set_up():
    global RATE
    RATE = Config.lr = 5
    MODES.append(is_missing())

def is_missing(value=MISSING):
    return value is MISSING

"""


def test_what_functions_have_set_up_for_the_guarded_block_is_set_up_in_the_job(tmp_path: Path) -> None:
    guarded = CALLED.replace("    main", "    set_up()\n    main")
    write_app(tmp_path, HEAD + GLOBALS + MAIN + say("RATE", "Config.lr", "MODES", "is_missing()") + guarded)
    assert launched(tmp_path) == ["(5, 5, [True], True)"] * 2


DECORATED = """
STATE = {}
Z = open(__file__)
from omegaconf import OmegaConf
OmegaConf.register_new_resolver("state", lambda key: STATE.get(key, Z.name), use_cache=False)

def decorated(function):
    def anonymous(config):
        STATE["x"] = config.x
        return function(config)
    return anonymous

def look():
    return STATE
"""


@pytest.mark.parametrize("called", ["main()", "if __name__ == '__main__':\n    main()"])
def test_a_function_without_a_name_has_the_globals_of_the_script(tmp_path: Path, called: str) -> None:
    main = MAIN.replace("def main", "@decorated\ndef main")
    said = say("config.x", "look()", "STATE", "OmegaConf.create({'of': '${state:x}'}).of")
    write_app(tmp_path, HEAD + DECORATED + main + said + called + "\n")
    assert launched(tmp_path) == [f"({x}, {{'x': {x}}}, {{'x': {x}}}, {x})" for x in (1, 2)]


def test_a_name_that_the_guarded_block_has_given_anew_is_not_the_one_before(tmp_path: Path) -> None:
    main = "\nZ = open(__file__)\n\ndef main(config):\n" + say("config.x", "Path(Z.name).name")
    rebound = "\nif __name__ == '__main__':\n    main = hydra.main(version_base=None)(main)\n    main()\n"
    write_app(tmp_path, HEAD + main + rebound)
    assert launched(tmp_path) == ["(1, 'app.py')", "(2, 'app.py')"]


def test_of_several_statements_in_a_line_those_before_the_call_are_executed(tmp_path: Path) -> None:
    write_app(tmp_path, HEAD + MAIN + say("len(MADE)") + "\nMADE = [1]; main(); MADE.clear()\n")
    assert launched(tmp_path) == ["(1,)"] * 2


@pytest.mark.parametrize("called", ["main()", "if __name__ == '__main__':\n    START\n    main()"])
def test_the_start_method_of_multiprocessing_is_that_of_the_script(tmp_path: Path, called: str) -> None:
    start = "multiprocessing.set_start_method('spawn')"
    top = "" if "START" in called else f"{start}\n"
    write_app(tmp_path, HEAD + top + MAIN + say("multiprocessing.get_start_method()") + called.replace("START", start))
    assert launched(tmp_path) == ["('spawn',)"] * 2


def test_a_debugger_may_run_the_script_whose_main_has_no_spec_then(tmp_path: Path) -> None:
    write_app(tmp_path, HEAD + "Z = open(__file__)\ndel __spec__\n" + MAIN + say("Path(Z.name).name") + CALLED)
    assert launched(tmp_path) == ["('app.py',)"] * 2


@pytest.mark.parametrize(
    "called",
    [
        "try:\n    RATE = 5\n    main()\nfinally:\n    RATE = 7",
        "if len(sys.argv) > 1:\n    RATE = 5\n    main()",
        "def run():\n    set_up()\n    main()\nrun()",
    ],
)
def test_what_a_statement_without_a_guard_has_set_up_is_set_up_in_the_job(tmp_path: Path, called: str) -> None:
    write_app(tmp_path, HEAD + GLOBALS + MAIN + say("RATE", "is_missing()") + "\n" + called)
    assert launched(tmp_path) == ["(5, True)"] * 2

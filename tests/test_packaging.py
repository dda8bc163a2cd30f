"""What is in the wheel, how Hydra finds it, what it costs every Hydra application, and what it says it needs."""

import ast
import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "src", ROOT / "launchers")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = ("ax_moo", "nas", "hydra_plugins", "ax_moo_launchers")
HEAVY = {"ax", "botorch", "torch", "numpy", "pandas", "pytorch_lightning", "submitit", "wandb", "rich", "plotly"}

APP = """\
import hydra
@hydra.main(version_base=None, config_path=None)
def main(config):
    print("trained")
    return 1.0
main()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A folder with the wheel alone in it."""
    folder = wheel.parent / "installed"
    _pip("install", "--no-deps", "--no-index", "--target", str(folder), str(wheel))
    return folder


def test_the_wheel_holds_all_of_our_modules_their_types_and_the_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    kinds = ("*.py", "*.html", "*.css", "*.js")
    modules = {str(p.relative_to(source)) for source in SOURCES for kind in kinds for p in source.rglob(kind)}
    assert {"hydra_plugins/ax_moo_sweeper/sweeper.py", "nas/train.py", "ax_moo/sweep/loop.py"} < modules
    assert {"hydra_plugins/async_submitit_launcher/launcher.py", "ax_moo/html_report/page.html"} < modules
    assert modules | {"ax_moo/py.typed", "nas/py.typed"} <= names
    assert "hydra_plugins/__init__.py" not in names
    assert any(re.fullmatch(r"hydra_ax_moo-[^/]+\.dist-info/licenses/LICENSE", name) for name in names)


def test_the_wheel_holds_nothing_else_at_its_top(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(OURS)
    assert len(tops) == len(OURS) + 1


@pytest.mark.parametrize("by", ["entry points", "namespace"])
def test_an_application_that_knows_nothing_of_us_has_our_sweeper_and_launchers(
    installed: Path, tmp_path: Path, by: str
) -> None:
    if by == "namespace":
        installed = Path(shutil.copytree(installed, tmp_path / "installed"))
        for file in installed.glob("*.dist-info/entry_points.txt"):
            file.unlink()
    (tmp_path / "app.py").write_text(APP)
    # Without site there is no editable installation, only the folders that are named.
    path = [str(installed), *_python_path(), sysconfig.get_path("purelib")]
    listed = _run(["-S", "app.py", "--hydra-help"], tmp_path, PYTHONPATH=os.pathsep.join(path)).stdout
    assert "ax_moo" in _options(listed, "hydra/sweeper")
    assert {"async_local", "async_slurm"} <= _options(listed, "hydra/launcher")


def test_importing_the_plug_ins_imports_nothing_heavy_and_little_of_ours() -> None:
    """The reason why it is cheap; ``benchmarks/import_cost.py`` measures the milliseconds."""
    cost = runpy.run_path(str(ROOT / "benchmarks/import_cost.py"))
    _, brought = cost["measure"](*cost["PLUGINS"])
    tops = {name.split(".")[0] for name in brought}
    assert "hydra_plugins" in tops
    assert not tops & (HEAVY | {"ax_moo", "nas"})
    assert len([name for name in brought if name.startswith("hydra_plugins.")]) <= 9


@pytest.mark.one_hydra
def test_the_contract_suites_say_in_one_sentence_that_they_need_pytest() -> None:
    hidden = "import sys, importlib.util as u; f = u.find_spec; u.find_spec = lambda n: None if n == 'pytest' else f(n)"
    done = subprocess.run([sys.executable, "-c", f"{hidden}; import ax_moo.testing"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: ax_moo.testing needs pytest, which is not installed: pip install pytest"
    )


@pytest.mark.one_hydra
@pytest.mark.parametrize("broken", ["raise RuntimeError('Ax is broken')", "import a_module_that_is_not_there", "1 +"])
def test_a_broken_ax_fails_no_application_and_a_sweep_with_one_sentence(tmp_path: Path, broken: str) -> None:
    (tmp_path / "ax").mkdir()
    (tmp_path / "ax/__init__.py").write_text(broken)
    (tmp_path / "app.py").write_text(APP)
    path = os.pathsep.join([str(tmp_path), *_python_path()])
    plain = _run(["app.py"], tmp_path, PYTHONPATH=path)
    assert plain.stdout == "trained\n"
    sweep = _run(["app.py", "-m", "hydra/sweeper=ax_moo", "+x=interval(0,1)"], tmp_path, code=2, PYTHONPATH=path)
    assert "trained" not in sweep.stdout
    assert "Traceback" not in sweep.stderr
    (sentence,) = [line for line in sweep.stderr.splitlines() if "Ax" in line]
    assert sentence.startswith("hydra/sweeper=ax_moo: ")


def test_every_import_is_of_a_declared_dependency_of_the_right_extra() -> None:
    distributions = packages_distributions()
    undeclared = []
    for path in (path for source in SOURCES for path in source.rglob("*.py")):
        allowed = _allowed(path)
        for module in _imported(path) - set(sys.stdlib_module_names) - set(OURS):
            if not {canonicalize_name(name) for name in distributions.get(module, [module])} & allowed:
                undeclared.append(f"{path.relative_to(ROOT)}: {module}")
    assert undeclared == []


def test_every_declared_dependency_is_pinned_to_a_version_that_it_allows() -> None:
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pins[canonicalize_name(name)] = version
    declared = sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"])
    requirements = [one for one in map(Requirement, declared) if one.name != PROJECT["name"]]
    assert len(requirements) > 20
    wrong = [str(one) for one in requirements if pins.get(canonicalize_name(one.name), "") not in one.specifier]
    assert wrong == []
    assert pins["torch"] == "2.13.0"


def test_files_that_run_under_one_version_of_hydra_use_nothing_of_it() -> None:
    tests = ROOT / "tests"
    marked = [path for path in tests.glob("test_*.py") if "hydra_free" in _marks(path)]
    assert len(marked) > 5
    using = {path.name for path in marked if _with_local_modules(path) & {"hydra", "omegaconf", "hydra_plugins"}}
    assert using == set()


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _run(arguments: list[str], folder: Path, code: int = 0, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "ignore", *arguments]
    environ = {**os.environ, **environment}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def _python_path() -> list[str]:
    return [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]


def _options(listed: str, group: str) -> set[str]:
    found = re.search(rf"^{group}: (.*)$", listed, re.MULTILINE)
    assert found, listed
    return set(found[1].split(", "))


def _allowed(path: Path) -> set[str]:
    """The distributions that a module may import."""
    if path.parent.name == "testing":
        return {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]} | {"pytest"}
    extras = []
    if "nas" in path.parts or path.name == "lightning.py":
        extras.append("nas")
    if path.name.startswith("wandb_") or path.parent.name == "wandb":
        extras.append("wandb")
    texts = PROJECT["dependencies"] + [text for extra in extras for text in PROJECT["optional-dependencies"][extra]]
    return {canonicalize_name(Requirement(text).name) for text in texts}


def _imported(path: Path) -> set[str]:
    """The top-level modules that are imported anywhere in a file, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.split(".")[0] for name in names}


def _with_local_modules(path: Path) -> set[str]:
    """What a test file and the files beside it that it imports import."""
    found: set[str] = set()
    waiting = [path]
    while waiting:
        new = _imported(waiting.pop()) - found
        found |= new
        waiting += [local for name in new if (local := path.parent / f"{name}.py").exists()]
    return found


def _marks(path: Path) -> set[str]:
    """The names in a file's ``pytestmark``."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            return {part.attr for part in ast.walk(node.value) if isinstance(part, ast.Attribute)}
    return set()

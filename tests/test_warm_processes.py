"""A fork of a process that has done the imports is what a process that begins cold would be."""

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ax_moo_launchers.warm import origin
from ax_moo_launchers.warm.modules import Modules, installed

TESTS = Path(__file__).parent
ENVIRON = {**os.environ, "PYTHONPATH": str(TESTS), "OWN": "of the parent"}
LIBRARIES = ("numpy", "numpy.random", "logging.config", "multiprocessing.util", "hydra.main", "submitit")


class Parent:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.about = json.loads(self._read())

    def run(self, module: str, arguments: Sequence[str], out: Path, environ: Mapping[str, str] = ENVIRON) -> int | str:
        """The exit code of a fork, or why there is none."""
        request = {"module": module, "arguments": arguments, "environ": environ, "out": str(out)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: int | str = json.loads(self._read())
        return answer

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def parent(
    *names: str, after: Sequence[str] = (), environ: Mapping[str, str] = ENVIRON, **more: Any
) -> Iterator[Parent]:
    wish = json.dumps({"modules": {"before": names, "after": after}, **more}).ljust(8192)
    command = [sys.executable, "-P", "-u", "-m", "warm_parent", wish]
    process = subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        yield Parent(process)
        assert process.stdin is not None
        process.stdin.close()


def cold(module: str, arguments: Sequence[str], out: Path, environ: Mapping[str, str] = ENVIRON) -> int:
    command = [sys.executable, "-P", "-u", "-m", module, *arguments]
    with open(out, "ab") as output:
        return subprocess.call(command, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output)


@pytest.fixture(scope="module")
def of_libraries() -> Iterator[Parent]:
    with parent(*LIBRARIES) as made:
        yield made


def module_in(folder: Path, text: str, name: str = "trial") -> dict[str, str]:
    """A module of this text, and an environment in which it can be imported."""
    (folder / f"{name}.py").write_text(text)
    return {**ENVIRON, "PYTHONPATH": os.pathsep.join([str(folder), str(TESTS)])}


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        ([], {}),
        (["a b", "", "ü=1"], {}),
        ([], {"OMP_NUM_THREADS": "1", "LOCAL_RANK": "1"}),
        (["x"], {"CUDA_VISIBLE_DEVICES": "1", "EMPTY": "", "LINES": "a\nb"}),
    ],
)
def test_a_warm_process_finds_what_a_cold_one_finds(
    arguments: list[str], more: dict[str, str], tmp_path: Path, of_libraries: Parent
) -> None:
    environ = {**ENVIRON, **more}
    found = {}
    for name, run in (("cold", cold), ("warm", of_libraries.run)):
        out = tmp_path / "out"
        assert run("process_state", arguments, out, environ) == 0, out.read_text()
        found[name] = json.loads(out.read_text())
        out.unlink()
    assert found["warm"]["warnings"] >= found["cold"]["warnings"]  # those of what only the parent has imported
    del found["warm"]["warnings"], found["cold"]["warnings"]
    assert found["warm"] == found["cold"]


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("sys.exit('a sentence')", 1),
        ("raise ValueError('wrong')", 1),
        ("raise KeyboardInterrupt", -2),
        ("os.kill(os.getpid(), 15)", -15),
        ("threading.Thread(target=lambda: (time.sleep(0.1), print('later'))).start()", 0),
        ("atexit.register(print, 'at the end'); left = open('left', 'w'); left.write('buffered')", 0),
        ("import bz2; left = bz2.open('left', 'wt'); left.write('buffered')", 0),
        ("import ctypes; ctypes.CDLL(None).printf(b'from C')", 0),
        ("sys.stdin.close(); sys.stdout.close(); sys.stderr.close(); sys.exit(5)", 5),
        ("os.close(0); os.close(1); os.close(2)", 0),
        ("class Proxy:\n    __class__ = property(lambda self: 1 / 0)\nproxy = [Proxy()]", 0),
    ],
)
def test_a_warm_process_ends_as_a_cold_one_does(ends: str, code: int, tmp_path: Path, of_libraries: Parent) -> None:
    environ = module_in(tmp_path, f"import atexit, os, sys, threading, time\nos.chdir({str(tmp_path)!r})\n{ends}\n")
    words = []
    for name, run in (("cold", cold), ("warm", of_libraries.run)):
        out = tmp_path / name
        # The parent searches where it searched at its start.
        program = "trial" if name == "cold" else "run_file"
        assert run(program, [] if name == "cold" else [str(tmp_path / "trial.py")], out, environ) == code
        words.append(out.read_text().splitlines()[-1:])
        if (tmp_path / "left").exists():
            words[-1].append(str((tmp_path / "left").read_bytes()))
            (tmp_path / "left").unlink()
    assert words[0] == words[1]


def test_what_python_and_numpy_draw_differs_from_fork_to_fork(tmp_path: Path, of_libraries: Parent) -> None:
    (tmp_path / "draw.py").write_text("import random, numpy\nprint(random.random(), numpy.random.random())\n")
    out = tmp_path / "out"
    for _ in range(2):
        assert of_libraries.run("run_file", [str(tmp_path / "draw.py")], out) == 0
    drawn = out.read_text().split()
    assert len(set(drawn)) == 4


def test_what_torch_draws_differs_from_fork_to_fork(tmp_path: Path) -> None:
    (tmp_path / "draw.py").write_text("import torch\nprint(torch.initial_seed(), float(torch.rand(())))\n")
    out, environ = tmp_path / "out", {name: value for name, value in ENVIRON.items() if name != "OWN"}
    with parent("torch", environ=environ) as of_torch:
        assert not of_torch.about["left_out"]
        for _ in range(2):
            assert of_torch.run("run_file", [str(tmp_path / "draw.py")], out) == 0
    assert len(set(out.read_text().split())) == 4


POISON = {
    "a thread": ("import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()", "thread"),
    "a process": ("import subprocess\nkept = subprocess.Popen(['sleep', '5'])", "process"),
    "an open file": ("kept = open(__file__)", "opens"),
    "a temporary folder": ("import tempfile\nkept = tempfile.mkdtemp()", "temporary"),
    "a variable of the job": ("import os\nos.environ.get('OWN')", "reads OWN"),
    "a lock of processes": ("import multiprocessing\nkept = multiprocessing.Lock()", "shares"),
    "an end": ("raise SystemExit(3)", "SystemExit"),
    "a panic": ("class Panic(BaseException): pass\nraise Panic('in Rust')", "Panic"),
    "a failure": ("raise ValueError('only in a parent')", "only in a parent"),
}


@pytest.mark.parametrize("what", POISON)
def test_a_module_that_leaves_something_is_left_out_and_the_others_are_not(what: str, tmp_path: Path) -> None:
    text, words = POISON[what]
    environ = module_in(tmp_path, text, "odd")
    for name, more in {"uses_odd": "import odd", "harmless": "import json", "package/__init__": "import odd"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        module_in(tmp_path, more, name)
    module_in(tmp_path, "", "package/inside")
    names = ("uses_odd", "odd", "package", "package.inside", "harmless")
    with parent(*names, environ=environ) as made:
        assert words in made.about["left_out"]["odd"]
        assert set(made.about["left_out"]) == {"uses_odd", "odd", "package"}
        out = tmp_path / "out"
        (tmp_path / "show.py").write_text("import sys\nprint([n for n in sys.argv[1:] if n in sys.modules])\n")
        assert made.run("run_file", [str(tmp_path / "show.py"), *names], out) == 0
        assert out.read_text() == "['harmless']\n"


@pytest.mark.parametrize("what", ["a thread", "an open file", "a temporary folder", "a variable of the job"])
def test_what_a_module_imports_after_it_has_left_something_is_not_left_out(what: str, tmp_path: Path) -> None:
    environ = module_in(tmp_path, f"{POISON[what][0]}\nimport harmless", "odd")
    module_in(tmp_path, "", "harmless")
    with parent("odd", "harmless", environ=environ) as made:
        assert list(made.about["left_out"]) == ["odd"]


def test_a_thread_that_stays_is_not_taken_for_one_of_a_module_whose_threads_end_at_forks(tmp_path: Path) -> None:
    environ = module_in(tmp_path, POISON["a thread"][0], "odd")
    with parent("odd", "numpy.linalg", environ={**environ, "OPENBLAS_NUM_THREADS": "2"}) as made:
        assert list(made.about["left_out"]) == ["odd"]


def test_a_temporary_folder_that_a_module_keeps_is_each_forks_own(tmp_path: Path) -> None:
    environ = module_in(tmp_path, "import tempfile\nkept = tempfile.TemporaryDirectory(prefix='ours-')", "keeps")
    with parent("keeps", environ=environ) as made:
        assert made.about["left_out"] == {}
        (tmp_path / "show.py").write_text("import os, keeps\nprint(os.path.isdir(keeps.kept.name), keeps.kept.name)\n")
        out = tmp_path / "out"
        for _ in range(2):
            assert made.run("run_file", [str(tmp_path / "show.py")], out) == 0
    lines = [line.split() for line in out.read_text().splitlines() if line.startswith("True")]
    assert len({path for _, path in lines}) == 2
    assert not any(Path(path).exists() for _, path in lines)


def run_text(made: Parent, folder: Path, text: str) -> str:
    (folder / "show.py").write_text(text)
    assert made.run("run_file", [str(folder / "show.py")], folder / "out") == 0, (folder / "out").read_text()
    return (folder / "out").read_text()


def test_a_module_that_ignores_the_ends_of_children_does_so_for_trials_alone(tmp_path: Path) -> None:
    environ = module_in(tmp_path, "import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)", "ignores")
    (tmp_path / "own.py").write_text("import signal\nprint(int(signal.getsignal(signal.SIGCHLD)))\nraise SystemExit(3)")
    with parent("ignores", environ=environ) as made:
        for _ in range(2):
            assert made.run("run_file", [str(tmp_path / "own.py")], tmp_path / "out", environ) == 3
    assert (tmp_path / "out").read_text().split() == ["1", "1"]


def test_a_fork_has_begun_when_it_was_made(tmp_path: Path, of_libraries: Parent) -> None:
    before = time.time()
    text = (
        "import logging, os, threading\nrecord = logging.makeLogRecord({})\n"
        "print(record.created - record.relativeCreated / 1000, threading.main_thread().native_id == os.getpid())"
    )
    begun, has_own_number = run_text(of_libraries, tmp_path, text).split()
    assert float(begun) > before - 0.1
    assert has_own_number == "True"


def test_the_command_line_of_a_fork_has_no_more_words_than_its_own(tmp_path: Path, of_libraries: Parent) -> None:
    text = "import psutil, sys\nprint(psutil.Process().cmdline() == sys.orig_argv)"
    assert run_text(of_libraries, tmp_path, text) == "True\n"


def test_a_device_that_a_module_keeps_open_stays_open(tmp_path: Path) -> None:
    environ = module_in(tmp_path, "import os\nkept = open(os.devnull, 'w')", "keeps")
    with parent("keeps", environ=environ) as made:
        text = "import keeps\nown = open(__file__)\nkeeps.kept.write('lost')\nkeeps.kept.flush()\n"
        assert run_text(made, tmp_path, f"{text}print(own.fileno() != keeps.kept.fileno())") == "True\n"


def test_what_a_task_function_imports_finds_a_log_that_is_set_up(tmp_path: Path) -> None:
    environ = module_in(tmp_path, "import logging\nis_set_up = logging.root.hasHandlers()", "asks")
    with parent(after=("asks",), environ=environ) as made:
        text = "import asks, logging\nprint(asks.is_set_up, logging.root.handlers)"
        assert run_text(made, tmp_path, text) == "True []\n"


def test_what_was_imported_after_env_set_is_so_in_the_list_of_a_warm_trial_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, own = Modules(before=("json",), after=("csv",)), ("wave", "colorsys")
    for name in own:
        importlib.import_module(name)
    monkeypatch.setattr(origin._Origin, "modules", known)
    monkeypatch.setattr(origin._Origin, "imported", frozenset(sys.modules).difference(own))
    origin.remember(tmp_path / "list.json", tuple(name for name in sys.modules if name != "colorsys"), {}, os.environ)
    assert Modules.read(tmp_path / "list.json") == Modules(before=("json", "wave"), after=("csv", "colorsys"))


def _fails(name: str) -> object:
    raise RuntimeError(name)


@pytest.mark.parametrize("answer", [_fails, lambda name: []])
def test_a_completed_trial_does_not_fail_for_the_list_of_its_modules(
    answer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lazy = type("Lazy", (), {"__getattr__": lambda self, name: answer(name)})()
    monkeypatch.setitem(sys.modules, "lazy_one", lazy)
    origin.remember(tmp_path / "list.json", (), {}, {})
    found = Modules.read(tmp_path / "list.json")
    assert found is not None
    assert "json" in found.after
    assert "lazy_one" not in found.after


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"before": 1}', "[" * 100_000, "\x00"])
def test_a_list_that_cannot_be_read_is_none_and_is_written_again(content: str, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(content)
    assert Modules.read(path) is None
    origin.remember(path, (), {}, {})
    assert Modules.read(path) is not None


def test_packages_that_a_cluster_adds_to_the_search_path_are_installed_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("lib/site-packages", "mine"):
        (tmp_path / folder).mkdir(parents=True)
        monkeypatch.syspath_prepend(tmp_path / folder)
    for folder, name in (("lib/site-packages", "of_the_cluster"), ("mine", "own_one")):
        module_in(tmp_path / folder, "", name)
        importlib.import_module(name)
    assert installed(["of_the_cluster", "own_one"]) == ("of_the_cluster",)


def test_what_a_trials_own_code_has_set_is_there_for_imports_and_not_for_the_next_trial(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import os, library\nprint(library.os.environ.setdefault('HF_OWN', str(os.getpid())) == str(os.getpid()))\n"
        "print(os.environ['HF_THEIRS'], os.environ.get('HF_READ'), library.read)"
    )
    environ = module_in(
        tmp_path,
        "import os\nos.environ.setdefault('HF_THEIRS', 'theirs')\nread = os.environ.get('HF_READ')",
        "library",
    )
    changed = {"HF_OWN": "of the first trial", "HF_THEIRS": "theirs", "HF_READ": "3"}
    of_trial = {"before": (), "after": ("library",), "changed": changed}
    with parent(environ=environ, modules=of_trial) as made:
        for _ in range(2):
            assert made.run("run_file", [str(tmp_path / "own.py")], tmp_path / "out", environ) == 0
    assert (tmp_path / "out").read_text().splitlines() == ["True", "theirs None 3"] * 2


def test_an_edit_of_a_module_that_was_named_is_noticed(tmp_path: Path) -> None:
    environ = module_in(tmp_path, "value = 1", "own_module")
    with parent(environ=environ, more=("own_module", "not_there")) as made:
        assert made.about["missing"] == ["not_there"]
        assert made.run("this", [], tmp_path / "out") == 0
        module_in(tmp_path, "value = 22", "own_module")
        assert made.run("this", [], tmp_path / "out") == f"{tmp_path / 'own_module.py'} has changed"


@pytest.mark.parametrize("answer", [3, 0])
def test_a_driver_of_cuda_that_was_initialized_is_noticed(answer: int, tmp_path: Path) -> None:
    (tmp_path / "cuda.c").write_text(f"int cuDeviceGetCount(int *count) {{ *count = 1; return {answer}; }}\n")
    library = tmp_path / "libcuda.so.1"
    subprocess.run(["cc", "-shared", "-o", str(library), str(tmp_path / "cuda.c")], check=True)
    environ = module_in(tmp_path, f"import ctypes\nctypes.CDLL({str(library)!r})", "uses_cuda")
    with parent("uses_cuda", environ=environ) as made:
        found = made.run("this", [], tmp_path / "out")
    assert found == 0 if answer == 3 else f"CUDA ({library})" in str(found)

"""The private names of other libraries that we use: one module of ours for each library, each name where we expect it,
and an upper bound on the library, since any release may take them away."""

import ast
import inspect
import sys
import tomllib
import warnings
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "src", ROOT / "launchers")
OURS = ("ax_moo", "ax_moo_launchers", "nas")


class Uses(NamedTuple):
    module: str
    """The only one of ours that may use them."""
    names: set[str]
    """``module:name`` or ``module:Class.name``"""


USES = {
    "ax-platform": Uses(
        "ax_moo.optimizer.bayes.ax_internals",
        {
            "ax.api.client:Client._experiment",
            "ax.api.client:Client._generation_strategy",
            "ax.core.generator_run:GeneratorRun._generation_node_name",
        },
    ),
    "botorch": Uses(
        "ax_moo.optimizer.bayes.lean_acquisition", {"botorch.acquisition.multi_objective.logei:_load_attempted"}
    ),
    "hydra-core": Uses(
        "ax_moo.system.hydra_internals",
        {
            "hydra.core.utils:JobReturn._return_value",
            "hydra.core.override_parser.types:Override._convert_value",
            "hydra.core.override_parser.types:Override._get_value_element_as_str",
            "hydra._internal.utils:get_args_parser",
            "hydra._internal.utils:create_config_search_path",
            "hydra._internal.callbacks:Callbacks",
            "hydra._internal.config_loader_impl:ConfigLoaderImpl",
            "hydra._internal.hydra:Hydra",
        },
    ),
    "submitit": Uses(
        "ax_moo_launchers.submitit_internals",
        {
            "submitit.core.utils:JobPaths._format_id",
            "submitit.slurm.slurm:SlurmExecutor._convert_parameters",
            "submitit.slurm.slurm:SlurmJobEnvironment._requeue",
            "submitit.slurm.slurm:SlurmExecutor._make_submission_file_text",
            "submitit.slurm.slurm:SlurmExecutor._get_job_id_from_submission_command",
        },
    ),
    "wandb": Uses(
        "ax_moo.wandb.wandb_sweep", {"wandb.apis.public.sweeps:_upsert_sweep", "wandb.apis.public.sweeps:Sweep._attrs"}
    ),
}
REPLACED = {
    "ax_moo.optimizer.bayes.lean_acquisition": {
        "botorch.acquisition.multi_objective.logei:qLogNoisyExpectedHypervolumeImprovement._compute_log_qehvi"
    },
}
"""Private methods of these libraries for which a class of ours, by its module, has another with the same meaning."""

UNDOCUMENTED = {
    "ax.adapter.transforms.one_hot:OH_PARAM_INFIX",
    "ax.analysis.utils:extract_relevant_adapter",
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher:LocalLauncher",
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher:SlurmLauncher",
    "submitit.core.submission:process_job",
    "submitit.core.utils:pickle_load",
    "submitit.core.utils:JobPaths.get_first_id_independent_folder",
    "submitit.slurm.slurm:read_job_id",
    "wandb.proto.wandb_internal_pb2:Record",
}
"""Names of these libraries without an underscore, which their manuals nevertheless say nothing of."""


@pytest.mark.parametrize("library", USES)
def test_every_private_name_exists_in_what_is_installed(library: str) -> None:
    assert [name for name in USES[library].names if not _exists(name)] == []


def test_every_replaced_method_exists_in_what_is_installed() -> None:
    assert [name for names in REPLACED.values() for name in names if not _exists(name)] == []


def test_every_undocumented_name_exists_in_what_is_installed() -> None:
    assert [name for name in UNDOCUMENTED if not _exists(name)] == []


def test_one_module_for_each_library_uses_its_private_names() -> None:
    expected = {module: {_last(name) for name in names} for module, names in USES.values()}
    used = defaultdict(set)
    for path in _files():
        for name in _private_names(path):
            used[_module(path)].add(name)
    assert used == expected


def test_no_class_of_ours_gives_another_meaning_to_a_private_name_of_its_base() -> None:
    derived = [(path, node, base) for path in _files() for node, base in _derived(path)]
    assert len({base for _, _, base in derived}) > 5
    replaced = {module: {_last(name) for name in names} for module, names in REPLACED.items()}
    clashes = [
        f"{path.name}: {node.name}.{name} is also {base}'s"
        for path, node, base in derived
        for name in _defined(node) - replaced.get(_module(path), set())
        if _is_private(name) and _has(_found(base), name)
    ]
    assert clashes == []


@pytest.mark.parametrize("library", USES)
def test_a_library_whose_private_names_we_use_has_an_upper_bound(library: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = sum(project["optional-dependencies"].values(), project["dependencies"])
    (bounds,) = [one.specifier for one in map(Requirement, texts) if one.name == library]
    assert "<" in {bound.operator for bound in bounds}


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("client._experiment", {"_experiment"}),
        ("given.other._experiment.trials", {"_experiment"}),
        ("from hydra._internal.utils import get_args_parser", {"get_args_parser"}),
        ("from wandb.apis import _upsert", {"_upsert"}),
        ("import hydra._internal", {"_internal"}),
        ("getattr(launcher, '_EXECUTOR', None)", {"_EXECUTOR"}),
        ("self._submit_command(1)", {"_submit_command"}),
        ("super()._submit_command(1)", {"_submit_command"}),
        ("os._exit(1)", set()),
        ("self._mine = 1; self._mine", set()),
        ("def _mine(): pass\n_mine()", set()),
        ("from ax_moo.jobs import _x", set()),
        ("client.__class__", set()),
    ],
)
def test_a_private_name_is_found_however_it_is_used(tmp_path: Path, line: str, names: set[str]) -> None:
    (tmp_path / "one.py").write_text(line)
    assert set(_private_names(tmp_path / "one.py")) == names


def _files() -> list[Path]:
    return [path for source in SOURCES for path in source.rglob("*.py")]


def _module(path: Path) -> str:
    (source,) = [source for source in SOURCES if source in path.parents]
    return ".".join(path.relative_to(source).with_suffix("").parts)


def _last(name: str) -> str:
    return name.partition(":")[2].rpartition(".")[2]


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def _private_names(path: Path) -> Iterator[str]:
    """The private names in a file that it does not define itself, but for those of Python and of our own modules."""
    tree = ast.parse(path.read_text())
    own = _defined(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name)) if name in sys.stdlib_module_names:
                continue
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if name in _defined_anywhere():
                continue
            case ast.Attribute(attr=name) if _is_private(name) and name not in own:
                yield name
            case ast.Call(func=ast.Name(id="getattr" | "setattr" | "hasattr"), args=[_, ast.Constant(value=name), *_]):
                if _is_private(str(name)) and name not in own:
                    yield str(name)
            case ast.ImportFrom(module=str(module), level=0) if not _is_ours(module):
                inside = any(map(_is_private, module.split(".")))
                yield from (alias.name for alias in node.names if inside or _is_private(alias.name))
            case ast.Import():
                parts = [alias.name.split(".") for alias in node.names if not _is_ours(alias.name)]
                yield from (part for each in parts for part in each if _is_private(part))


def _is_ours(module: str) -> bool:
    top, _, rest = module.partition(".")
    plugins = ("ax_moo_sweeper", "async_submitit_launcher")
    return top in OURS or (top == "hydra_plugins" and (not rest or rest.startswith(plugins)))


def _defined(tree: ast.AST) -> set[str]:
    """What a file or class defines: functions, classes, variables and attributes of ``self``; stores elsewhere are not
    definitions, since ``module._name = value`` gives a foreign name another value."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                names.add(name)
    return names


@cache
def _defined_anywhere() -> set[str]:
    """What an object of ours may have from a base class in another file."""
    return set().union(*(_defined(ast.parse(path.read_text())) for path in _files()))


def _derived(path: Path) -> Iterator[tuple[ast.ClassDef, str]]:
    """The classes of a file that have a base of another library, with that base as ``module:name``."""
    tree = ast.parse(path.read_text())
    places = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    for node in ast.walk(tree):
        for base in node.bases if isinstance(node, ast.ClassDef) else []:
            first, _, rest = ast.unparse(base).partition(".")
            module, name = places.get(first, ("ax_moo", ""))
            if not _is_ours(module) and module.split(".")[0] not in sys.stdlib_module_names:
                yield node, f"{module}.{name}:{rest}" if rest else f"{module}:{name}"


def _found(place: str) -> Any:
    """A module, or the class in it."""
    module, _, kind = place.partition(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ax imports modules that it has moved
        found = import_module(module)
    return getattr(found, kind) if kind else found


def _exists(name: str) -> bool:
    place, _, last = name.rpartition("." if "." in name.partition(":")[2] else ":")
    return _has(_found(place), last)


def _has(place: Any, name: str) -> bool:
    """Whether a module, a class, or the objects of the class have the name."""
    return hasattr(place, name) or (inspect.isclass(place) and name in _of_instances(place))


@cache
def _of_instances(kind: type) -> set[str]:
    """The fields of a class, and what its methods store in ``self``."""
    found = set()
    for each in kind.__mro__:
        found |= set(getattr(each, "__annotations__", {}))
        if each.__module__ not in sys.stdlib_module_names:
            found |= _stored(inspect.getmodule(each), each.__name__)
    return found


def _stored(module: Any, kind: str) -> set[str]:
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError):
        return set()
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == kind]
    return set().union(*map(_defined_in_self, nodes))


def _defined_in_self(node: ast.ClassDef) -> set[str]:
    attributes = [each for each in ast.walk(node) if isinstance(each, ast.Attribute)]
    return {each.attr for each in attributes if isinstance(each.ctx, ast.Store) and ast.unparse(each.value) == "self"}

"""Options of a config group whose names look like numbers are chosen by their names, as texts."""

from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins

from ax_moo.search_space.space import Choice, Fixed, SearchSpace
from ax_moo.session.group_options import initial_with_option_names, with_option_names


@pytest.fixture
def loader(tmp_path: Path) -> Any:
    for option in ("0", "1", "01", "1e-3", "true", "mlp"):
        (tmp_path / "fold").mkdir(exist_ok=True)
        (tmp_path / f"fold/{option}.yaml").write_text(f"name: '{option}'\n")
    (tmp_path / "config.yaml").write_text("defaults:\n  - fold: '0'\n  - _self_\n\nk: 0\n")
    Plugins.instance()
    version_base = {} if hydra.__version__ >= "1.4" else {"version_base": None}  # deprecated in 1.4, asked for in 1.3
    with initialize_config_dir(str(tmp_path), **version_base):
        yield GlobalHydra.instance().config_loader()


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("fold=0,1", ("0", "1")),
        ("fold=choice(0, 01)", ("0", "01")),
        ("fold=choice('01', 1)", ("01", "1")),
        ("fold=choice(0.001, true, mlp)", ("1e-3", "true", "mlp")),
        ("fold=choice(0, 7)", ("0", 7)),
    ],
)
def test_a_number_that_can_only_mean_an_option_is_its_name(
    loader: Any, argument: str, options: tuple[Any, ...]
) -> None:
    (fold,) = with_option_names(SearchSpace.from_config({}, [argument]), loader).parameters
    assert fold == Choice("fold", options, is_ordered=False)


def test_every_trial_chooses_the_option_by_its_name(loader: Any) -> None:
    space = with_option_names(
        SearchSpace.from_config({"fold": "choice(0, 01, 0.001)", "k": "choice(0, 1)"}, []), loader
    )
    for option in ("0", "01", "1e-3"):
        overrides = space.to_overrides({"fold": option, "k": 1})
        assert compose("config", list(overrides)).fold.name == option
    assert space.parameters[1] == Choice("k", (0, 1), is_ordered=True)


def test_fixed_options_and_initial_points_too(loader: Any) -> None:
    space = SearchSpace.from_config({"fold": 1, "k": "choice(0, 1)"}, [])
    assert with_option_names(space, loader).parameters[0] == Fixed("fold", "1")
    assert initial_with_option_names([{"fold": 0, "k": 0}], loader) == [{"fold": "0", "k": 0}]
    assert initial_with_option_names("x", loader) == "x"

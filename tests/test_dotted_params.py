"""Keys of ``params`` that the command line gives with their dots."""

from typing import Any

import pytest

from ax_moo.session.dotted_params import with_dotted_keys

pytestmark = pytest.mark.one_hydra

KEY = "hydra.sweeper.params"


@pytest.mark.parametrize(
    ("params", "overrides", "expected"),
    [
        ({"model": {"lr": "a"}}, [f"{KEY}.model.lr=a"], {"model.lr": "a"}),
        ({"model": {"lr": "a"}}, [f"++{KEY}.model.lr=a"], {"model.lr": "a"}),
        ({"model.lr": "old", "model": {"lr": "a"}}, [f"{KEY}.model.lr=a"], {"model.lr": "a"}),
        ({"m": {"n": {"o": 1, "p": 2}}}, [f"{KEY}.m.n.o=1", f"{KEY}.m.n.p=2"], {"m.n.o": 1, "m.n.p": 2}),
        ({"lr": {"bounds": [0, 1]}}, [f"{KEY}.lr.bounds=[0,1]"], {"lr": {"bounds": [0, 1]}}),
        (
            {"m.lr": {"bounds": [0, 1], "log_scale": True}, "m": {"lr": {"bounds": [1, 2]}}},
            [f"{KEY}.m.lr.bounds=[1,2]"],
            {"m.lr": {"bounds": [1, 2], "log_scale": True}},
        ),
        ({"model": {"lr": "a"}}, ["hydra.sweeper.n_trials=3", f"{KEY}={{model: {{lr: a}}}}"], {"model": {"lr": "a"}}),
        ({"model": {"lr": "a", "w": "b"}}, [f"{KEY}.model.lr=a"], {"model": {"w": "b"}, "model.lr": "a"}),
        (5, [f"{KEY}.model.lr=a"], 5),
        ({"model.lr": "a"}, [f"{KEY}.model.lr=a"], {"model.lr": "a"}),
    ],
)
def test_a_key_of_the_command_line_is_one_key(params: Any, overrides: list[str], expected: Any) -> None:
    assert with_dotted_keys(params, overrides) == expected

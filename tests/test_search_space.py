"""Hydra's sweep syntax becomes parameters, and their values become overrides that Hydra reads back unchanged."""

import itertools
import json
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from ax_moo.search_space.space import Choice, Fixed, Range, SearchSpace
from ax_moo.system.errors import ConfigError

OTHER = "other=choice(left, right)"


class ConfigGroups:
    """The one method of Hydra's config loader that a glob asks."""

    def get_group_options(self, group: str, results_filter: Any = None) -> list[str]:
        return {"model": ["cnn", "mlp", "mlp_deep"]}.get(group, [])


def read(sweep: str) -> Any:
    """The parameter that a sweep on the command line becomes."""
    return SearchSpace.from_config({}, [OTHER, f"x={sweep}"]).parameters[1]


def read_mapping(**entry: Any) -> Any:
    return SearchSpace.from_config({"x": entry}, [OTHER]).parameters[0]


@pytest.mark.parametrize(
    ("sweep", "parameter"),
    [
        ("interval(0, 1)", Range("x", 0.0, 1.0, "float")),
        ("interval(start=-1, end=1)", Range("x", -1.0, 1.0, "float")),
        ("int(interval(16, 128))", Range("x", 16, 128, "int")),
        ("float(int(interval(16, 128)))", Range("x", 16.0, 128.0, "float")),
        ("tag(log, interval(1e-4, 1e-1))", Range("x", 1e-4, 1e-1, "float", log_scale=True)),
        ("tag(log, sweep=interval(1, 2))", Range("x", 1.0, 2.0, "float", log_scale=True)),
        ("int(tag(log, interval(16, 128)))", Range("x", 16, 128, "int", log_scale=True)),
        ("tag(log, int(interval(16, 128)))", Range("x", 16, 128, "int", log_scale=True)),
        ("range(9)", Range("x", 0, 8, "int")),
        ("range(1, 9)", Range("x", 1, 8, "int")),
        ("range(1, 9, 2)", Range("x", 1, 7, "int", step=2)),
        ("range(10, 0, -2)", Range("x", 2, 10, "int", step=2)),
        ("range(0, 1, 0.1)", Range("x", 0.0, 0.9, "float", step=0.1)),
        ("range(1, 0, -0.25)", Range("x", 0.25, 1.0, "float", step=0.25)),
        ("float(range(1, 4))", Range("x", 1.0, 3.0, "float", step=1.0)),
        ("int(range(1.0, 4.0))", Range("x", 1, 3, "int")),
        ("tag(log, range(1, 9))", Range("x", 1, 8, "int", log_scale=True)),
        ("int(tag(log, range(1, 9)))", Range("x", 1, 8, "int", log_scale=True)),
        ("sort(range(1, 8, 3), reverse=true)", Range("x", 1, 7, "int", step=3)),
        ("shuffle(range(1, 8, 3))", Range("x", 1, 7, "int", step=3)),
        ("range(3, 4)", Fixed("x", 3)),
        ("interval(2, 2)", Fixed("x", 2.0)),
        ("int(interval(2, 2))", Fixed("x", 2)),
    ],
)
def test_ranges_and_intervals_become_ranges(sweep: str, parameter: Range | Fixed) -> None:
    assert repr(read(sweep)) == repr(parameter)


@pytest.mark.parametrize(
    ("sweep", "parameter"),
    [
        ("a,b,c", Choice("x", ("a", "b", "c"), is_ordered=False)),
        ("choice(32, 64)", Choice("x", (32, 64), is_ordered=True)),
        ("choice(1, 0.5)", Choice("x", (1, 0.5), is_ordered=True)),
        ("choice(true, false)", Choice("x", (True, False), is_ordered=False)),
        ("choice(1, true)", Choice("x", (1, True), is_ordered=False)),
        ("null,1", Choice("x", (None, 1), is_ordered=False)),
        ("choice(null, 1)", Choice("x", (None, 1), is_ordered=False)),
        ("choice('a,b', \"it's\")", Choice("x", ("a,b", "it's"), is_ordered=False)),
        ("'1','true',null", Choice("x", ("1", "true", None), is_ordered=False)),
        ("choice([1,2], [3,'4'])", Choice("x", ([1, 2], [3, "4"]), is_ordered=False)),
        ("choice({a:1}, {b:{c:null}})", Choice("x", ({"a": 1}, {"b": {"c": None}}), is_ordered=False)),
        ("${a},b", Choice("x", ("${a}", "b"), is_ordered=False)),
        ("tag(ordered, choice(s, m, l))", Choice("x", ("s", "m", "l"), is_ordered=True)),
        ("int(tag(ordered, choice(1, 2)))", Choice("x", (1, 2), is_ordered=True)),
        ("str(tag(ordered, choice(1, 2)))", Choice("x", ("1", "2"), is_ordered=True)),
        ("tag(ordered, str(choice(1, 2)))", Choice("x", ("1", "2"), is_ordered=True)),
        ("tag(ordered, sort(c, a, b))", Choice("x", ("a", "b", "c"), is_ordered=True)),
        ("str(1, 2)", Choice("x", ("1", "2"), is_ordered=False)),
        ("bool(choice(1, 0))", Choice("x", (True, False), is_ordered=False)),
        ("float(choice(1, 2))", Choice("x", (1.0, 2.0), is_ordered=True)),
        ("shuffle(3, 1, 2)", Choice("x", (3, 1, 2), is_ordered=True)),
        ("choice(5)", Fixed("x", 5)),
    ],
)
def test_choices_keep_their_values_their_types_and_their_tags(sweep: str, parameter: Choice | Fixed) -> None:
    assert repr(read(sweep)) == repr(parameter)


def test_large_whole_numbers_stay_as_they_are_written() -> None:
    most = 2**63 - 1
    for text in (
        f"n=int(interval(1,{most}))",
        f"n=int(tag(log,interval(1,{most})))",
        f"n=tag(log,int(interval(1,{most})))",
    ):
        (parameter,) = SearchSpace.from_config({}, [text]).parameters
        assert isinstance(parameter, Range)
        assert (parameter.lower, parameter.upper) == (1, most)
        assert parameter.accept(most - 1) == most - 1


def test_nested_tags_and_casts_add_up() -> None:
    assert read("tag(ordered, int(tag(log, interval(1, 9))))") == Range("x", 1, 9, "int", log_scale=True)
    assert read("tag(tag(log, interval(1, 9)))").log_scale
    assert read("str(tag(ordered, int(choice(1, 2))))").is_ordered


def test_numbers_in_a_choice_are_ordered_by_size_and_other_values_as_listed() -> None:
    assert read("choice(3, 1, 2)").in_order == (1, 2, 3)
    assert read("tag(ordered, choice(s, m, l))").in_order == ("s", "m", "l")


@pytest.mark.parametrize(
    ("entry", "parameter"),
    [
        ({"type": "range", "bounds": [16, 128]}, Range("x", 16, 128, "int")),
        ({"type": "range", "bounds": [0, 1.5]}, Range("x", 0.0, 1.5, "float")),
        ({"type": "range", "bounds": [1, 9], "value_type": "float"}, Range("x", 1.0, 9.0, "float")),
        ({"type": "range", "bounds": [1.0, 9.0], "value_type": "int"}, Range("x", 1, 9, "int")),
        ({"bounds": [1, 9], "step": 2}, Range("x", 1, 9, "int", step=2)),
        ({"bounds": [0.1, 0.3], "step": 0.1}, Range("x", 0.1, 0.3, "float", step=0.1)),
        ({"bounds": [1, 100], "log_scale": True}, Range("x", 1, 100, "int", log_scale=True)),
        ({"bounds": [2, 2]}, Fixed("x", 2)),
        ({"type": "choice", "values": [None, 1]}, Choice("x", (None, 1), is_ordered=False)),
        ({"values": ["s", "l"], "is_ordered": True}, Choice("x", ("s", "l"), is_ordered=True)),
        ({"values": [1, 2], "is_ordered": False}, Choice("x", (1, 2), is_ordered=False)),
        ({"values": [1, 2], "value_type": "float"}, Choice("x", (1.0, 2.0), is_ordered=True)),
        ({"values": ["1", "${y}"]}, Choice("x", ("1", "${y}"), is_ordered=False)),
        ({"type": "fixed", "value": [1, 2]}, Fixed("x", [1, 2])),
        ({"type": "fixed", "value": "a", "value_type": "str"}, Fixed("x", "a")),
    ],
)
def test_params_may_be_mappings(entry: dict[str, Any], parameter: Any) -> None:
    assert repr(read_mapping(**entry)) == repr(parameter)


def test_params_may_be_sweep_strings_or_plain_values() -> None:
    params = {"a": " int(tag(log, interval(1, 9))) ", "+b": "1,2", "c": 3, "d": "adam", "e": None}
    assert SearchSpace.from_config(params, []).parameters == (
        Range("a", 1, 9, "int", log_scale=True),
        Choice("b", (1, 2), is_ordered=True, prefix="+"),
        Fixed("c", 3),
        Fixed("d", "adam"),
        Fixed("e", None),
    )


def test_params_may_come_as_omegaconf_with_interpolations() -> None:
    config = OmegaConf.create({"low": 2, "params": {"a": {"bounds": ["${low}", 9]}, "b": "choice(1, ${low})"}})
    space = SearchSpace.from_config(config.params, [])
    assert space.parameters == (Range("a", 2, 9, "int"), Choice("b", (1, 2), is_ordered=True))


def test_the_command_line_wins_over_params() -> None:
    params = {"a": "1,2", "+b": "1,2", "c": "1,2", "+d": "1,2", "e": "1,2", "db@pkg": "x,y"}
    space = SearchSpace.from_config(params, ["a=3", "b=4,5", "~c", "~d", "++e=interval(0,1)", "db@pkg=z"])
    assert space.parameters == (
        Choice("b", (4, 5), is_ordered=True),
        Range("e", 0.0, 1.0, "float", prefix="++"),
    )
    assert space.overrides == ("a=3", "~c", "db@pkg=z")


def test_plain_overrides_reach_every_job_word_for_word() -> None:
    plain = ["a=1", "+b='x, y'", "++c={k: [1,2]}", "~d", "~e=3", "model=mlp", "db@pkg=pg", "f=", "g=${a}"]
    space = SearchSpace.from_config({}, ["x=1,2", *plain])
    assert space.to_overrides({"x": 2}) == (*plain, "x=2")


def test_config_groups_and_prefixes_are_kept_in_the_jobs_overrides() -> None:
    space = SearchSpace.from_config({}, ["model=choice(mlp,cnn)", "+db@pkg=a,b", "++opt/lr=1,2"])
    assert space.names == ("model", "db@pkg", "opt/lr")
    point = {"model": "cnn", "db@pkg": "a", "opt/lr": 1}
    assert space.to_overrides(point) == ("model=cnn", "+db@pkg=a", "++opt/lr=1")


def test_a_deletion_and_a_sweep_of_the_same_group_go_together() -> None:
    space = SearchSpace.from_config({}, ["~db", "+db=a,b"])
    assert space.to_overrides({"db": "a"}) == ("~db", "+db=a")


def test_glob_chooses_among_the_options_of_a_config_group() -> None:
    space = SearchSpace.from_config({}, ["+model=glob(mlp*)"], ConfigGroups())
    assert space.parameters == (Choice("model", ("mlp", "mlp_deep"), is_ordered=False, prefix="+"),)


def test_hydra_itself_composes_the_overrides_of_a_job(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: 1\nb: text\nc: {d: 0.5}\ne: null\n")
    entry = {"values": ["1", "a, 'b' = \\ ${c.d}", "null", " é "]}
    space = SearchSpace.from_config({"b": entry, "c.d": "interval(0, 1)", "e": {"values": [None, [1, "x y"]]}}, ["a=2"])
    # Hydra 1.4 warns when it is given a version_base, 1.3 when it is not.
    version = {"version_base": "1.3"} if hydra.__version__.startswith("1.3") else {}
    with initialize_config_dir(str(tmp_path), **version):
        for text, e in itertools.product(entry["values"], [None, [1, "x y"]]):
            point = {"b": text, "c.d": 1e-05, "e": e}
            config = compose("config", list(space.to_overrides(point)))
            assert OmegaConf.to_container(config) == {"a": 2, "b": text, "c": {"d": 1e-05}, "e": e}


NASTY = st.text(alphabet="ab10.'\"\\,=${}[]():~+-/ \t\né中", max_size=12)
TEXT = st.one_of(
    NASTY,
    st.text(max_size=8),
    st.sampled_from(["1", "1e3", "-0", "true", "NULL", "nan", "inf", "", " ", "${a.b}", "\\${a}", "choice(1)", "a b"]),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXT)
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z_ ,=]{0,3}[a-z]", fullmatch=True).filter(
    lambda key: key.lower() not in ("true", "null", "inf", "nan")
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_every_value_comes_back_from_its_override_with_its_type(value: Any) -> None:
    space = SearchSpace((Fixed("x", value, prefix="+"), Range("y", 0, 1, "int")))
    text = space.to_overrides({"x": value, "y": 1})[0]
    override = OverridesParser.create().parse_override(text)
    assert override.get_key_element() == "+x"
    assert repr(override.value()) == repr(value)


@settings(max_examples=50, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=3))
def test_a_search_space_comes_back_from_json_exactly(values: list[Any]) -> None:
    parameters = [Fixed(f"x{index}", value) for index, value in enumerate(values)]
    ranges = (Range("r", 0.1, 1 / 3, "float", prefix="++"), Range("l", 1, 9, "int", log_scale=True))
    space = SearchSpace((*parameters, *ranges, Choice("c", (1, 1.5, "1", None), False)), ("a='b, c'", "~d"))
    back = SearchSpace.from_dict(json.loads(json.dumps(space.to_dict())))
    assert repr(back) == repr(space)
    assert back == space


def test_the_grid_is_hydras_own() -> None:
    sweeps = ["a=range(1,6,2)", "b=choice(3,1,2)", "c=range(0,1,0.3)", "d=x,'1',null", "e=range(2)"]
    space = SearchSpace.from_config({}, sweeps)
    points = list(space.grid())
    assert len(points) == space.grid_size() == 3 * 3 * 4 * 3 * 2
    parsed = OverridesParser.create().parse_overrides(sweeps)
    (hydras,) = BasicSweeper.split_arguments(parsed, None)
    pairs = [dict(text.split("=") for text in job) for job in hydras]
    assert [(p["a"], p["b"], p["e"]) for p in points] == [(int(p["a"]), int(p["b"]), int(p["e"])) for p in pairs]
    assert [p["c"] for p in points] == pytest.approx([float(p["c"]) for p in pairs])
    assert all(space.contains(point) for point in points)


def test_a_grid_needs_a_finite_space() -> None:
    space = SearchSpace.from_config({}, ["a=1,2", "model.lr=interval(0, 1)"])
    with pytest.raises(ConfigError, match=r"model\.lr: a continuous range has no list of values.*step"):
        space.grid_size()
    with pytest.raises(ConfigError, match=r"model\.lr: a continuous range has no list of values.*step"):
        space.grid()


def test_a_huge_grid_is_not_built_in_memory() -> None:
    space = SearchSpace.from_config({}, ["a=range(100000000)", "b=int(interval(0, 1e20))"])
    assert space.grid_size() == 10**8 * (10**20 + 1)
    assert list(itertools.islice(space.grid(), 2)) == [{"a": 0, "b": 0}, {"a": 0, "b": 1}]


SPACE = SearchSpace(
    (
        Range("a", 0.0, 1.0, "float"),
        Range("n", 1, 9, "int"),
        Range("s", 0.0, 0.9, "float", step=0.3),
        Choice("c", (1, 2.5, "1", None), False),
        Fixed("f", "k"),
    )
)


def test_a_point_is_completed_in_the_types_of_its_parameters() -> None:
    point = SPACE.complete({"a": 1, "+n": 2.0, "s": 0.1 + 0.2 + 0.3, "c": 1.0}, "initial[0]")
    assert repr(point) == repr({"a": 1.0, "n": 2, "s": 0.6, "c": 1, "f": "k"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": 1.1}, r"initial\[0\]\.a: must be between 0\.0 and 1\.0, got 1\.1"),
        ({"a": "0.5"}, r"\.a: must be a number, got '0\.5'"),
        ({"a": True}, r"\.a: must be a number, got true"),
        ({"a": float("nan")}, r"\.a: must be a number, got nan"),
        ({"n": 2.5}, r"\.n: must be a whole number, got 2\.5"),
        ({"s": 0.5}, r"\.s: must be .*multiple of 0\.3, got 0\.5"),
        ({"c": True}, r"\.c: must be one of 1, 2\.5, '1', null, got true"),
        ({"c": "2.5"}, r"\.c: must be one of .*, got '2\.5'"),
        ({"f": "z"}, r"\.f: must be 'k', to which the parameter is fixed, got 'z'"),
        ({"aa": 1}, r"\.aa: unknown parameter; did you mean 'a'\? valid: a, n, s, c, f"),
    ],
)
def test_a_point_outside_the_space_is_refused(change: dict[str, Any], message: str) -> None:
    point = {"a": 0.5, "n": 2, "s": 0.3, "c": None, **change}
    with pytest.raises(ConfigError, match=message):
        SPACE.complete(point, "initial[0]")
    assert not SPACE.contains({"f": "k", **point})


def test_an_incomplete_point_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"initial\[1\]: the parameter 'n' is missing"):
        SPACE.complete({"a": 0.5, "s": 0.3, "c": None}, "initial[1]")


def test_contains_wants_every_parameter() -> None:
    point = {"a": 0.5, "n": 2, "s": 0.3, "c": None, "f": "k"}
    assert SPACE.contains(point)
    assert not SPACE.contains({name: value for name, value in point.items() if name != "f"})


def test_a_value_a_hair_beside_its_bound_is_the_bound() -> None:
    space = SearchSpace((Range("x", 1e-4, 0.1, "float", log_scale=True),))
    assert space.to_overrides({"x": 0.10000000000000002}) == ("x=0.1",)


def test_every_point_of_a_grid_survives_its_overrides() -> None:
    space = SearchSpace(SPACE.parameters[1:])
    for point in itertools.islice(space.grid(), 0, None, 7):
        overrides = space.to_overrides(point)
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        assert {each.get_key_element(): each.value() for each in parsed} == point

"""Data of reports as ``ax_moo.html_report`` writes them, made up: sweeps of any size, and of texts that mean harm."""

import itertools
import math
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ax_moo.html_report.views import view

Payload = dict[str, Any]

BEGAN = 1_780_000_000.0
HOSTILE = "<script>alert(1)</script>\"'&amp; \u00fc\u4e2d\u6587\U0001f600\u2028 %{x} $a$\nnext"
GOALS = {"val_acc": False, "num_params": True, "latency_ms": True}
THRESHOLDS = {"val_acc": 0.9, "num_params": 80000.0, "latency_ms": 20.0}


def sweep(n_trials: int = 48, objectives: Sequence[str] = ("val_acc", "num_params"), n_jobs: int = 4) -> Payload:
    """A finished sweep in which trial 5 has failed and trial 9 needed two attempts."""
    draw = random.Random(n_trials)
    trials = [_trial(index, draw, n_jobs) for index in range(n_trials)]
    for trial in trials:
        trial["metrics"] = {name: trial["metrics"][name] for name in (*objectives, *_others(objectives))}
    _fail(trials[5], "RuntimeError: CUDA out of memory")
    trials[11] |= {"status": "EARLY_STOPPED", "feasible": None}
    _judge(trials, objectives)
    return _payload(trials, objectives, n_jobs)


def half_finished() -> Payload:
    """Four of 24 trials run, the others have ended, and there is no model."""
    return _running(sweep(24)["trials"], 20)


def begun() -> Payload:
    """Four trials run, none has ended, and there is no model."""
    return _running(sweep(12)["trials"][:4], 0)


def _running(trials: list[dict[str, Any]], first: int) -> Payload:
    for trial in trials[first:]:
        trial |= {
            "status": "RUNNING",
            "metrics": {},
            "feasible": None,
            "pareto": False,
            "end": None,
            "duration_s": None,
        }
        trial["row"] = _row(trial)
    return _payload(trials, list(GOALS)[:2], 4) | {"state": "running", "surrogate": None, "failures": [], "retries": []}


def uniform() -> Payload:
    """One objective that is the same everywhere but for rounding; the slots of the failures are no neighbours."""
    payload = sweep(24, ["val_acc"])
    folds = payload["surrogate"]["metrics"]["val_acc"]["cross_validation"]
    folds |= {
        "observed": [7.0] * len(folds["trial"]),
        "predicted": [6.999999999999999] * len(folds["trial"]),
        "r2": None,
    }
    for slot in (0, 2):
        next(span for span in payload["timeline"]["spans"] if span["slot"] == slot)["outcome"] = "ABANDONED"
    return payload


def outliers(objectives: Sequence[str] = ("val_acc", "num_params"), n_trials: int = 24) -> Payload:
    """A sweep in which trial 2 is far too large and trials 3 and 4 have learned nothing; the model is bad or failed."""
    payload = sweep(n_trials, objectives)
    trials = payload["trials"]
    trials[2]["metrics"] |= {"num_params": 1e7}
    for trial in trials[3:5]:
        trial["metrics"] |= {"val_acc": 0.1 + trial["trial"] / 100}
    _judge(trials, objectives)
    again = _payload(trials, objectives, 4)
    for model in again["surrogate"]["metrics"].values():
        model["cross_validation"]["r2"] = 0.1
        model["advice"] = "Trials lie far from all others: narrow the ranges that lead there."
    again["model_failures"] = [{"reason": "ValueError: no candidate", "trials": [13, 14, 16]}]
    measured = [trial for trial in trials if trial["metrics"]]
    for name in again["metrics"]:
        front = [trial["metrics"][name] for trial in measured if trial["pareto"] and name in objectives]
        threshold = THRESHOLDS[name] if name in objectives else None
        again["views"][name] = view([trial["metrics"][name] for trial in measured], front, threshold)
    return again


def huge() -> Payload:
    """A sweep whose hypervolume is larger than any number from its eighth finished trial on."""
    payload = sweep(12)
    for point in payload["hypervolume"]["trace"][7:]:
        point["value"] = sys.float_info.max
    payload["hypervolume"]["value"] = sys.float_info.max
    return payload


def hostile() -> Payload:
    """Every text that the application, the user or a failure chooses is HOSTILE."""
    payload = sweep(12)
    for trial in payload["trials"]:
        found = trial["parameterization"]
        trial["parameterization"] = {HOSTILE: HOSTILE, **found}
        trial["metrics"] |= {HOSTILE: 0.5 + trial["trial"]}
        trial["command"] = f"python train.py {HOSTILE}"
        trial["row"] |= {HOSTILE: HOSTILE, f"metric.{HOSTILE}": 0.5}
        trial["reason"] = HOSTILE
    payload["columns"] = list(payload["trials"][0]["row"])
    payload["parameters"].insert(0, {"name": HOSTILE, "kind": "choice", "values": [HOSTILE, "other"], "ordered": False})
    payload["metrics"].append(HOSTILE)
    payload["title"] = payload["folder"] = HOSTILE
    payload["curves"]["metrics"].append(HOSTILE)
    for curve in payload["curves"]["trials"]:
        curve["metrics"][HOSTILE] = {"step": [1, 2], "value": [0.1, 0.2]}
    model = payload["surrogate"]["metrics"]["val_acc"]
    model["importances"].insert(0, {"parameter": HOSTILE, "importance": 0.5, "direction": 1})
    model["slices"][HOSTILE] = {"x": [HOSTILE, "other"], "mean": [0.5, 0.6], "ci": [0.1, 0.1]}
    grid = [[0.1, 0.2], [0.3, 0.4]]
    model["contours"].insert(
        0, {"x": HOSTILE, "y": "act", "xs": [HOSTILE, "other"], "ys": ["relu", None], "z": grid, "ci": grid}
    )
    payload["surrogate"]["metrics"][HOSTILE] = model
    payload["failures"][0]["reason"] = payload["failures"][0]["log"] = HOSTILE
    payload["retries"][0]["reason"] = HOSTILE
    payload["avoided_nodes"] = [{"node": HOSTILE, "losses": 2, "reason": HOSTILE, "until": BEGAN}]
    payload["timeline"]["spans"][5]["reason"] = HOSTILE
    payload["outcome_constraints"] = [f"{HOSTILE} <= 3"]
    payload["reproduce"] |= {"command": HOSTILE, "config": f"a: {HOSTILE}"}
    return payload


def _others(objectives: Sequence[str]) -> list[str]:
    return [name for name in GOALS if name not in objectives]


PARAMETERS: list[dict[str, Any]] = [
    {"name": "model.hidden", "kind": "range", "lower": 16, "upper": 256, "log": True, "integer": True},
    {"name": "model.lr", "kind": "range", "lower": 1e-4, "upper": 1e-2, "log": True, "integer": False},
    {"name": "model.dropout", "kind": "range", "lower": 0.0, "upper": 0.5, "log": False, "integer": False},
    {"name": "data.batch", "kind": "choice", "values": [32, 64, 128, 256], "ordered": True},
    {"name": "act", "kind": "choice", "values": ["relu", None, {"name": "gelu"}, True], "ordered": False},
    {"name": "trainer.epochs", "kind": "fixed", "value": 8},
]


def _trial(index: int, draw: random.Random, n_jobs: int) -> dict[str, Any]:
    # Later trials are nearer to what is good, as those of a model are.
    late = min(1.0, index / 40)
    hidden = round(16 * 16 ** (draw.random() * (1 - late * 0.4)))
    lr = 10 ** (-4 + 2 * (0.62 + (draw.random() - 0.5) * (1.2 - 0.8 * late)))
    lr = min(max(lr, 1e-4), 1e-2)
    dropout = draw.random() * 0.5
    quality = _quality(hidden, lr, dropout) + draw.gauss(0, 0.006)
    start = BEGAN + 7.0 * (index // n_jobs) * 3 + draw.random() * 2
    end = start + 14 + draw.random() * 6
    parameters = [
        hidden,
        lr,
        dropout,
        draw.choice([32, 64, 128, 256]),
        draw.choice(["relu", None, {"name": "gelu"}, True]),
        8,
    ]
    return {
        "trial": index,
        "status": "COMPLETED",
        "attempts": 2 if index == 9 else 1,
        "node": "Sobol" if index < 10 else "MBM",
        "reason": None,
        "log": None,
        "start": start,
        "end": end,
        "duration_s": end - start,
        "parameterization": dict(zip([p["name"] for p in PARAMETERS], parameters, strict=True)),
        "metrics": {
            "val_acc": quality,
            "num_params": 785.0 * hidden + hidden * 11 + 10,
            "latency_ms": 4 + hidden / 9 + draw.random(),
        },
        "sem": {"val_acc": 0.004},
        "pareto": False,
        "command": f"python train.py model.hidden={hidden} model.lr={lr!r} 'act={index}'",
    }


def _quality(hidden: float, lr: float, dropout: float) -> float:
    return 0.97 - 0.32 / math.log2(hidden) ** 1.2 - 0.13 * (math.log10(lr) + 2.8) ** 2 - 0.15 * (dropout - 0.15) ** 2


def _fail(trial: dict[str, Any], reason: str) -> None:
    trial |= {
        "status": "FAILED",
        "reason": reason,
        "metrics": {},
        "sem": {},
        "log": f"/sweeps/nas/.submitit/{trial['trial']}/log.err",
    }


def _judge(trials: Sequence[dict[str, Any]], objectives: Sequence[str]) -> None:
    completed = [trial for trial in trials if trial["status"] == "COMPLETED"]
    for trial in trials:
        trial["feasible"] = trial["metrics"]["latency_ms"] <= 20 if trial in completed else None
    feasible = [trial for trial in completed if trial["feasible"]]
    for trial in feasible:
        mine = _signed(trial, objectives)
        trial["pareto"] = not any(
            all(a >= b for a, b in zip(other, mine, strict=True)) and other != mine
            for other in (_signed(t, objectives) for t in feasible)
        )
    for trial in trials:
        trial["row"] = _row(trial)


def _signed(trial: Mapping[str, Any], objectives: Sequence[str]) -> list[float]:
    return [trial["metrics"][name] * (-1 if GOALS[name] else 1) for name in objectives]


def _row(trial: Mapping[str, Any]) -> dict[str, Any]:
    about = {
        "trial": trial["trial"],
        "status": trial["status"],
        "generation_node": trial["node"],
        "job_id": str(4000 + trial["trial"]),
    }
    times = {
        "start_time": "2026-05-28T18:40:00.000+00:00",
        "end_time": "2026-05-28T18:40:21.000+00:00",
        "duration_s": trial["duration_s"],
    }
    metrics = {name: trial["metrics"].get(name) for name in GOALS}
    return {
        **about,
        **times,
        **trial["parameterization"],
        **metrics,
        "feasible": trial["feasible"],
        "pareto": trial["pareto"],
    }


def _payload(trials: list[dict[str, Any]], objectives: Sequence[str], n_jobs: int) -> Payload:
    ended = sorted((trial for trial in trials if trial["end"] is not None), key=lambda trial: trial["end"])
    statuses = ("STAGED", "RUNNING", "COMPLETED", "FAILED", "EARLY_STOPPED", "ABANDONED")
    last = max((trial["end"] or trial["start"] + 9 for trial in trials), default=BEGAN)
    single = len(objectives) == 1
    return {
        "title": "nas",
        "folder": "/home/ada/sweeps/nas",
        "written": last + 1,
        "state": "finished",
        "started": BEGAN,
        "elapsed_s": last - BEGAN,
        "n_trials": max(len(trials), 48),
        "n_jobs": n_jobs,
        "method": "auto",
        "seed": 123,
        "counts": {status: sum(trial["status"] == status for trial in trials) for status in statuses},
        "objectives": [{"name": name, "minimize": GOALS[name], "threshold": THRESHOLDS[name]} for name in objectives],
        "outcome_constraints": ["latency_ms <= 20"],
        "parameter_constraints": [],
        "parameters": [dict(parameter) for parameter in PARAMETERS],
        "metrics": [*objectives, *_others(objectives)],
        "columns": list(trials[0]["row"]),
        "trials": trials,
        "frontier": [trial["trial"] for trial in trials if trial["pareto"]],
        "views": {},
        "hypervolume": None if single else _hypervolume(ended, objectives),
        "best": _best(ended, objectives[0]) if single else None,
        "timeline": {"slots": n_jobs, "utilization": 0.93, "spans": _spans(trials, n_jobs)},
        "curves": {"metrics": ["val_acc"], "trials": [_curve(trial) for trial in trials]},
        "surrogate": _surrogate(
            trials, [*objectives, "latency_ms"] if "latency_ms" not in objectives else list(objectives)
        ),
        "failures": [
            {
                "reason": "RuntimeError: CUDA out of memory",
                "trials": [5],
                "log": "/home/ada/sweeps/nas/.submitit/5/4005_0_log.err",
            }
        ],
        "retries": [
            {
                "trial": 9,
                "attempt": 1,
                "reason": "The node failed",
                "counts": False,
                "job_id": "4009",
                "folder": "9",
                "log": None,
            }
        ],
        "avoided_nodes": [],
        "reproduce": {
            "command": "python train.py -m hydra/sweeper=ax_moo sweep_name=nas",
            "resume": "ax-moo resume /home/ada/sweeps/nas",
            "cwd": "/home/ada/nas",
            "python": "3.11.7",
            "versions": {"hydra-ax-moo": "0.1.0", "ax-platform": "1.3.1", "torch": "2.13.0"},
            "git": {"commit": "86f14ea3a399cb88ac0051cf46c5cc203c62cdf2", "dirty": True},
            "seed": 123,
            "config": "model:\n  hidden: 64\n  lr: 0.001\ndata:\n  batch: 128\n",
        },
    }


def _hypervolume(ended: Sequence[Mapping[str, Any]], objectives: Sequence[str]) -> dict[str, Any]:
    level = itertools.accumulate((1379.0 * (1 - math.exp(-finished / 12)) for finished in range(len(ended))), max)
    trace = [
        _traced(trial, finished, value) for finished, (trial, value) in enumerate(zip(ended, level, strict=True), 1)
    ]
    point = {name: THRESHOLDS[name] for name in objectives}
    value = trace[-1]["value"] if trace else 0.0
    return {"value": value, "reference": "the thresholds", "reference_point": point, "trace": trace}


def _best(ended: Sequence[Mapping[str, Any]], objective: str) -> dict[str, Any]:
    best, trace = None, []
    better: Callable[..., float] = min if GOALS[objective] else max
    for finished, trial in enumerate(ended, 1):
        if trial["feasible"]:
            value = trial["metrics"][objective]
            best = value if best is None else better(best, value)
        trace.append(_traced(trial, finished, best))
    number = next((t["trial"] for t in ended if t["feasible"] and t["metrics"][objective] == best), None)
    return {"trial": number, "value": best, "trace": trace}


def _traced(trial: Mapping[str, Any], finished: int, value: float | None) -> dict[str, Any]:
    return {"trial": trial["trial"], "finished": finished, "elapsed": trial["end"] - BEGAN, "value": value}


def _spans(trials: Sequence[Mapping[str, Any]], n_jobs: int) -> list[dict[str, Any]]:
    spans = []
    for trial in trials:
        span = {"slot": trial["trial"] % n_jobs, "trial": trial["trial"], "attempt": 1, "start": trial["start"]}
        span |= {"end": trial["end"], "outcome": trial["status"], "reason": trial["reason"]}
        if trial["attempts"] == 2:
            middle = trial["start"] + 6
            spans.append({**span, "end": middle - 1, "outcome": "LOST", "reason": "The node failed"})
            span |= {"attempt": 2, "start": middle}
        spans.append(span)
    return spans


def _curve(trial: Mapping[str, Any]) -> dict[str, Any]:
    steps = list(range(1, 9))
    top = trial["metrics"].get("val_acc", 0.8)
    values = [top - 0.4 * math.exp(-step / 2) for step in steps]
    return {"trial": trial["trial"], "metrics": {"val_acc": {"step": steps, "value": values}}}


def _surrogate(trials: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> dict[str, Any]:
    fitted = [trial for trial in trials if trial["status"] == "COMPLETED"]
    found = {metric: _model(metric, fitted) for metric in metrics}
    return {
        "why_not": None,
        "trials_used": len(fitted),
        "trials": len(trials),
        "written": BEGAN,
        "metrics": found,
        "fixed_at": "the centre of the search space",
    }


def _model(metric: str, fitted: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    draw = random.Random(metric)
    observed = [trial["metrics"][metric] for trial in fitted]
    spread = (max(observed) - min(observed)) / 12 if observed else 1.0
    varied = [parameter for parameter in PARAMETERS if parameter["kind"] != "fixed"]
    shares = sorted((draw.random() ** 2 for _ in varied), reverse=True)
    return {
        "cross_validation": {
            "trial": [trial["trial"] for trial in fitted],
            "observed": observed,
            "observed_ci": [None] * len(fitted),
            "predicted": [value + draw.gauss(0, spread) for value in observed],
            "predicted_ci": [1.96 * spread] * len(fitted),
            "r2": 0.87,
        },
        "importances": [
            {"parameter": parameter["name"], "importance": share, "direction": draw.choice([-1, 0, 1])}
            for parameter, share in zip(varied, shares, strict=True)
        ],
        "slices": {parameter["name"]: _slice(metric, parameter) for parameter in varied},
        "contours": [_contour(metric, x, y) for x, y in itertools.combinations(varied, 2)],
        "fixed": {parameter["name"]: _along(parameter)[10 % len(_along(parameter))] for parameter in varied},
    }


def _along(parameter: Mapping[str, Any]) -> list[Any]:
    if parameter["kind"] == "choice":
        return list(parameter["values"])
    lower, upper = parameter["lower"], parameter["upper"]
    if parameter["log"]:
        return [lower * (upper / lower) ** (step / 20) for step in range(21)]
    return [lower + (upper - lower) * step / 20 for step in range(21)]


def _slice(metric: str, parameter: Mapping[str, Any]) -> dict[str, Any]:
    x = _along(parameter)
    mean = [_height(metric, step / max(1, len(x) - 1), 0.5) for step in range(len(x))]
    return {"x": x, "mean": mean, "ci": [0.1 * abs(mean[0]) + 0.01 * step for step in range(len(x))]}


def _contour(metric: str, x: Mapping[str, Any], y: Mapping[str, Any]) -> dict[str, Any]:
    xs, ys = _along(x), _along(y)
    z = [[_height(metric, i / (len(xs) - 1), j / (len(ys) - 1)) for i in range(len(xs))] for j in range(len(ys))]
    ci = [[0.01 + 0.02 * abs(i / len(xs) - j / len(ys)) for i in range(len(xs))] for j in range(len(ys))]
    return {"x": x["name"], "y": y["name"], "xs": xs, "ys": ys, "z": z, "ci": ci}


def _height(metric: str, x: float, y: float) -> float:
    bowl = (x - 0.65) ** 2 + 0.5 * (y - 0.4) ** 2 + 0.3 * x * y
    return (
        (0.95 - 0.3 * bowl)
        if metric == "val_acc"
        else 30000 + 90000 * bowl
        if metric == "num_params"
        else 5 + 20 * bowl
    )

// The trade-off between the objectives; with one objective, all trials and the best so far.

const KINDS = {
  frontier: { symbol: "diamond", size: 12 },
  best: { symbol: "star", size: 15 },
  dominated: { symbol: "circle", size: 9 },
  other: { symbol: "circle", size: 9 },
  infeasible: { symbol: "x", size: 8.5 },
  "stopped early": { symbol: "triangle-down", size: 9 },
};
const DRAWN_FIRST = ["stopped early", "infeasible", "dominated", "other", "frontier", "best"];

function drawFrontier() {
  const body = bodyOf("frontier");
  describeFrontier();
  const measured = sweep.trials.filter((trial) => sweep.objectives.every((objective) => value(trial, objective.name) !== null));
  if (!measured.length) body.append(empty(whyNothing()));
  else if (isSingle) drawAllValues(body, measured);
  else if (sweep.objectives.length === 2) drawPair(body, measured, ...sweep.objectives, "tall");
  else drawAllPairs(body, measured);
}

function describeFrontier() {
  const copying = "Click on a point, or use the table's buttons, to copy the command that runs that trial alone.";
  if (!isSingle) {
    const area = sweep.objectives.length === 2 ? " The line is the frontier; the area behind it, up to the reference point, is the hypervolume." : "";
    caption("frontier", `A trial is on the frontier if no other beats it in one objective without losing in another.${area} ${copying}`);
    return;
  }
  byId("frontier").querySelector("h2").textContent = "Best so far";
  byId("frontier").dataset.short = "Best";
  caption("frontier", `All trials in the order in which they were proposed, and the best value of ${sweep.objectives[0].name} so far. ${copying}`);
}

function drawPair(parent, trials, x, y, kind = "") {
  const node = box(`Scatter plot of ${y.name} against ${x.name}, one point per trial; the table below has the same numbers`, `${kind} points`);
  parent.append(node);
  draw(node, () => pairFigure(trials, x, y, kind === "tall"));
  copiesOnClick(node);
  return node;
}

function drawAllPairs(body, trials) {
  const { objectives } = sweep;
  const pairs = objectives.flatMap((x, index) => objectives.slice(index + 1).map((y) => [x, y]));
  const chosen = { x: objectives[0], y: objectives[1] };
  const large = el("div");
  const name = (objective) => objective.name;
  const show = () => draw(large.firstChild, () => pairFigure(trials, chosen.x, chosen.y, true));
  const pick = (at, other) => (objective) => {
    if (objective === chosen[other]) chosen[other] = chosen[at];
    chosen[at] = objective;
    choose(selects[other], objectives, chosen[other]);
    show();
  };
  const selects = {
    x: select("horizontal", objectives, chosen.x, pick("x", "y"), name),
    y: select("vertical", objectives, chosen.y, pick("y", "x"), name),
  };
  const small = el("div", { class: "many", id: "pairs" });
  body.append(el("div", { class: "controls" }, selects.x, selects.y), large, el("h3", {}, "All pairs of objectives"), small);
  drawPair(large, trials, chosen.x, chosen.y, "tall");
  for (const [x, y] of pairs) later(() => drawPair(small, trials, x, y, "low"));
}

function pairFigure(trials, x, y, isLarge) {
  const data = isLarge && sweep.objectives.length === 2 ? [dominated(trials, x, y), stepLine(trials, x, y)] : [];
  for (const kind of DRAWN_FIRST) {
    const those = trials.filter((trial) => kindOf(trial) === kind);
    if (!those.length) continue;
    data.push(points(those, kind, (trial) => value(trial, x.name), (trial) => value(trial, y.name), [x, y], isLarge), keyTo(kind));
  }
  return { data, layout: byIteration(thresholds({ x, y }), x.name, y.name, isLarge) };
}

function frontFrom(trials, x, y) {
  const front = trials.filter((trial) => trial.pareto).map((trial) => ({ x: value(trial, x.name), y: value(trial, y.name) }));
  return front.sort((one, other) => one.x - other.x || one.y - other.y);
}

/** The area whose size is the hypervolume: what the frontier dominates, up to the reference point. */
function dominated(trials, x, y) {
  const reference = sweep.hypervolume?.reference_point;
  const [endX, endY] = [reference?.[x.name] ?? null, reference?.[y.name] ?? null];
  const isBetter = (value, than, objective) => (objective.minimize ? value < than : value > than);
  const front = frontFrom(trials, x, y).filter((point) => isBetter(point.x, endX, x) && isBetter(point.y, endY, y));
  if (endX === null || endY === null || !front.length) return { type: "scatter", x: [], y: [], showlegend: false };
  const edge = front.flatMap((point, index) => {
    const before = front[index - 1];
    if (!before) return [point];
    return x.minimize ? [{ x: point.x, y: before.y }, point] : [{ x: before.x, y: point.y }, point];
  });
  const [first, last] = [front[0], front.at(-1)];
  const round = x.minimize
    ? [{ x: first.x, y: endY }, ...edge, { x: endX, y: last.y }, { x: endX, y: endY }]
    : [{ x: endX, y: endY }, { x: endX, y: first.y }, ...edge, { x: last.x, y: endY }];
  return {
    type: "scatter",
    mode: "lines",
    x: round.map((point) => point.x),
    y: round.map((point) => point.y),
    fill: "toself",
    fillcolor: colour("accent-soft"),
    line: { width: 0 },
    hoverinfo: "skip",
    showlegend: false,
  };
}

/** The edge of what the frontier dominates: it changes at each point towards the worse. */
function stepLine(trials, x, y) {
  const front = frontFrom(trials, x, y);
  return {
    type: "scatter",
    mode: "lines",
    x: front.map((point) => point.x),
    y: front.map((point) => point.y),
    line: { shape: x.minimize ? "hv" : "vh", color: colour("accent"), width: 1.8 },
    hoverinfo: "skip",
    showlegend: false,
  };
}

function points(trials, kind, x, y, objectives, isLarge) {
  const { symbol, size } = KINDS[kind];
  const isChosen = kind === "frontier" || kind === "best";
  return {
    type: "scatter",
    mode: "markers",
    legendgroup: kind,
    showlegend: false,
    x: trials.map(x),
    y: trials.map(y),
    ...errorBars(trials, objectives),
    customdata: trials.map((trial) => trial.trial),
    hovertext: trials.map(about),
    hoverinfo: "text",
    marker: {
      symbol,
      size: isLarge ? size : size * 0.8,
      color: trials.map((trial) => trial.trial),
      coloraxis: "coloraxis",
      line: { color: isChosen ? colour("ink") : colour("surface"), width: isChosen ? 1.4 : 0.6 },
    },
  };
}

/** The legend's entry: its symbol in no trial's colour. */
function keyTo(kind) {
  const { symbol, size } = KINDS[kind];
  const marker = { symbol, size: Math.min(size, 10), color: colour("faint"), line: { width: 0 } };
  return { type: "scatter", mode: "markers", name: kind, legendgroup: kind, x: [null], y: [null], marker };
}

/** 95 % intervals of what was observed, where the application has returned standard errors. */
function errorBars(trials, objectives) {
  const bars = {};
  objectives.forEach((objective, index) => {
    const sems = trials.map((trial) => trial.sem?.[objective?.name] ?? 0);
    if (objective && sems.some((sem) => sem > 0)) {
      bars[index ? "error_y" : "error_x"] = { array: sems.map((sem) => 1.96 * sem), color: colour("line"), thickness: 1.2, width: 0 };
    }
  });
  return bars;
}

function thresholds(objectives) {
  const levels = Object.entries(objectives)
    .filter(([, objective]) => objective.threshold !== null)
    .map(([at, objective]) => level(at, objective.threshold, thresholdWords(objective)));
  return { shapes: levels.map(({ shape }) => shape), annotations: levels.map(({ annotation }) => annotation) };
}

function byIteration(more, x, y, isLarge) {
  const last = Math.max(1, ...sweep.trials.map((trial) => trial.trial));
  const showscale = isLarge && !isNarrow();
  return layout({
    ...more,
    xaxis: { title: x },
    yaxis: { title: y },
    showlegend: isLarge,
    legend: { traceorder: "reversed" },
    coloraxis: { colorscale: scale(), cmin: 0, cmax: last, showscale, colorbar: colourbar("iteration") },
  });
}

function drawAllValues(body, trials) {
  const [objective] = sweep.objectives;
  const node = box(`The value of ${objective.name} of each trial, and the best so far`, "tall points");
  body.append(node);
  draw(node, () => allValues(trials, objective));
  copiesOnClick(node);
}

function allValues(trials, objective) {
  const best = trials.map((trial, index) => bestOf(trials.slice(0, index + 1), objective));
  const line = {
    type: "scatter",
    mode: "lines",
    x: trials.map((trial) => trial.trial),
    y: best,
    line: { shape: "hv", color: colour("accent"), width: 1.8 },
    hoverinfo: "skip",
    showlegend: false,
  };
  const data = [line];
  for (const kind of DRAWN_FIRST) {
    const those = trials.filter((trial) => kindOf(trial) === kind);
    if (!those.length) continue;
    data.push(points(those, kind, (trial) => trial.trial, (trial) => value(trial, objective.name), [null, objective], true), keyTo(kind));
  }
  return { data, layout: byIteration(thresholds({ y: objective }), "trial", objective.name, true) };
}

/** The best value among trials that count. */
function bestOf(trials, objective) {
  const values = trials
    .filter((trial) => trial.status === "COMPLETED" && trial.feasible !== false)
    .map((trial) => value(trial, objective.name));
  if (!values.length) return null;
  return objective.minimize ? Math.min(...values) : Math.max(...values);
}

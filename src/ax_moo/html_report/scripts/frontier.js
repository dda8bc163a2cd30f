// The trade-off between the objectives.

function drawFrontier() {
  const body = bodyOf("frontier");
  describeFrontier();
  const measured = sweep.trials.filter((trial) =>
    sweep.objectives.every((objective) => value(trial, objective.name) !== null),
  );
  if (!measured.length) body.append(empty(whyNothing()));
  else if (isSingle) drawAllValues(body, measured);
  else if (sweep.objectives.length === 2) drawOnlyPair(body, measured);
  else drawAllPairs(body, measured);
}

function describeFrontier() {
  const copying = "Click on a point, or use the table's buttons, to copy the command that runs that trial alone.";
  const infeasible = sweep.trials.some((trial) => trial.feasible === false)
    ? " Infeasible trials miss a threshold or a constraint."
    : "";
  if (!isSingle) {
    const area =
      sweep.objectives.length === 2
        ? " The line is the frontier; the area behind it, up to the reference point, is the hypervolume."
        : "";
    caption(
      "frontier",
      `A trial is on the frontier if no other beats it in one objective without losing in another.${area}${infeasible} ${copying}`,
    );
    return;
  }
  byId("frontier").querySelector("h2").textContent = "Best so far";
  byId("frontier").dataset.short = "Best";
  caption(
    "frontier",
    `All trials in the order in which they were proposed, and the best value of ${sweep.objectives[0].name} so far.${infeasible} ${copying}`,
  );
}

function drawOnlyPair(body, trials) {
  drawPair(body, pairBox(...sweep.objectives, "tall"), trials, () => sweep.objectives, true);
}

function pairBox(x, y, kind) {
  const words = `Scatter plot of ${y.name} against ${x.name}, one point per trial; the table below has the same numbers`;
  return box(words, `${kind} points`);
}

/** A plot of the two objectives of `pair()`; the result draws it again when these have changed. */
function drawPair(parent, node, trials, pair, isLarge) {
  const [figure, views] = [() => pairFigure(trials, ...pair(), isLarge), () => pairView(...pair())];
  const again = drawView(parent, node, figure, views);
  copiesOnClick(node);
  return again;
}

function pairView(x, y) {
  return { x: viewOf(x.name), y: viewOf(y.name) };
}

function drawAllPairs(body, trials) {
  const { objectives } = sweep;
  const pairs = objectives.flatMap((x, index) => objectives.slice(index + 1).map((y) => [x, y]));
  const chosen = { x: objectives[0], y: objectives[1] };
  const large = pairBox(chosen.x, chosen.y, "tall");
  const name = (objective) => objective.name;
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
  body.append(el("div", { class: "controls" }, selects.x, selects.y));
  const show = drawPair(body, large, trials, () => [chosen.x, chosen.y], true);
  body.append(el("h3", {}, "All pairs of objectives"), small);
  small.append(...pairs.map(() => el("div")));
  pairs.forEach((pair, index) =>
    later(() => drawPair(small.children[index], pairBox(...pair, "low"), trials, () => pair, false)),
  );
}

function pairFigure(trials, x, y, isLarge) {
  const data = isLarge && sweep.objectives.length === 2 ? [dominated(trials, x, y), stepLine(trials, x, y)] : [];
  for (const kind of DRAWN_FIRST) {
    const those = trials.filter((trial) => kindOf(trial) === kind);
    if (!those.length) continue;
    data.push(
      points(
        those,
        kind,
        (trial) => value(trial, x.name),
        (trial) => value(trial, y.name),
        [x, y],
        isLarge,
      ),
      keyTo(kind),
    );
  }
  return { data, layout: byIteration(thresholds({ x, y }, trials), x.name, y.name, isLarge) };
}

function frontFrom(trials, x, y) {
  const front = trials
    .filter((trial) => trial.pareto)
    .map((trial) => ({ x: value(trial, x.name), y: value(trial, y.name) }));
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

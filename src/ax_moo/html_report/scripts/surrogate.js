// What the surrogate model says: how far to trust it, which parameters matter, and what it expects in between.

function drawSurrogate() {
  const { surrogate } = sweep;
  const body = bodyOf("surrogate");
  if (!surrogate || surrogate.why_not) {
    body.append(empty(surrogate?.why_not ?? whyNoModel()));
    return;
  }
  caption(
    "surrogate",
    `Ax's surrogate model, a Gaussian process, fitted to ${number(surrogate.trials_used)} of ${count(surrogate.trials, "trial")} (${moment(surrogate.written)}).`,
  );
  const metrics = Object.keys(surrogate.metrics);
  for (const draw of [drawFits, drawImportances, drawContours, drawSlices]) {
    later(() => section("surrogate", () => draw(body, metrics)));
  }
}

function whyNoModel() {
  if (!sweep.counts.COMPLETED) return "There is no model yet: it needs trials that have completed.";
  return "The model has not been analysed yet, which takes longer than all the rest: a later writing of this page has it.";
}

function part(body, title, words) {
  const content = el("div");
  body.append(el("h3", {}, title), el("p", { class: "caption" }, words), content);
  return content;
}

function modelOf(metric) {
  return sweep.surrogate.metrics[metric];
}

function panel(parent, title, node) {
  parent.append(el("figure", {}, el("figcaption", {}, title), node));
  return node;
}

function drawFits(body, metrics) {
  const content = part(
    body,
    "Can it be trusted?",
    "Leave-one-out cross-validation: each trial as the model predicts it from all others, against what was observed; bars are 95 % intervals. Points on the diagonal and an R² near 1 mean that the model can be trusted; an R² near 0, that it has learned little.",
  );
  content.className = "many";
  const fitted = metrics.filter((metric) => modelOf(metric).cross_validation);
  if (!fitted.length) content.append(empty("There are too few completed trials to leave one out."));
  const nodes = fitted.map((metric) => {
    const { cross_validation, advice } = modelOf(metric);
    const { r2 } = cross_validation;
    const title = [el("b", {}, metric), r2 === null ? "" : `  R² = ${r2.toFixed(2)}`];
    const parent = el("figure", {}, el("figcaption", {}, title), advice ? el("p", { class: "advice" }, advice) : null);
    content.append(parent);
    return parent;
  });
  // All boxes first: how many there are decides how wide they are.
  fitted.forEach((metric, index) => {
    const node = box(`Cross-validation of ${metric}`, "points");
    const figure = () => fitFigure(modelOf(metric).cross_validation);
    drawView(nodes[index], node, figure, () => fitView(metric));
    copiesOnClick(node);
  });
}

/** The metric's view, and upwards as much of the predictions for it as does not squeeze it again. */
function fitView(metric) {
  const x = viewOf(metric);
  if (!x) return { x, y: x };
  const { observed, predicted } = modelOf(metric).cross_validation;
  const length = x[1] - x[0];
  const those = predicted.filter((_, index) => observed[index] >= x[0] && observed[index] <= x[1]);
  const low = Math.max(Math.min(x[0], ...those), x[0] - length);
  const high = Math.min(Math.max(x[1], ...those), x[1] + length);
  return { x, y: [low - (low < x[0] ? 0.05 * length : 0), high + (high > x[1] ? 0.05 * length : 0)] };
}

function fitFigure(found) {
  const ends = [...found.observed, ...found.predicted];
  const [low, high] = padded(ends);
  const bars = (array, visible) => ({
    array: array.map((half) => half ?? 0),
    color: colour("faint"),
    thickness: 1,
    width: 0,
    visible,
  });
  const diagonal = {
    type: "scatter",
    mode: "lines",
    x: [low, high],
    y: [low, high],
    line: { color: colour("muted"), width: 1.2, dash: "dot" },
    hoverinfo: "skip",
  };
  const dots = {
    type: "scatter",
    mode: "markers",
    x: found.observed,
    y: found.predicted,
    error_x: bars(
      found.observed_ci,
      found.observed_ci.some((half) => half > 0),
    ),
    error_y: bars(found.predicted_ci, true),
    customdata: found.trial,
    hovertext: found.trial.map(
      (trial, index) =>
        `<b>trial ${trial}</b><br>observed ${number(found.observed[index])}<br>predicted ${number(found.predicted[index])} ± ${number(found.predicted_ci[index])}`,
    ),
    hoverinfo: "text",
    marker: { size: 7, color: colour("accent"), line: { color: colour("surface"), width: 0.8 } },
  };
  return {
    data: [diagonal, dots],
    layout: layout({ showlegend: false, xaxis: { title: "observed" }, yaxis: { title: "predicted" } }),
  };
}

function drawImportances(body, metrics) {
  const content = part(
    body,
    "Which parameters matter?",
    "The share of each metric's variation that a parameter explains, alone or together with others (total Sobol index). ▲ the metric grows with the parameter, ▼ it falls, ◆ neither.",
  );
  content.className = "many";
  const known = metrics.filter((metric) => modelOf(metric).importances?.length);
  if (!known.length) content.append(empty("The model gives no importances."));
  const nodes = known.map((metric) =>
    panel(content, el("b", {}, metric), box(`Importance of the parameters for ${metric}`)),
  );
  known.forEach((metric, index) => {
    const found = modelOf(metric).importances;
    nodes[index].style.height = `${70 + 24 * found.length}px`;
    draw(nodes[index], () => importancesFigure(found));
  });
}

const DIRECTIONS = {
  1: { sign: "▲", colour: "blue", pattern: "" },
  "-1": { sign: "▼", colour: "vermillion", pattern: "/" },
  0: { sign: "◆", colour: "gray", pattern: "" },
};

function importancesFigure(found) {
  const places = found.map((one, at) => ({ ...one, at }));
  const data = Object.keys(DIRECTIONS).map((direction) =>
    directedBars(
      places.filter((one) => String(one.direction) === direction),
      direction,
    ),
  );
  const most = Math.max(...found.map(({ importance }) => importance ?? 0), 0.01);
  const yaxis = {
    tickmode: "array",
    tickvals: places.map(({ at }) => at),
    ticktext: found.map(({ parameter }) => plain(parameter, 26)),
    range: [found.length - 0.4, -0.6],
    showgrid: false,
    ticks: "",
  };
  const more = { barmode: "overlay", showlegend: false, margin: { l: 20, t: 6, b: 30, r: 20 } };
  return { data, layout: layout({ ...more, xaxis: { range: [0, most * 1.25] }, yaxis }) };
}

function directedBars(found, direction) {
  const { sign, colour: name, pattern } = DIRECTIONS[direction];
  return {
    type: "bar",
    orientation: "h",
    x: found.map(({ importance }) => importance),
    y: found.map(({ at }) => at),
    width: 0.66,
    text: found.map(({ importance }) => `${sign} ${importance === null ? NONE : importance.toFixed(2)}`),
    textposition: "outside",
    cliponaxis: false,
    textfont: { size: 11.5, color: colour("muted") },
    hovertext: found.map(({ parameter, importance }) => `${plain(parameter)}: <b>${number(importance)}</b>`),
    hoverinfo: "text",
    marker: {
      color: colour(name),
      pattern: { shape: pattern, size: 6, solidity: 0.25, fgcolor: "rgba(255,255,255,.7)", fillmode: "overlay" },
    },
  };
}

function fixedWords(metric, but) {
  const fixed = Object.entries(modelOf(metric).fixed ?? {}).filter(([name]) => !but.includes(name));
  if (!fixed.length) return "";
  return `Held at ${sweep.surrogate.fixed_at}: ${fixed.map(([name, found]) => `${name} = ${brief(found)}`).join(", ")}.`;
}

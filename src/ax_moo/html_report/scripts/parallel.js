// Parallel coordinates of parameters and metrics.

function drawParallel() {
  const body = bodyOf("parallel");
  const trials = sweep.trials.filter((trial) =>
    sweep.objectives.every((objective) => value(trial, objective.name) !== null),
  );
  if (!trials.length) {
    body.append(empty(whyNothing()));
    return;
  }
  const metrics = sweep.metrics.filter((metric) => trials.every((trial) => value(trial, metric) !== null));
  const fronts = ["all trials", "the frontier"];
  const chosen = { metric: metrics[0], front: fronts[0] };
  const node = box("Parallel coordinates of the trials", "tall");
  const show = (change) => {
    Object.assign(chosen, change);
    const those = chosen.front === fronts[0] ? trials : trials.filter((trial) => trial.pareto);
    draw(node, () => parallelFigure(those, metrics, chosen.metric));
  };
  const controls = [select("colour", metrics, chosen.metric, (metric) => show({ metric }))];
  if (!isSingle && sweep.frontier.length)
    controls.push(select("show", fronts, chosen.front, (front) => show({ front })));
  node.style.minWidth = `${115 * (varied().length + metrics.length) + 80}px`;
  body.append(el("div", { class: "controls" }, controls), el("div", { class: "scroll" }, node));
  show({});
}

function varied() {
  return sweep.parameters.filter((parameter) => parameter.kind !== "fixed");
}

function parallelFigure(trials, metrics, coloured) {
  const parameters = varied().map((parameter) => ({ parameter, scale: scaleOf(parameter) }));
  const usable = parameters.filter(({ parameter, scale }) =>
    trials.every((trial) => scale.place(trial.parameterization[parameter.name]) !== null),
  );
  const dimensions = [
    ...usable.map(({ parameter, scale }) => parameterDimension(parameter, scale, trials)),
    ...metrics.map((metric) => metricDimension(metric, trials)),
  ];
  const shades = metricScale(coloured, trials);
  const small = { family: FONT, size: 11.5, color: colour("muted") };
  const data = [
    {
      type: "parcoords",
      dimensions,
      labelangle: dimensions.length > 6 ? -12 : 0,
      labelfont: { family: FONT, size: 12.5, color: colour("ink") },
      tickfont: small,
      rangefont: { ...small, color: "rgba(0,0,0,0)" },
      line: {
        color: shades.values,
        colorscale: scale(),
        showscale: true,
        cmin: shades.range[0],
        cmax: shades.range[1],
        colorbar: { ...colourbar(plain(coloured, 24)), ...ticksOf(shades) },
      },
      unselected: { line: { color: colour("line"), opacity: 0.25 } },
    },
  ];
  return { data, layout: layout({ margin: { l: leftOf(dimensions[0]), r: 30, t: 64, b: 20 } }) };
}

/** Room for the words of the first axis, which stand at its left. */
function leftOf({ label, ticktext }) {
  const longest = Math.max(label.length * 0.6, ...(ticktext ?? []).map((words) => words.length));
  return Math.max(48, Math.min(150, 20 + 7 * longest));
}

function parameterDimension(parameter, scale, trials) {
  const values = trials.map((trial) => scale.place(trial.parameterization[parameter.name]));
  const ticks = (scale.ticks ?? rangeTicks(...scale.range)).map(({ at, words }) => ({
    at,
    words: short(words.replace(/\s+/g, " "), 17),
  }));
  return { label: plain(parameter.name, 22), values, range: scale.range, ...ticksOf({ ticks }) };
}

function metricDimension(metric, trials) {
  const scale = metricScale(metric, trials);
  return { label: `<b>${plain(metric, 22)}</b>`, values: scale.values, range: scale.range, ...ticksOf(scale) };
}

/** A metric's axis and colours: outliers stand at its ends, which say so, so that the other trials can be told apart. */
function metricScale(metric, trials) {
  const found = trials.map((trial) => value(trial, metric));
  const [lowest, highest] = [Math.min(...found), Math.max(...found)];
  const [low, high] = padded(found);
  const ends = viewOf(metric) ?? [low, high];
  const [from, to] = outwards(...ends);
  const cut = [lowest < ends[0] ? from : low, highest > ends[1] ? to : high];
  const range = cut[0] < cut[1] ? cut : [low, high];
  const values = found.map((one) => Math.min(Math.max(one, range[0]), range[1]));
  return { values, range, ticks: rangeTicks(...range, lowest < range[0], highest > range[1]) };
}

function ticksOf({ ticks }) {
  return { tickmode: "array", tickvals: ticks.map(({ at }) => at), ticktext: ticks.map(({ words }) => words) };
}

/** From the lowest to the highest; what differs by rounding alone is the same. */
function padded(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const differ = high - low > 1e-9 * Math.max(Math.abs(low), Math.abs(high));
  return differ ? [low, high] : [low, low + (Math.abs(low) || 1)];
}

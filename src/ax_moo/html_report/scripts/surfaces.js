// The model over two parameters, and along one.

function drawContours(body, metrics) {
  const content = part(
    body,
    "What does it expect for two parameters?",
    "The prediction over two parameters, all others held still, and its uncertainty: the stronger the colour, the less is known. Dots are the trials, whose other parameters had values of their own.",
  );
  const known = metrics.filter((metric) => modelOf(metric).contours?.length);
  if (!known.length) {
    content.append(empty("There are fewer than two parameters to draw the model over."));
    return;
  }
  const [x, y] = byImportance(known[0]);
  const chosen = { metric: known[0], x: x ?? null, y: y ?? null };
  const controls = el("div", { class: "controls" });
  const mean = box("Contour plot of the predicted mean", "points");
  const spread = box("Contour plot of the uncertainty", "points");
  const panels = el("div", { class: "pair" });
  const note = el("p", { class: "note" });
  panel(panels, el("b", {}, "mean"), mean);
  panel(panels, el("b", {}, "uncertainty (half the width of the 95 % interval)"), spread);
  content.append(controls, panels, note);
  const show = (change) => {
    const before = { ...chosen };
    Object.assign(chosen, change);
    if (chosen.x === chosen.y && chosen.x !== null) Object.assign(chosen, change.x ? { y: before.x } : { x: before.y });
    settle(chosen);
    controls.replaceChildren(...contourSelects(known, chosen, show));
    note.textContent = fixedWords(chosen.metric, [chosen.x, chosen.y]);
    draw(mean, () => contourFigure(chosen, "z"));
    draw(spread, () => contourFigure(chosen, "ci"));
  };
  show({});
  copiesOnClick(mean);
  copiesOnClick(spread);
}

function byImportance(metric) {
  return (modelOf(metric).importances ?? []).map(({ parameter }) => parameter);
}

/** Where there is no contour for what was chosen, the first that has the horizontal parameter. */
function settle(chosen) {
  const { contours } = modelOf(chosen.metric);
  if (contourOf(chosen)) return;
  const near = contours.find((one) => one.x === chosen.x || one.y === chosen.x) ?? contours[0];
  Object.assign(chosen, near.y === chosen.x ? { x: near.y, y: near.x } : { x: near.x, y: near.y });
}

function contourSelects(metrics, chosen, show) {
  const names = [...new Set(modelOf(chosen.metric).contours.flatMap(({ x, y }) => [x, y]))];
  const made = [
    select("metric", metrics, chosen.metric, (metric) => refocused("contour-metric", () => show({ metric }))),
    select("horizontal", names, chosen.x, (x) => refocused("contour-x", () => show({ x }))),
    select("vertical", names, chosen.y, (y) => refocused("contour-y", () => show({ y }))),
  ];
  ["contour-metric", "contour-x", "contour-y"].forEach((id, index) => (made[index].querySelector("select").id = id));
  return made;
}

/** The selects are made anew by their own change; the keyboard must stay where it was. */
function refocused(id, change) {
  change();
  byId(id)?.focus();
}

/** The grid with the chosen parameter horizontally, turned where it is stored the other way round. */
function contourOf({ metric, x, y }) {
  const { contours } = modelOf(metric);
  const found = contours.find((one) => one.x === x && one.y === y);
  if (found) return found;
  const turned = contours.find((one) => one.x === y && one.y === x);
  if (!turned) return null;
  return { x, y, xs: turned.ys, ys: turned.xs, z: transposed(turned.z), ci: transposed(turned.ci) };
}

function transposed(rows) {
  return rows[0].map((_, column) => rows.map((row) => row[column]));
}

function contourFigure({ metric, x, y }, what) {
  const grid = contourOf({ metric, x, y });
  const [across, up] = [scaleOf(parametersByName.get(x)), scaleOf(parametersByName.get(y))];
  const isSmooth = across.kind !== "category" && up.kind !== "category";
  const surface = {
    type: isSmooth ? "contour" : "heatmap",
    x: grid.xs.map(across.place),
    y: grid.ys.map(up.place),
    z: grid[what],
    colorscale:
      what === "z"
        ? scale()
        : [
            [0, colour("raised")],
            [1, colour("accent")],
          ],
    colorbar: { ...colourbar(""), len: 1 },
    hovertext: grid.ys.map((atY, row) => grid.xs.map((atX, column) => aboutCell(grid, metric, atX, atY, row, column))),
    hoverinfo: "text",
    ...(isSmooth
      ? { ncontours: 14, line: { width: 0.5, color: "rgba(255,255,255,.45)" } }
      : { xgap: across.kind === "category" ? 2 : 0, ygap: up.kind === "category" ? 2 : 0 }),
  };
  return {
    data: [surface, observedAt(across, up, x, y, metric)],
    layout: layout({
      showlegend: false,
      margin: { t: 8 },
      xaxis: { ...axisOf(across, x), range: isSmooth ? across.range : wholeCells(across, surface.x) },
      yaxis: { ...axisOf(up, y), range: isSmooth ? up.range : wholeCells(up, surface.y) },
    }),
  };
}

/** An axis on which the cells of the first and the last value are not cut in half. */
function wholeCells({ kind, range }, places) {
  const half = places.length > 1 ? (places.at(-1) - places[0]) / (places.length - 1) / 2 : 0;
  return kind === "category" ? range : [range[0] - half, range[1] + half];
}

function aboutCell(grid, metric, atX, atY, row, column) {
  const interval = `${number(grid.z[row][column])} ± ${number(grid.ci[row][column])}`;
  return `${plain(grid.x, 30)} = ${plain(brief(atX), 30)}<br>${plain(grid.y, 30)} = ${plain(brief(atY), 30)}<br>${plain(metric, 30)}: <b>${interval}</b>`;
}

function observedAt(across, up, x, y, metric) {
  const those = sweep.trials.filter((trial) => value(trial, metric) !== null);
  return {
    type: "scatter",
    mode: "markers",
    cliponaxis: false,
    x: those.map((trial) => across.place(trial.parameterization[x])),
    y: those.map((trial) => up.place(trial.parameterization[y])),
    customdata: those.map((trial) => trial.trial),
    hovertext: those.map(about),
    hoverinfo: "text",
    marker: { size: 5.5, color: "rgba(255,255,255,.95)", line: { color: "#1b1f24", width: 1 } },
  };
}

function drawSlices(body, metrics) {
  const content = part(
    body,
    "What does it expect along one parameter?",
    "The predicted mean along one parameter, all others held still; the band is the 95 % interval.",
  );
  const known = metrics.filter((metric) => Object.keys(modelOf(metric).slices ?? {}).length);
  if (!known.length) {
    content.append(empty("There is no parameter to draw the model along."));
    return;
  }
  const chosen = { metric: known[0], parameter: byImportance(known[0])[0] };
  const controls = el("div", { class: "controls" });
  const node = box("Slice of the model along one parameter");
  const note = el("p", { class: "note" });
  content.append(controls, node, note);
  const show = (change) => {
    Object.assign(chosen, change);
    const names = Object.keys(modelOf(chosen.metric).slices);
    if (!names.includes(chosen.parameter)) [chosen.parameter] = names;
    controls.replaceChildren(
      select("metric", known, chosen.metric, (metric) => refocused("slice-metric", () => show({ metric }))),
      select("parameter", names, chosen.parameter, (parameter) =>
        refocused("slice-parameter", () => show({ parameter })),
      ),
    );
    const [one, other] = controls.querySelectorAll("select");
    [one.id, other.id] = ["slice-metric", "slice-parameter"];
    note.textContent = fixedWords(chosen.metric, [chosen.parameter]);
    draw(node, () => sliceFigure(chosen));
  };
  show({});
}

function sliceFigure({ metric, parameter }) {
  const slice = modelOf(metric).slices[parameter];
  const along = scaleOf(parametersByName.get(parameter));
  const x = slice.x.map(along.place);
  const hovertext = slice.x.map(
    (at, index) =>
      `${plain(parameter, 40)} = ${plain(brief(at), 40)}<br>${plain(metric, 40)}: <b>${number(slice.mean[index])} ± ${number(slice.ci[index])}</b>`,
  );
  const shared = { type: "scatter", x, y: slice.mean, hovertext, hoverinfo: "text" };
  const data =
    along.kind === "category"
      ? [
          {
            ...shared,
            mode: "markers",
            marker: { size: 9, color: colour("accent") },
            error_y: { array: slice.ci, color: colour("accent"), thickness: 1.5, width: 6 },
          },
        ]
      : [band(x, slice), { ...shared, mode: "lines", line: { color: colour("accent"), width: 2.2 } }];
  return { data, layout: layout({ showlegend: false, xaxis: axisOf(along, parameter), yaxis: { title: metric } }) };
}

function band(x, { mean, ci }) {
  const upper = mean.map((at, index) => at + ci[index]);
  const lower = mean.map((at, index) => at - ci[index]);
  return {
    type: "scatter",
    mode: "lines",
    x: [...x, ...[...x].reverse()],
    y: [...upper, ...lower.reverse()],
    fill: "toself",
    fillcolor: colour("accent-soft"),
    line: { width: 0 },
    hoverinfo: "skip",
  };
}

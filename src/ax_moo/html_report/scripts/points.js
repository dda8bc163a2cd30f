// Trials as points: what tells them apart, and what stands around them.

const KINDS = {
  frontier: { symbol: "diamond", size: 12 },
  best: { symbol: "star", size: 15 },
  dominated: { symbol: "circle", size: 9 },
  other: { symbol: "circle", size: 9 },
  infeasible: { symbol: "x", size: 8.5 },
  "stopped early": { symbol: "triangle-down", size: 9 },
};
const MANY = 200;
const DRAWN_FIRST = ["stopped early", "infeasible", "dominated", "other", "frontier", "best"];

function points(trials, kind, x, y, objectives, isLarge) {
  const { symbol, size } = KINDS[kind];
  const isChosen = kind === "frontier" || kind === "best";
  const many = sweep.trials.length > MANY && !isChosen;
  return {
    type: "scatter",
    mode: "markers",
    legendgroup: kind,
    showlegend: false,
    x: trials.map(x),
    y: trials.map(y),
    ...(many ? {} : errorBars(trials, objectives)),
    customdata: trials.map((trial) => trial.trial),
    hovertext: trials.map(about),
    hoverinfo: "text",
    marker: {
      symbol,
      size: size * (isLarge ? 1 : 0.8) * (many ? 0.75 : 1),
      opacity: many ? 0.75 : 1,
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
      bars[index ? "error_y" : "error_x"] = {
        array: sems.map((sem) => 1.96 * sem),
        color: colour("line"),
        thickness: 1.2,
        width: 0,
      };
    }
  });
  return bars;
}

/** Lines at the thresholds; the words of each keep away from where the two lines cross. */
function thresholds(objectives, trials) {
  const isHigh = (objective) => {
    const values = trials.map((trial) => value(trial, objective.name));
    return objective.threshold > (Math.min(...values) + Math.max(...values)) / 2;
  };
  const levels = Object.entries(objectives)
    .filter(([, objective]) => objective.threshold !== null)
    .map(([at, objective]) => {
      const crossing = at === "x" ? objectives.y : objectives.x;
      const end = !crossing || crossing.threshold === null || !isHigh(crossing);
      return level(at, objective.threshold, thresholdWords(objective), end);
    });
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

// The state of the sweep in a few figures.

const STATES = {
  running: "● running",
  finished: "✓ finished",
  stopped: "■ stopped",
  interrupted: "‖ interrupted",
  killed: "✕ killed",
  copy: "⧉ copy",
};

function drawSummary() {
  byId("title").textContent = sweep.title;
  byId("heading").textContent = sweep.title;
  const state = byId("state");
  state.textContent = STATES[sweep.state] ?? sweep.state;
  state.dataset.state = sweep.state;
  byId("goals").textContent = goals();
  const tiles = [trialsTile(), resultTile(), frontierTile(), elapsedTile(), utilizationTile()];
  byId("tiles").append(el("dl", { class: "tiles" }, tiles));
  const words =
    sweep.state === "running"
      ? `Written ${moment(sweep.written)} while the sweep was running; reload the page for news.`
      : `Written ${moment(sweep.written)}.`;
  byId("tiles").after(el("p", { class: "note" }, `${words} Folder: ${sweep.folder}`));
  const fallen = (sweep.model_failures ?? []).flatMap((failure) => failure.trials).length;
  if (fallen) {
    const why = sweep.model_failures.at(-1).reason;
    const text = `The model failed for ${fallen} candidates, which are random points instead (last: ${why}).`;
    byId("tiles").after(el("p", { class: "note" }, text));
  }
}

function goals() {
  const objectives = sweep.objectives.map((objective) => {
    const threshold = objective.threshold === null ? "" : ` (${thresholdWords(objective)})`;
    return `${objective.minimize ? "minimize" : "maximize"} ${objective.name}${threshold}`;
  });
  const parts = [objectives.join(", ")];
  if (sweep.outcome_constraints.length) parts.push(`subject to ${sweep.outcome_constraints.join(", ")}`);
  if (sweep.parameter_constraints.length) parts.push(`with ${sweep.parameter_constraints.join(", ")}`);
  const sentence = parts.join("; ");
  return `${sentence[0].toUpperCase()}${sentence.slice(1)}.`;
}

/** A number that is written smaller, so that it stays on one line. */
const LONG = /^[-\d.,e]{9,}$/;

function tile(name, value, more, kind = "") {
  return el(
    "div",
    { class: `tile ${kind}` },
    el("dt", {}, name),
    el(
      "dd",
      { class: LONG.test(value) ? "long" : "" },
      value,
      more ? el("span", { class: "more" }, more) : null,
    ),
  );
}

function trialsTile() {
  const counts = Object.entries(sweep.counts).filter(([, amount]) => amount);
  const share = counts.map(([status, amount]) =>
    el("i", { style: `flex-grow:${amount};background:var(--${way(status).colour})` }),
  );
  const key = counts.map(([status, amount]) =>
    el(
      "span",
      {},
      el("i", { class: "dot", style: `background:var(--${way(status).colour})` }),
      el("b", {}, number(amount)),
      ` ${way(status).label}`,
    ),
  );
  const planned =
    sweep.n_trials === null
      ? number(sweep.trials.length)
      : `${number(sweep.trials.length)} of ${number(sweep.n_trials)}`;
  const bar = el("span", { class: "share", "aria-hidden": "true" }, share);
  return el(
    "div",
    { class: "tile wide" },
    el("dt", {}, "trials"),
    el("dd", {}, planned, bar, el("span", { class: "key" }, key)),
  );
}

function resultTile() {
  if (isSingle) {
    const best = sweep.best?.trial ?? null;
    return tile(
      `best ${short(sweep.objectives[0].name, 40)}`,
      number(sweep.best?.value),
      best === null ? null : `trial ${best}`,
    );
  }
  const found = sweep.hypervolume;
  return tile("hypervolume", number(found?.value), found?.reference ? `reference point: ${found.reference}` : null);
}

function frontierTile() {
  if (isSingle) {
    const feasible = sweep.trials.filter((trial) => trial.feasible).length;
    return tile("feasible trials", number(feasible), null);
  }
  return tile("on the frontier", number(sweep.frontier.length), `of ${number(sweep.counts.COMPLETED ?? 0)} completed`);
}

function elapsedTile() {
  return tile("elapsed", duration(sweep.elapsed_s), sweep.started ? `since ${moment(sweep.started)}` : null);
}

function utilizationTile() {
  const { utilization, slots } = sweep.timeline;
  return tile("utilization", percent(utilization), slots ? `of ${count(slots, "slot")}` : null);
}

// The sweep of this page, and what several sections ask about it.

const sweep = JSON.parse(byId("payload").textContent);
const trialsByIndex = new Map(sweep.trials.map((trial) => [trial.trial, trial]));
const parametersByName = new Map(sweep.parameters.map((parameter) => [parameter.name, parameter]));
const isSingle = sweep.objectives.length === 1;

function trialOf(index) {
  return trialsByIndex.get(index);
}

function value(trial, metric) {
  const found = trial.metrics?.[metric];
  return typeof found === "number" ? found : null;
}

/** How far a trial has come, as the plots tell trials apart. */
function kindOf(trial) {
  if (trial.status === "EARLY_STOPPED") return "stopped early";
  if (trial.pareto) return isSingle ? "best" : "frontier";
  if (trial.feasible === false) return "infeasible";
  return isSingle ? "other" : "dominated";
}

function thresholdWords(objective) {
  return `${objective.minimize ? "≤" : "≥"} ${number(objective.threshold)}`;
}

function whyNothing() {
  const { counts } = sweep;
  if (!sweep.trials.length) return "No trial has begun yet.";
  const running = (counts.RUNNING ?? 0) + (counts.STAGED ?? 0);
  if (counts.COMPLETED) return "No completed trial has returned what is drawn here.";
  return running ? `No trial has completed yet; ${count(running, "trial")} under way.` : "No trial has completed.";
}

/** What the pointer shows of a trial. */
function about(trial) {
  const lines = [`<b>trial ${trial.trial}</b> · ${way(trial.status).label} · ${kindOf(trial)}`];
  const sems = trial.sem ?? {};
  for (const [name, found] of Object.entries(trial.metrics ?? {})) {
    const sem = typeof sems[name] === "number" && sems[name] > 0 ? ` ± ${number(sems[name])}` : "";
    lines.push(`${plain(name, 40)}: <b>${plain(number(found))}${sem}</b>`);
  }
  const parameters = Object.entries(trial.parameterization);
  for (const [name, found] of parameters.slice(0, 16)) lines.push(`${plain(name, 40)} = ${plain(brief(found), 50)}`);
  if (parameters.length > 16) lines.push(`and ${parameters.length - 16} more parameters`);
  return lines.join("<br>");
}

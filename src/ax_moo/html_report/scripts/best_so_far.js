// With one objective: the value of each trial, and the best so far.

function drawAllValues(body, trials) {
  const [objective] = sweep.objectives;
  const node = box(`The value of ${objective.name} of each trial, and the best so far`, "tall points");
  drawView(
    body,
    node,
    () => allValues(trials, objective),
    () => ({ x: null, y: viewOf(objective.name) }),
  );
  copiesOnClick(node);
}

function allValues(trials, objective) {
  const line = {
    type: "scatter",
    mode: "lines",
    x: trials.map((trial) => trial.trial),
    y: bestSoFar(trials, objective),
    line: { shape: "hv", color: colour("accent"), width: 1.8 },
    hoverinfo: "skip",
    showlegend: false,
  };
  const data = [line];
  for (const kind of DRAWN_FIRST) {
    const those = trials.filter((trial) => kindOf(trial) === kind);
    if (!those.length) continue;
    data.push(
      points(
        those,
        kind,
        (trial) => trial.trial,
        (trial) => value(trial, objective.name),
        [null, objective],
        true,
      ),
      keyTo(kind),
    );
  }
  return { data, layout: byIteration(thresholds({ y: objective }, trials), "trial", objective.name, true) };
}

/** After each trial, the best value of those that count. */
function bestSoFar(trials, objective) {
  const better = objective.minimize ? Math.min : Math.max;
  let best = null;
  return trials.map((trial) => {
    const counts = trial.status === "COMPLETED" && trial.feasible !== false;
    const found = value(trial, objective.name);
    if (counts) best = best === null ? found : better(best, found);
    return best;
  });
}

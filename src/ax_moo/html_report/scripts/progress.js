// How the result grew, against the number of finished trials and against time.

/** No plot has an axis for more. */
const LARGEST = 1e300;

function drawProgress() {
  const body = bodyOf("progress");
  const subject = isSingle ? sweep.objectives[0].name : "hypervolume";
  const trace = (isSingle ? sweep.best : sweep.hypervolume)?.trace ?? [];
  caption("progress", progressCaption() + tooLarge(trace));
  if (!trace.some((point) => point.value !== null)) {
    body.append(empty(whyNothing()));
    return;
  }
  const unit = timeUnit(Math.max(...trace.map((point) => point.elapsed)));
  drawTrace(body, trace, "Against finished trials", "finished trials", (point) => point.finished, subject);
  drawTrace(body, trace, "Against time", `elapsed (${unit.name})`, (point) => point.elapsed / unit.seconds, subject);
}

function progressCaption() {
  if (isSingle)
    return `The best value of ${sweep.objectives[0].name} among the finished trials. A flat end says that more trials have not helped.`;
  const found = sweep.hypervolume;
  const point = Object.entries(found?.reference_point ?? {}).map(([name, at]) => `${name} = ${number(at)}`);
  const reference = found?.reference
    ? ` It is measured from ${found.reference}${point.length ? ` (${point.join(", ")})` : ""}.`
    : "";
  return `Hypervolume is what the frontier dominates, up to a reference point: more is better, and a flat end says that more trials have not helped.${reference}`;
}

/** Volumes of metrics near 1e200 are larger than any number. */
function tooLarge(trace) {
  const first = trace.find((point) => Math.abs(point.value) >= LARGEST);
  return first ? ` From ${count(first.finished, "finished trial")} on it is too large to be drawn.` : "";
}

function timeUnit(seconds) {
  if (seconds > 2 * 86400) return { name: "days", seconds: 86400 };
  if (seconds > 2 * 3600) return { name: "hours", seconds: 3600 };
  return seconds > 180 ? { name: "minutes", seconds: 60 } : { name: "seconds", seconds: 1 };
}

function drawTrace(body, trace, title, label, x, subject) {
  const node = box(`${subject} ${title.toLowerCase()}`, "low points");
  const parent = el("figure", {}, el("figcaption", {}, el("b", {}, title)));
  body.append(parent);
  drawView(
    parent,
    node,
    () => traceFigure(trace, label, x, subject),
    () => ({ x: null, y: isSingle ? viewOf(subject) : null }),
  );
  copiesOnClick(node);
}

function traceFigure(trace, label, x, subject) {
  const line = {
    type: "scatter",
    mode: trace.length > 200 ? "lines" : "lines+markers",
    x: trace.map(x),
    y: trace.map((point) => (Math.abs(point.value) < LARGEST ? point.value : null)),
    customdata: trace.map((point) => point.trial),
    hovertext: trace.map(
      (point) =>
        `${plain(subject)}: <b>${number(point.value)}</b><br>${count(point.finished, "finished trial")}, ${duration(point.elapsed)}<br>trial ${point.trial} was the last`,
    ),
    hoverinfo: "text",
    line: { shape: "hv", color: colour("accent"), width: 2 },
    marker: { size: 4.5, color: colour("accent") },
    cliponaxis: false,
    fill: isSingle ? "none" : "tozeroy",
    fillcolor: colour("accent-soft"),
  };
  const limits = isSingle ? thresholds({ y: sweep.objectives[0] }, []) : {};
  return {
    data: [line],
    layout: layout({
      ...limits,
      showlegend: false,
      xaxis: { title: label, rangemode: "tozero" },
      yaxis: { title: subject, rangemode: isSingle ? "normal" : "tozero" },
    }),
  };
}

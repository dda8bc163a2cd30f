// What ran when in each slot.

const LANE = 0.78; // by itself plotly makes the bars of an outcome wider where none of them is in a slot next to another's

function drawTimeline() {
  const { spans, utilization } = sweep.timeline;
  const idle = utilization === null ? "" : ` The slots were in use for ${percent(utilization)} of the time.`;
  caption(
    "timeline",
    `One lane per slot, one bar per attempt, labelled with its trial; a hatched gap is a slot that had nothing to run.${idle}`,
  );
  const body = bodyOf("timeline");
  if (!spans.length) {
    body.append(empty("No trial has been started yet."));
    return;
  }
  const slots = Math.max(sweep.timeline.slots ?? 0, ...spans.map((span) => span.slot + 1));
  const node = box("Gantt chart of the slots", "points");
  body.append(node);
  draw(node, () => {
    // The legend of a narrow page takes several lines.
    node.style.height = `${Math.min(1400, (isNarrow() ? 190 : 110) + slots * (slots > 32 ? 14 : 28))}px`;
    return timelineFigure(spans, slots);
  });
  copiesOnClick(node);
}

function timelineFigure(spans, slots) {
  const began = Math.min(...spans.map((span) => span.start));
  const ended = Math.max(began + 1, ...spans.map((span) => span.end ?? sweep.written));
  const unit = timeUnit(ended - began);
  const at = (seconds) => (seconds - began) / unit.seconds;
  const data = [idleLanes(slots, at(ended))];
  for (const outcome of [...new Set(spans.map((span) => span.outcome))].sort(byWay)) {
    data.push(
      bars(
        spans.filter((span) => span.outcome === outcome),
        outcome,
        at,
      ),
    );
  }
  const again = spans.filter((span) => span.attempt > 1);
  if (again.length) data.push(retriesOf(again, at));
  const ticks = slots > 32 ? {} : { dtick: 1 };
  const yaxis = { title: "slot", range: [slots - 0.4, -0.6], fixedrange: true, showgrid: false, ...ticks };
  const xaxis = { title: `${unit.name} since the first start`, range: [0, at(ended)] };
  const uniformtext = spans.length > 400 ? {} : { uniformtext: { mode: "hide", minsize: 9 } };
  return {
    data,
    layout: layout({
      barmode: "overlay",
      xaxis,
      yaxis,
      showlegend: true,
      legend: { maxheight: 0.9 },
      ...uniformtext,
    }),
  };
}

function byWay(one, other) {
  const order = Object.keys(WAYS);
  return order.indexOf(one) - order.indexOf(other);
}

function idleLanes(slots, end) {
  const pattern = {
    shape: "/",
    size: 6,
    solidity: 0.12,
    fgcolor: colour("faint"),
    bgcolor: colour("lane"),
    fillmode: "replace",
  };
  return {
    type: "bar",
    orientation: "h",
    width: LANE,
    name: "idle",
    y: Array.from({ length: slots }, (_, slot) => slot),
    x: Array.from({ length: slots }, () => end),
    marker: { color: colour("lane"), pattern },
    hoverinfo: "skip",
  };
}

function bars(spans, outcome, at) {
  const { colour: name, label, pattern } = way(outcome);
  const isBright = ["orange", "purple", "sky"].includes(name);
  const withText = spans.length <= 400;
  return {
    type: "bar",
    orientation: "h",
    width: LANE,
    name: label,
    y: spans.map((span) => span.slot),
    base: spans.map((span) => at(span.start)),
    x: spans.map((span) => at(span.end ?? sweep.written) - at(span.start)),
    text: withText ? spans.map((span) => (span.attempt > 1 ? `${span.trial} ↻` : String(span.trial))) : undefined,
    textposition: withText ? "inside" : "none",
    insidetextanchor: "middle",
    textangle: 0,
    textfont: { color: isBright ? "#1b1f24" : "#ffffff", size: 11 },
    customdata: spans.map((span) => span.trial),
    hovertext: spans.map(aboutSpan),
    hoverinfo: "text",
    marker: {
      color: colour(name),
      line: { color: colour("surface"), width: 1 },
      pattern: { shape: pattern, size: 7, solidity: 0.25, fgcolor: "rgba(255,255,255,.75)", fillmode: "overlay" },
    },
  };
}

function aboutSpan(span) {
  const lines = [
    `<b>trial ${span.trial}</b>${span.attempt > 1 ? `, attempt ${span.attempt}` : ""} · ${way(span.outcome).label}`,
  ];
  lines.push(`${moment(span.start)} – ${span.end === null ? "still running" : moment(span.end)}`);
  lines.push(duration((span.end ?? sweep.written) - span.start));
  if (span.reason) lines.push(plain(span.reason, 90));
  return lines.join("<br>");
}

function retriesOf(spans, at) {
  return {
    type: "scatter",
    mode: "markers",
    name: "another attempt",
    x: spans.map((span) => at(span.start)),
    y: spans.map((span) => span.slot),
    customdata: spans.map((span) => span.trial),
    hovertext: spans.map(aboutSpan),
    hoverinfo: "text",
    marker: {
      symbol: "triangle-right",
      size: 11,
      color: colour("surface"),
      line: { color: colour("ink"), width: 1.5 },
    },
  };
}

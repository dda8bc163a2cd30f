// Learning curves: one trace per kind of trial, with gaps between its trials, so that a thousand trials stay quick.

const POINTS_AT_MOST = 40000;

function drawCurves() {
  const body = bodyOf("curves");
  const { metrics } = sweep.curves;
  if (!metrics.length) {
    body.append(
      empty("No trial has reported a measurement while it trained; ax_moo.report(step=..., metric=...) does that."),
    );
    return;
  }
  let metric = metrics[0];
  const node = box("Learning curves of the trials", "tall points");
  const pick = (chosen) => {
    metric = chosen;
    show();
  };
  body.append(el("div", { class: "controls" }, select("metric", metrics, metric, pick)));
  const show = drawView(
    body,
    node,
    () => curvesFigure(metric),
    () => ({ x: null, y: sweep.curves.views?.[metric] ?? null }),
  );
  copiesOnClick(node);
}

function curveKinds() {
  return {
    others: { color: colour("faint"), width: 1, opacity: isDark() ? 0.55 : 0.5 },
    failed: { color: colour("vermillion"), width: 1.2, dash: "dot", opacity: 0.9 },
    "stopped early": { color: colour("orange"), width: 1.2, dash: "dashdot", opacity: 0.9 },
    running: { color: colour("green"), width: 1.6, dash: "dash", opacity: 1 },
    [isSingle ? "best" : "frontier"]: { color: colour("accent"), width: 2.2, opacity: 1 },
  };
}

function curveKind(trial) {
  if (trial?.pareto) return isSingle ? "best" : "frontier";
  const kinds = { RUNNING: "running", EARLY_STOPPED: "stopped early", FAILED: "failed", ABANDONED: "failed" };
  return kinds[trial?.status] ?? "others";
}

function curvesFigure(metric) {
  const curves = sweep.curves.trials.filter((curve) => curve.metrics[metric]?.step.length);
  const total = curves.reduce((sum, curve) => sum + curve.metrics[metric].step.length, 0);
  const stride = Math.ceil(total / POINTS_AT_MOST) || 1;
  const data = [];
  for (const [kind, style] of Object.entries(curveKinds())) {
    const those = curves.filter((curve) => curveKind(trialOf(curve.trial)) === kind);
    if (those.length) data.push(curvesOf(those, metric, kind, style, stride));
  }
  const last = Math.max(...curves.flatMap((curve) => curve.metrics[metric].step.at(-1)));
  const whole = last <= 12 ? { dtick: 1 } : {};
  return {
    data,
    layout: layout({
      xaxis: { title: "step", ...whole },
      yaxis: { title: metric },
      showlegend: true,
      legend: { traceorder: "reversed" },
    }),
  };
}

function curvesOf(curves, metric, kind, { opacity, ...line }, stride) {
  const [x, y, customdata, hovertext] = [[], [], [], []];
  for (const { trial, metrics } of curves) {
    const { step, value: values } = metrics[metric];
    step.forEach((at, index) => {
      if (index % stride && index !== step.length - 1) return;
      x.push(at);
      y.push(values[index]);
      customdata.push(trial);
      hovertext.push(`<b>trial ${trial}</b><br>step ${number(at)}<br>${plain(metric, 40)}: ${number(values[index])}`);
    });
    x.push(null);
    y.push(null);
    customdata.push(null);
    hovertext.push("");
  }
  const mode =
    curves.every((curve) => curve.metrics[metric].step.length > 1) && x.length > 300 ? "lines" : "lines+markers";
  return {
    type: "scatter",
    mode,
    name: kind,
    x,
    y,
    customdata,
    hovertext,
    hoverinfo: "text",
    opacity,
    line,
    marker: { size: 4 },
    connectgaps: false,
  };
}

// Where a plot opens: around what matters, if outliers would squeeze it. What lies outside is said, and one click shows it.

/** The view of a metric, or none where all values are shown. */
function viewOf(metric) {
  return sweep.views?.[metric] ?? null;
}

/** A plot that opens on `views()`, which has a range or null for x and for y; `parent` gets its words, its button and it. */
function drawView(parent, node, figure, views) {
  const words = el("output");
  const button = el("button", { type: "button", class: "small" });
  const bar = el("p", { class: "view" }, words, button);
  let shown = null;
  const hasView = () => Object.values(views()).some(Boolean);
  const show = () => draw(node, () => withRanges(figure(), shown ?? views()));
  const tell = () => {
    if (hasView()) tellView(node, bar, words, button, shown !== null);
    else bar.hidden = true;
  };
  button.addEventListener("click", () => {
    shown = button.dataset.to === "all" ? { x: null, y: null } : null;
    show();
  });
  parent.append(bar, node);
  show();
  node.on("plotly_relayout", (changed) => {
    if (!hasView() || !Object.keys(changed).some((key) => /^[xy]axis/.test(key))) return;
    shown = { x: rangeOf(node.layout.xaxis), y: rangeOf(node.layout.yaxis) };
    show();
  });
  node.on("plotly_afterplot", tell);
  tell();
  /** Shows other data, from the start. */
  return () => {
    shown = null;
    show();
  };
}

function rangeOf({ autorange, range }) {
  return autorange ? null : range;
}

function withRanges({ data, layout }, ranges) {
  for (const at of ["x", "y"]) {
    const range = ranges[at];
    if (!range) continue;
    layout[`${at}axis`].range = range;
    for (const trace of data) trace[at] = trace[at]?.map((one) => notTooFar(one, range));
    for (const shape of layout.shapes ?? []) {
      for (const end of [`${at}0`, `${at}1`]) {
        if (shape[`${at}ref`] !== "paper") shape[end] = notTooFar(shape[end], range);
      }
    }
    for (const annotation of layout.annotations ?? []) {
      if (annotation[`${at}ref`] !== "paper") annotation[at] = notTooFar(annotation[at], range);
    }
  }
  return { data, layout, config: { doubleClick: "autosize" } };
}

/** The value, or a place far outside of the range instead of one that is too far away for an SVG to have. */
function notTooFar(value, [low, high]) {
  if (value === null) return null;
  const far = 1e6 * (high - low);
  return Math.min(Math.max(value, low - far), high + far);
}

function tellView(node, bar, words, button, isChosen) {
  const { inside, outside, front } = counted(node);
  const lines = outsideLines(node);
  const all = count(inside + outside, "trial");
  const ofThem = front ? ` (${number(front)} on the frontier)` : "";
  const lying = [outside ? `${number(outside)} of ${all}${ofThem}` : null, ...lines].filter((each) => each !== null);
  bar.hidden = !lying.length && !isChosen;
  const verb = outside > 1 || lying.length > 1 || lines[0]?.startsWith("the thresholds") ? "lie" : "lies";
  words.textContent = lying.length
    ? `${lying.join(" and ")} ${verb} outside of this view.`
    : inside === 1
      ? "The only trial is shown."
      : `All ${all} are shown.`;
  button.dataset.to = lying.length ? "all" : "view";
  button.textContent = lying.length ? "Show all" : "Leave outliers out";
}

/** How many trials have all of their points within the axes, and how many have not. */
function counted({ data, layout }) {
  const [inside, outside] = [new Set(), new Set()];
  for (const { x, y, customdata } of data) {
    (customdata ?? []).forEach((trial, index) => {
      if (trial === null || x[index] === null || y[index] === null) return;
      const isIn = isWithin(x[index], layout.xaxis) && isWithin(y[index], layout.yaxis);
      (isIn ? inside : outside).add(trial);
    });
  }
  return {
    inside: [...inside].filter((trial) => !outside.has(trial)).length,
    outside: outside.size,
    front: isSingle ? 0 : [...outside].filter((trial) => trialOf(trial)?.pareto).length,
  };
}

function isWithin(value, { range }) {
  return !range || (value >= Math.min(...range) && value <= Math.max(...range));
}

/** The thresholds whose lines are outside. */
function outsideLines({ layout }) {
  const isOut = ({ x0, x1, y0, y1, xref, yref }) =>
    (x0 === x1 && xref !== "paper" && !isWithin(x0, layout.xaxis)) ||
    (y0 === y1 && yref !== "paper" && !isWithin(y0, layout.yaxis));
  const names = (layout.shapes ?? []).filter(isOut).map(({ name }) => name);
  return names.length ? [`the ${names.length > 1 ? "thresholds" : "threshold"} ${names.join(" and ")}`] : [];
}

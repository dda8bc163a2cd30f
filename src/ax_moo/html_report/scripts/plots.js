// One look for all plots. A plot is a function that returns {data, layout}, called again when the theme or width changes.

const NARROW = 760;
const FONT = getComputedStyle(document.body).fontFamily;
const CONFIG = {
  displaylogo: false,
  typesetMath: false, // a $ in a name is a $
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
};
// 80,000 and 0.00001; powers of ten only beyond a thousand million.
const READABLE = { separatethousands: true, exponentformat: "power", minexponent: 9 };
// Viridis without its ends, which the page's two backgrounds would swallow.
const LIGHT_SCALE = [
  [0, "#440154"],
  [0.25, "#3f4a8a"],
  [0.5, "#26838f"],
  [0.75, "#42b071"],
  [1, "#b9d832"],
];
const DARK_SCALE = [
  [0, "#6a5acd"],
  [0.25, "#4a8bc2"],
  [0.5, "#2fa59a"],
  [0.75, "#6ccd5a"],
  [1, "#fde725"],
];
const WAYS = {
  COMPLETED: { colour: "blue", label: "completed", pattern: "" },
  FAILED: { colour: "vermillion", label: "failed", pattern: "x" },
  LOST: { colour: "purple", label: "lost", pattern: "/" },
  EARLY_STOPPED: { colour: "orange", label: "stopped early", pattern: "-" },
  ABANDONED: { colour: "gray", label: "abandoned", pattern: "." },
  RUNNING: { colour: "green", label: "running", pattern: "\\" },
  STAGED: { colour: "sky", label: "staged", pattern: "|" },
};

const colours = {};
const figures = new Map();
const waiting = [];

/** How a status or an outcome looks; also one that this page does not know. */
function way(name) {
  return WAYS[name] ?? { colour: "gray", label: String(name).toLowerCase().replaceAll("_", " "), pattern: "" };
}

/** A colour of page.css in the present theme. */
function colour(name) {
  const theme = document.documentElement.dataset.theme;
  const known = (colours[theme] ??= {});
  return (known[name] ??= getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
}

function isDark() {
  return document.documentElement.dataset.theme === "dark";
}

function isNarrow() {
  return innerWidth < NARROW;
}

function scale() {
  return isDark() ? DARK_SCALE : LIGHT_SCALE;
}

/** An axis; its title, which may be anything, as text. */
function axis(more = {}) {
  const { title, ...rest } = more;
  return {
    gridcolor: colour("grid"),
    linecolor: colour("line"),
    tickcolor: colour("line"),
    showline: true,
    zeroline: false,
    ticks: "outside",
    ticklen: 4,
    automargin: true,
    title: { text: plain(title ?? "", innerWidth < 1100 ? 32 : 60), standoff: 10, font: { size: 13, color: colour("muted") } },
    tickfont: { color: colour("muted"), size: 11.5 },
    ...READABLE,
    ...rest,
  };
}

function layout(more = {}) {
  const { xaxis, yaxis, margin, legend, ...rest } = more;
  return {
    autosize: true,
    font: { family: FONT, size: 12.5, color: colour("ink") },
    paper_bgcolor: colour("surface"),
    plot_bgcolor: colour("surface"),
    hovermode: "closest",
    hoverlabel: {
      bgcolor: colour("surface"),
      bordercolor: colour("faint"),
      align: "left",
      font: { family: FONT, size: 12.5, color: colour("ink") },
    },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("faint"), activecolor: colour("accent") },
    margin: { l: 48, r: 12, t: 14, b: 36, ...margin },
    legend: {
      orientation: "h",
      x: 0,
      y: 1.01,
      yanchor: "bottom",
      font: { size: 12, color: colour("muted") },
      ...legend,
    },
    xaxis: axis(xaxis),
    yaxis: axis(yaxis),
    ...rest,
  };
}

function colourbar(title) {
  return {
    // The second line is air, so that the title keeps away from a tick at the top.
    title: { text: title && `${title}<br><span style="font-size:6px"> </span>`, side: "top", font: { size: 12, color: colour("muted") } },
    tickfont: { color: colour("muted"), size: 11.5 },
    ...READABLE,
    thickness: 10,
    outlinewidth: 0,
    len: 0.9,
    xpad: 6,
  };
}

/** A dashed line across the plot at `value`, with its words at its beginning or, if they `end` it, at its end. */
function level(at, value, words, end) {
  const x = at === "x";
  const line = { type: "line", name: words, line: { color: colour("muted"), width: 1.3, dash: "dash" }, layer: "below" };
  const where = x
    ? { x0: value, x1: value, yref: "paper", y0: 0, y1: 1 }
    : { y0: value, y1: value, xref: "paper", x0: 0, x1: 1 };
  const spot = x
    ? { x: value, yref: "paper", y: end ? 1 : 0, xanchor: "left", yanchor: end ? "top" : "bottom" }
    : { y: value, xref: "paper", x: end ? 1 : 0, xanchor: end ? "right" : "left", yanchor: "bottom" };
  const annotation = {
    ...spot,
    text: plain(words),
    showarrow: false,
    bgcolor: colour("surface"),
    borderpad: 1,
    font: { size: 11.5, color: colour("muted") },
  };
  return { shape: { ...line, ...where }, annotation };
}

// Plotly's own way follows the window, and not a box that others make narrower.
const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const drawn = target._fullLayout?.width;
    if (target.clientWidth && Math.abs(drawn - target.clientWidth) >= 1) Plotly.Plots.resize(target);
  }
});

function draw(node, figure) {
  figures.set(node, figure);
  widths.observe(node);
  const { data, layout, config } = figure();
  return Plotly.react(node, data, layout, { ...CONFIG, ...config });
}

/** A box for a plot; what it shows is said to those who cannot see it. */
function box(words, kind = "") {
  return el("div", { class: `plot ${kind}`, role: "group", "aria-label": words });
}

function redrawOne(node) {
  draw(node, figures.get(node));
}

/** Draws all plots again, those that are in sight at once. */
function redraw() {
  for (const node of figures.keys()) {
    const { top, bottom } = node.getBoundingClientRect();
    if (bottom > 0 && top < innerHeight) redrawOne(node);
    else later(() => redrawOne(node));
  }
}

/** Drawn in its turn, so that the page answers in between. */
function later(task) {
  if (!waiting.length && isReady()) setTimeout(work, 0);
  waiting.push(task);
}

function work() {
  waiting.shift()?.();
  if (waiting.length) setTimeout(work, 0);
  else document.documentElement.dataset.ready = "true";
}

function isReady() {
  return document.documentElement.dataset.ready === "true";
}

/** A click on a point of a trial copies the trial's command; points carry trials as `customdata`. */
function copiesOnClick(node) {
  node.on("plotly_click", ({ points }) => {
    const trial = trialOf(points[0]?.customdata);
    if (trial) copyCommand(trial);
  });
}

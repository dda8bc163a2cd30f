// The table of trials: sorted, filtered, and drawn a part at a time where there are many.

const AT_ONCE = 200;
const AHEAD = ["trial", "status", "pareto", "feasible"];
const BEHIND = ["duration_s", "generation_node", "job_id", "start_time", "end_time"];
const shownRows = {
  by: "trial",
  descending: false,
  words: "",
  status: null,
  feasible: null,
  pareto: null,
  limit: AT_ONCE,
};

function drawTable() {
  const body = bodyOf("trials");
  if (!sweep.trials.length) {
    body.append(empty(whyNothing()));
    return;
  }
  const columns = orderedColumns();
  const rows = sweep.trials.map((trial) => rowOf(trial, columns));
  const table = {
    columns,
    rows,
    head: el("tr"),
    body: el("tbody"),
    matches: el("output"),
    more: el("div", { class: "more-rows" }),
  };
  const show = (change) => {
    Object.assign(shownRows, change);
    showRows(table, show);
  };
  drawHead(table, show);
  body.append(
    filters(table, show),
    el(
      "div",
      { class: "table", tabindex: "0", role: "region", "aria-label": "Table of trials" },
      el("table", {}, el("thead", {}, table.head), table.body),
    ),
    table.more,
  );
  show({});
}

/** What tells trials apart at the left, the measured before the chosen, and the bookkeeping at the right. */
function orderedColumns() {
  const known = sweep.columns.filter((name) => ![...AHEAD, ...BEHIND].includes(name));
  const measured = known.filter((name) => sweep.metrics.includes(name) && !parametersByName.has(name));
  const rest = known.filter((name) => !measured.includes(name));
  const there = (name) => sweep.columns.includes(name);
  return [...AHEAD.filter(there), ...measured, ...rest, ...BEHIND.filter(there)];
}

function rowOf(trial, columns) {
  const cells = columns.map((name) => cellText(name, trial.row[name], trial));
  return { trial, cells, words: [...cells, trial.reason ?? ""].join("\n").toLowerCase(), node: null };
}

function cellText(name, found, trial) {
  if (found === null || found === undefined)
    return parametersByName.has(name) && name in trial.parameterization ? text(trial.parameterization[name]) : "";
  if (name.endsWith("_time") && BEHIND.includes(name)) return moment(Date.parse(found) / 1000);
  if (typeof found === "boolean") return found ? "yes" : "no";
  if (name === "status") return way(found).label;
  if (typeof found === "number" && sweep.metrics.includes(name)) return number(found);
  return brief(found);
}

function drawHead(table, show) {
  const headings = table.columns.map((name) => {
    const sort = () => show({ by: name, descending: shownRows.by === name && !shownRows.descending });
    const kind = isNumeric(name) ? "sorted number" : "sorted";
    return el(
      "th",
      { scope: "col", class: kind, "data-column": name },
      el("button", { type: "button", title: name, onclick: sort }, el("span", {}, name)),
    );
  });
  table.head.append(el("th", { scope: "col" }, "command"), ...headings);
}

function isNumeric(name) {
  return sweep.trials.every(
    ({ row }) => row[name] === null || row[name] === undefined || typeof row[name] === "number",
  );
}

function filters(table, show) {
  const again = { limit: AT_ONCE };
  const statuses = [null, ...new Set(sweep.trials.map((trial) => trial.status))];
  const either = [null, true, false];
  const yes = (found) => (found === null ? "any" : found ? "yes" : "no");
  const search = el("input", {
    type: "search",
    placeholder: "a value, a status, part of a failure",
    oninput: () => show({ words: search.value.trim().toLowerCase(), ...again }),
  });
  return el(
    "div",
    { class: "controls" },
    el("label", { class: "grow" }, "contains", search),
    select(
      "status",
      statuses,
      null,
      (status) => show({ status, ...again }),
      (status) => (status === null ? "any" : way(status).label),
    ),
    select("feasible", either, null, (feasible) => show({ feasible, ...again }), yes),
    select("on the frontier", either, null, (pareto) => show({ pareto, ...again }), yes),
    table.matches,
  );
}

function showRows(table, show) {
  const rows = table.rows.filter(isWanted).sort(inOrder);
  table.body.replaceChildren(
    ...rows.slice(0, shownRows.limit).map((row) => (row.node ??= drawRow(row, table.columns))),
  );
  table.matches.textContent =
    rows.length === table.rows.length
      ? count(rows.length, "trial")
      : `${number(rows.length)} of ${count(table.rows.length, "trial")}`;
  for (const heading of table.head.querySelectorAll("[data-column]")) {
    const isBy = heading.dataset.column === shownRows.by;
    heading.setAttribute("aria-sort", isBy ? (shownRows.descending ? "descending" : "ascending") : "none");
  }
  showMore(table, rows.length, show);
}

function showMore(table, found, show) {
  const all = el("button", { type: "button", onclick: () => show({ limit: Infinity }) }, `Show all ${number(found)}`);
  const words = `The first ${number(shownRows.limit)} are shown; filters and sorting regard all.`;
  table.more.replaceChildren(...(found > shownRows.limit ? [all, words] : []));
}

function isWanted({ trial, words }) {
  const { status, feasible, pareto } = shownRows;
  if (status !== null && trial.status !== status) return false;
  if (feasible !== null && trial.feasible !== feasible) return false;
  if (pareto !== null && Boolean(trial.pareto) !== pareto) return false;
  return words.includes(shownRows.words);
}

/** Numbers before words, and what is missing always last. */
function inOrder(one, other) {
  const [a, b] = [one.trial.row[shownRows.by], other.trial.row[shownRows.by]];
  const [missingA, missingB] = [a === null || a === undefined, b === null || b === undefined];
  if (missingA || missingB) return missingA - missingB || one.trial.trial - other.trial.trial;
  const order =
    typeof a === "number" && typeof b === "number" ? a - b : text(a).localeCompare(text(b), "en", { numeric: true });
  return (shownRows.descending ? -order : order) || one.trial.trial - other.trial.trial;
}

function drawRow({ trial, cells }, columns) {
  const button = el(
    "button",
    {
      type: "button",
      class: "copy",
      "aria-label": `Copy the command of trial ${trial.trial}`,
      onclick: () => copyCommand(trial),
    },
    "Copy",
  );
  const row = el("tr", { class: trial.pareto ? "pareto" : null, "data-trial": trial.trial }, el("td", {}, button));
  cells.forEach((cell, index) => {
    const found = trial.row[columns[index]];
    row.append(
      el(
        "td",
        { class: typeof found === "number" ? "number" : null, title: cellTitle(trial, columns[index], cell) },
        cell,
      ),
    );
  });
  return row;
}

function cellTitle(trial, name, cell) {
  if (name === "status" && trial.reason) return trial.reason;
  const whole = text(trial.row[name] ?? "");
  return whole !== cell && whole ? whole : cell.length > 24 ? cell : null;
}

// Why trials have no result, which attempts were made again, and which nodes jobs avoid.

function drawFailures() {
  const body = bodyOf("failures");
  if (!sweep.failures.length && !sweep.retries.length) {
    body.append(empty("No trial has failed, and none had to be tried again."));
    return;
  }
  for (const node of sweep.avoided_nodes) body.append(el("p", {}, avoided(node)));
  for (const failure of sweep.failures) body.append(failureGroup(failure));
  if (sweep.retries.length) body.append(el("h3", {}, "Retries"), retriesTable());
}

function avoided({ node, losses, reason, until }) {
  const runs = sweep.state === "running";
  const so = runs ? "later jobs avoid it until" : "jobs avoid it if the sweep goes on before";
  return `${count(losses, "job")} lost on node ${node} (${reason}); ${so} ${moment(until)}.`;
}

function failureGroup({ reason, trials, log }) {
  const named = `${count(trials.length, "trial")}: ${trials.join(", ")}`;
  const shown = el("pre", { class: "reason", tabindex: "0" }, reason);
  return el("div", { class: "group" }, el("p", {}, named), shown, log ? command(log, "the path of the log") : null);
}

function retriesTable() {
  const headings = ["trial", "attempt", "why it was made again", "counts", "log"].map((name) =>
    el("th", { scope: "col" }, name),
  );
  const rows = sweep.retries.map((retry) =>
    el(
      "tr",
      {},
      el("td", {}, text(retry.trial)),
      el("td", {}, text(retry.attempt)),
      el("td", { class: "wrap" }, retry.reason ?? ""),
      el("td", { title: "Whether it counts against the attempts that a trial has" }, retry.counts ? "yes" : "no"),
      el(
        "td",
        { class: "wrap" },
        retry.log ?? NONE,
        retry.log ? [" ", copyButton(retry.log, "the path of the log")] : null,
      ),
    ),
  );
  const table = el("table", {}, el("thead", {}, el("tr", {}, headings)), el("tbody", {}, rows));
  return el("div", { class: "table", tabindex: "0", role: "region", "aria-label": "Retries" }, table);
}

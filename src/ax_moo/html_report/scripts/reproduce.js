// Commands, versions and configuration.

function drawReproduce() {
  const found = sweep.reproduce;
  const body = bodyOf("reproduce");
  if (found.command !== null)
    body.append(el("h3", {}, "Run the same sweep again"), command(found.command, "the sweep's command"));
  if (found.resume !== null)
    body.append(el("h3", {}, "Go on with this one"), command(found.resume, "the command that resumes"));
  const versions = Object.entries(found.versions ?? {}).map(([name, version]) => `${name} ${version}`);
  const commit = found.git
    ? `${found.git.commit}${found.git.dirty ? " with uncommitted changes" : ""}`
    : "not under git";
  const facts = {
    "working directory": found.cwd,
    git: commit,
    seed: found.seed,
    method: sweep.method,
    python: found.python,
    versions: versions.join(", "),
  };
  const list = Object.entries(facts).flatMap(([name, fact]) => [
    el("dt", {}, name),
    el("dd", {}, fact === null || fact === undefined || fact === "" ? NONE : text(fact)),
  ]);
  body.append(el("h3", {}, "Where and with what"), el("dl", { class: "facts" }, list));
  if (found.config === null || found.config === undefined) return;
  body.append(
    el(
      "details",
      {},
      el("summary", {}, "Config"),
      el("pre", { tabindex: "0" }, found.config),
      copyButton(found.config, "the config", "Copy the config"),
    ),
  );
}

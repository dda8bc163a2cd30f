// Copying. Browsers deny navigator.clipboard to many pages that are opened from a file, and the old way works there.

function copy(words, what) {
  if (copiedAsSelection(words)) {
    say(`Copied ${what}`);
    return;
  }
  const failed = () => say(`This browser does not let the page copy: select ${what} and copy it yourself`);
  if (!navigator.clipboard) failed();
  else navigator.clipboard.writeText(words).then(() => say(`Copied ${what}`), failed);
}

function copiedAsSelection(words) {
  const focused = document.activeElement;
  const area = el("textarea", { class: "aside", readonly: true, "aria-hidden": "true", tabindex: "-1" });
  area.value = words;
  document.body.append(area);
  area.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
    focused?.focus?.({ preventScroll: true });
  }
}

function copyCommand(trial) {
  copy(trial.command, `the command of trial ${trial.trial}`);
}

function copyButton(words, what, label = "Copy") {
  return el(
    "button",
    { type: "button", class: "copy", "aria-label": `Copy ${what}`, onclick: () => copy(words, what) },
    label,
  );
}

/** Words to be copied, and the button that copies them. */
function command(words, what) {
  return el("div", { class: "command" }, el("code", {}, words), copyButton(words, what));
}

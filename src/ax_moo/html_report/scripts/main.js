// What is looked at first is drawn first.

function toggleTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("ax-moo-theme", theme);
  } catch {
    // a browser may refuse storage to a file: then the choice holds until the page is closed
  }
  dispatchEvent(new Event("themechange"));
}

function showTheme() {
  byId("theme").textContent = isDark() ? "☀ Light" : "☾ Dark";
  byId("theme").setAttribute("aria-label", `Change to the ${isDark() ? "light" : "dark"} theme`);
}

function drawContents() {
  const links = new Map();
  for (const section of document.querySelectorAll("section")) {
    const link = el("a", { href: `#${section.id}` }, section.dataset.short);
    links.set(section, link);
    byId("contents").append(el("li", {}, link));
  }
  const mark = () => {
    const passed = [...links.keys()].filter((section) => section.getBoundingClientRect().top < innerHeight / 3);
    for (const [section, link] of links) {
      if (section === passed.at(-1)) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
}

function watchWidth() {
  let narrow = isNarrow();
  addEventListener("resize", () => {
    if (isNarrow() === narrow) return;
    narrow = isNarrow();
    redraw();
  });
}

function watchTheme() {
  byId("theme").addEventListener("click", toggleTheme);
  addEventListener("themechange", () => {
    showTheme();
    redraw();
  });
  let before = null;
  addEventListener("beforeprint", () => {
    before = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    for (const node of figures.keys()) redrawOne(node);
  });
  addEventListener("afterprint", () => {
    document.documentElement.dataset.theme = before;
    redraw();
  });
  showTheme();
}

/** Draws a section; one that cannot be drawn says so and does not take the others with it. */
function section(id, task) {
  try {
    task();
  } catch (error) {
    console.error(error);
    byId(id).append(empty(`This part could not be drawn: ${error.message}`));
  }
}

drawSummary();
section("frontier", drawFrontier);
section("trials", drawTable);
drawContents();
watchTheme();
watchWidth();
performance.mark("interactive");
later(() => section("progress", drawProgress));
later(() => section("timeline", drawTimeline));
later(() => section("failures", drawFailures));
later(() => section("reproduce", drawReproduce));
later(() => section("curves", drawCurves));
later(() => section("parallel", drawParallel));
later(() => section("surrogate", drawSurrogate));
// The browser shows what is there before the rest is drawn.
setTimeout(work, 50);

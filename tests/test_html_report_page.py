"""The page of a sweep in a browser: what it draws, what can be done with it, and that it asks for nothing."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from browser import chromium, why_not_here
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Locator, Page
from report_payloads import GOALS, HOSTILE, Payload, begun, half_finished, hostile, huge, outliers, sweep, uniform

from ax_moo.html_report.page import page, write_page

pytestmark = pytest.mark.hydra_free

MOST_MILLISECONDS = 90_000
PAYLOADS: dict[str, Callable[[], Payload]] = {
    "main": sweep,
    "single": uniform,
    "three": lambda: sweep(24, list(GOALS)),
    "half": half_finished,
    "begun": begun,
    "thousand": lambda: sweep(1000, n_jobs=16),
    "hostile": hostile,
    "outliers": outliers,
    "huge": huge,
}

# The frontier (of each pair), progress twice, timeline, curves, parallel coordinates; of each metric that the model is
# fitted to its validation and importances, contours twice, slices. A sweep that has begun has the timeline and curves.
PLOTS = {"main": 15, "single": 13, "three": 18, "half": 6, "begun": 2, "thousand": 15, "hostile": 17}

# How much of each plot there is to be seen: marks of an SVG, and canvases that are not blank.
MARKS = """
node => {
  const marks = ".scatterlayer .point, .scatterlayer .js-line, .scatterlayer .js-fill, .barlayer .point path, "
    + ".contourlayer path, .heatmaplayer image";
  const isDrawn = canvas => {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const context = copy.getContext("2d");
    context.drawImage(canvas, 0, 0);
    return context.getImageData(0, 0, copy.width, copy.height).data.some((byte, index) => index % 4 === 3 && byte);
  };
  const canvases = [...node.querySelectorAll("canvas")].filter(canvas => canvas.width && canvas.height);
  return node.querySelectorAll(marks).length + canvases.filter(isDrawn).length;
}
"""


# Every plot is as wide as its box.
FITTING = """
() => [...document.querySelectorAll(".plot")].every(plot => Math.abs(plot._fullLayout.width - plot.clientWidth) < 1)
"""


@dataclass
class Opened:
    """A page in the browser, its data, and what it has said and asked for."""

    page: Page
    payload: Payload
    path: Path
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    seconds: float = 0.0
    """For how long the page has had a core until it could be used; by the clock, the other tests count too."""

    def open(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._dismiss)
        self.page.on("request", lambda request: self.requests.append(request.url))
        session = self.page.context.new_cdp_session(self.page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.page.goto(self.path.as_uri(), wait_until="commit")
        self.page.wait_for_function("performance.getEntriesByName('interactive').length", timeout=MOST_MILLISECONDS)
        metrics = session.send("Performance.getMetrics")["metrics"]
        self.seconds = next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")
        self.page.wait_for_function("document.documentElement.dataset.ready === 'true'", timeout=MOST_MILLISECONDS)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(dialog.message)
        dialog.dismiss()

    def column(self, name: str) -> list[str]:
        """The cells of a column of the table, from above."""
        headings = self.page.locator("#trials thead th").all_inner_texts()
        place = next(index for index, heading in enumerate(headings) if heading.strip() == name)
        return self.page.locator(f"#trials tbody tr td:nth-child({place + 1})").all_inner_texts()

    def plot(self, section: str) -> Locator:
        """The first plot of a section."""
        return self.page.locator(f"#{section} .plot").first

    def middle_of_a_point(self, section: str) -> tuple[float, float]:
        """Where the topmost point of a section's first plot is, after scrolling to it."""
        self.plot(section).scroll_into_view_if_needed()
        box = self.plot(section).locator(".scatterlayer .point").last.bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def clipboard(self) -> str:
        """What the keyboard pastes."""
        self.page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), {id: 'pasted'}))")
        self.page.locator("#pasted").focus()
        self.page.keyboard.press("Control+V")
        pasted = self.page.locator("#pasted").input_value()
        self.page.evaluate("document.getElementById('pasted').remove()")
        return pasted


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    obstacle = why_not_here()
    assert obstacle is None, obstacle
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def opened(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Opened]:
    """The page of one of PAYLOADS, loaded once."""
    known: dict[str, Opened] = {}

    def one(kind: str) -> Opened:
        if kind not in known:
            path = tmp_path_factory.mktemp(kind) / "report.html"
            payload = PAYLOADS[kind]()
            write_page(path, payload)
            tab = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
            known[kind] = Opened(tab, payload, path)
            known[kind].open()
        return known[kind]

    return one


@pytest.mark.parametrize("kind", PLOTS)
def test_the_page_asks_for_nothing_and_draws_all_its_plots(opened: Callable[[str], Opened], kind: str) -> None:
    report = opened(kind)
    assert report.requests == [report.path.as_uri()]
    assert report.complaints == []
    report.page.wait_for_function(FITTING)
    marks = [plot.evaluate(MARKS) for plot in report.page.locator(".plot").all()]
    assert 0 not in marks
    assert len(marks) == PLOTS[kind]
    goals = [objective["name"] for objective in report.payload["objectives"]]
    measured = [trial for trial in report.payload["trials"] if set(goals) <= set(trial["metrics"])]
    assert len(measured) == 0 or report.plot("frontier").locator(".scatterlayer .point").count() == len(measured)


SAYS = "words => document.querySelector('#frontier output').textContent === words"


def test_plots_open_without_outliers_and_show_all_by_a_button_or_a_double_click(
    opened: Callable[[str], Opened],
) -> None:
    report = opened("outliers")
    said, button = report.page.locator("#frontier output"), report.page.locator("#frontier .view button")
    ends = "node => [...node.layout.xaxis.range, ...node.layout.yaxis.range]"
    left, right, low, high = at_first = report.plot("frontier").evaluate(ends)
    assert 0.7 < left < 0.9 < right < 1
    assert 0 < low < 80_000 < high < 300_000
    assert said.inner_text() == "3 of 23 trials lie outside of this view."
    fit = report.page.locator("#surrogate figure").first
    assert [fit.locator(".advice").inner_text()[:10], fit.locator(".view").is_visible()] == ["Trials lie", True]

    button.click()
    report.page.wait_for_function(SAYS, arg="All 23 trials are shown.")
    assert report.plot("frontier").evaluate(ends)[3] > 1e7
    report.page.locator("#theme").click()
    assert said.inner_text() == "All 23 trials are shown."
    report.page.locator("#theme").click()
    button.click()
    report.page.wait_for_function(SAYS, arg="3 of 23 trials lie outside of this view.")
    assert report.plot("frontier").evaluate(ends) == at_first
    box = report.plot("frontier").locator(".nsewdrag").bounding_box()
    assert box is not None
    report.page.mouse.dblclick(box["x"] + 20, box["y"] + 20)
    report.page.wait_for_function(SAYS, arg="All 23 trials are shown.")
    assert report.complaints == []


def test_outliers_stand_at_the_ends_of_the_parallel_coordinates_and_do_not_take_their_colours(
    opened: Callable[[str], Opened],
) -> None:
    [found] = opened("outliers").plot("parallel").evaluate("node => node.data")
    values = sorted(found["line"]["color"])
    bar = found["line"]["colorbar"]
    below, lowest = bar["ticktext"][0], bar["tickvals"][0]
    assert below.startswith("≤ 0.")
    assert values[:2] == [lowest, lowest]
    found_best = max(trial["metrics"]["val_acc"] for trial in opened("outliers").payload["trials"] if trial["metrics"])
    assert values[-1] == found_best, "rounding an end cuts nothing off"
    assert (values[-1] - values[4]) > 0.5 * (found["line"]["cmax"] - found["line"]["cmin"])
    sizes = next(axis for axis in found["dimensions"] if "num_params" in axis["label"])
    assert sizes["ticktext"][-1].startswith("≥ ")
    assert all("e" not in words for axis in found["dimensions"] for words in axis["ticktext"] if words[0].isdigit())


def test_the_page_says_how_often_the_model_failed(opened: Callable[[str], Opened]) -> None:
    words = "The model failed for 3 candidates, which are random points instead (last: ValueError: no candidate)."
    assert opened("outliers").page.get_by_text(words, exact=True).is_visible()
    assert not opened("huge").page.get_by_text("The model failed").count()


# What lies above each other: plotly's icons and any words, and words of the same plot that are not turned.
COVERED = """
() => {
  const meet = (a, b) => a.left < b.right - 2 && b.left < a.right - 2 && a.top < b.bottom - 2 && b.top < a.bottom - 2;
  const boxOf = node => {
    const { left, right, top, bottom } = node.getBoundingClientRect();
    const turned = /rotate/.test(node.closest("text")?.getAttribute("transform"));
    return { words: node.textContent.trim(), turned, left, right, top, bottom };
  };
  const boxes = nodes => [...nodes].map(boxOf).filter(box => box.words && box.right > box.left);
  const around = boxes([...document.querySelectorAll("main p, main h3, figcaption, main .controls")]
    .filter(node => !node.closest(".plot")));
  const found = [];
  for (const plot of document.querySelectorAll(".plot")) {
    const words = boxes(plot.querySelectorAll("svg text:not(:has(tspan)), svg tspan"));
    const icons = [...plot.querySelectorAll(".modebar-group")].map(node => node.getBoundingClientRect());
    for (const icon of icons) for (const word of [...words, ...around]) if (meet(icon, word)) found.push(word.words);
    const straight = words.filter(word => !word.turned);
    straight.forEach((one, index) => straight.slice(index + 1).forEach(other => {
      if (meet(one, other)) found.push(`${one.words} and ${other.words}`);
    }));
  }
  return [document.querySelectorAll(".modebar-group").length, found];
}
"""


@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
def test_no_icon_and_no_word_covers_another_one(opened: Callable[[str], Opened], width: int) -> None:
    page = opened("outliers").page
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_function(FITTING)
    icons, covered = page.evaluate(COVERED)
    assert icons >= 15
    assert covered == []
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_hypervolume_that_is_too_large_to_be_drawn_is_said_to_be_so(opened: Callable[[str], Opened]) -> None:
    report = opened("huge")
    said = report.page.locator("#progress .caption").first.inner_text()
    assert "measured from the thresholds" in said
    assert said.endswith("From 8 finished trials on it is too large to be drawn.")
    [line] = report.plot("progress").evaluate("node => node.data")
    assert [value is None for value in line["y"]] == [False] * 7 + [True] * (len(line["y"]) - 7)
    assert report.complaints == []


LINES = """
node => {
  const range = document.createRange();
  range.selectNodeContents(node.firstChild);
  return range.getClientRects().length;
}
"""


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_a_long_number_of_a_tile_is_on_one_line(opened: Callable[[str], Opened], width: int) -> None:
    page = opened("huge").page
    page.set_viewport_size({"width": width, "height": 900})
    assert page.locator(".tile dd", has_text="1.7977e308").evaluate(LINES) == 1
    page.set_viewport_size({"width": 1280, "height": 900})


def test_all_pairs_of_three_objectives_are_drawn_and_the_large_one_is_chosen(opened: Callable[[str], Opened]) -> None:
    report = opened("three")
    titles = "node => [node.layout.xaxis.title.text, node.layout.yaxis.title.text]"
    pairs = [tuple(plot.evaluate(titles)) for plot in report.page.locator("#pairs .plot").all()]
    assert pairs == [("val_acc", "num_params"), ("val_acc", "latency_ms"), ("num_params", "latency_ms")]
    report.page.get_by_label("horizontal").first.select_option("num_params")
    assert tuple(report.plot("frontier").evaluate(titles)) == ("num_params", "val_acc")


def test_a_bar_of_the_timeline_keeps_to_its_slot_whatever_came_of_the_trial(opened: Callable[[str], Opened]) -> None:
    bars = opened("single").plot("timeline").locator(".barlayer .point > path")
    heights = bars.evaluate_all("bars => bars.map(bar => Math.round(bar.getBBox().height))")
    assert len(heights) > 24
    assert len(set(heights)) == 1


def test_a_sweep_that_has_just_begun_says_why_there_is_nothing_to_see(opened: Callable[[str], Opened]) -> None:
    page = opened("begun").page
    said = {page.locator(f"#{section} .empty").inner_text() for section in ("frontier", "progress", "parallel")}
    assert said == {"No trial has completed yet; 4 trials under way."}
    assert "There is no model yet" in page.locator("#surrogate .empty").inner_text()
    assert "No trial has failed" in page.locator("#failures .empty").inner_text()


def test_the_table_sorts_filters_and_can_be_reached_by_the_keyboard(opened: Callable[[str], Opened]) -> None:
    report = opened("main")
    page = report.page
    page.get_by_role("searchbox", name="contains").focus()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('th')?.dataset.column") == "val_acc":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    found = [float(cell) for cell in report.column("val_acc") if cell]
    assert found == sorted(found)
    assert report.column("val_acc")[-1] == ""
    page.keyboard.press("Enter")
    assert [float(cell) for cell in report.column("val_acc") if cell] == found[::-1]
    assert report.column("val_acc")[-1] == ""
    assert page.locator("th[aria-sort='descending']").inner_text().strip() == "val_acc"

    page.get_by_label("on the frontier").select_option("yes")
    assert sorted(map(int, report.column("trial"))) == report.payload["frontier"]
    page.get_by_label("on the frontier").select_option("any")
    page.get_by_role("searchbox", name="contains").fill("CUDA")
    assert report.column("trial") == ["5"]
    page.get_by_role("searchbox", name="contains").fill("")
    assert len(report.column("trial")) == 48


def test_a_trials_command_is_copied_by_its_button_and_by_a_click_on_its_point(opened: Callable[[str], Opened]) -> None:
    report = opened("main")
    page = report.page
    page.get_by_role("button", name="Copy the command of trial 0", exact=True).click()
    assert page.get_by_role("status").filter(has_text="Copied the command of trial 0").is_visible()
    assert report.clipboard() == report.payload["trials"][0]["command"]

    page.mouse.click(*report.middle_of_a_point("frontier"))
    page.wait_for_function("!document.getElementById('said').textContent.endsWith('trial 0')")
    trial = int(page.locator("#said").inner_text().removeprefix("Copied the command of trial "))
    assert report.clipboard() == report.payload["trials"][trial]["command"]


def test_the_contours_follow_the_choice_of_parameters_in_either_order(opened: Callable[[str], Opened]) -> None:
    report = opened("main")
    page = report.page
    shown = """() => [...document.querySelectorAll("#surrogate .pair .plot")].map(
        ({data, layout}) => [data[0].z, layout.xaxis.title.text, layout.yaxis.title.text])"""
    contours = report.payload["surrogate"]["metrics"]["num_params"]["contours"]
    stored = next(c for c in contours if (c["x"], c["y"]) == ("model.lr", "model.dropout"))

    page.locator("#contour-metric").select_option("num_params")
    page.locator("#contour-x").select_option("model.lr")
    page.locator("#contour-y").select_option("model.dropout")
    names = [stored["x"], stored["y"]]
    assert page.evaluate(shown) == [[stored["z"], *names], [stored["ci"], *names]]

    page.locator("#contour-x").select_option("model.dropout")
    turned = [list(column) for column in zip(*stored["z"], strict=True)]
    assert page.evaluate(shown)[0] == [turned, *names[::-1]]
    assert "data.batch = 128" in page.locator("#surrogate .note").first.inner_text()
    assert all(plot.evaluate(MARKS) > 10 for plot in page.locator("#surrogate .pair .plot").all())


def test_the_theme_changes_with_its_button_and_the_plots_with_it(opened: Callable[[str], Opened]) -> None:
    report = opened("single")
    background = "() => document.querySelector('#frontier .main-svg').style.background"
    colours = {report.page.evaluate(background)}
    for theme in ("dark", "light"):
        report.page.get_by_role("button", name=f"Change to the {theme} theme").click()
        colours.add(report.page.evaluate(background))
        assert report.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == theme
    assert len(colours) == 2
    assert report.complaints == []


@pytest.mark.parametrize("kind", ["main", "hostile"])
def test_a_narrow_page_does_not_scroll_sideways(opened: Callable[[str], Opened], kind: str) -> None:
    page = opened(kind).page
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(FITTING)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.set_viewport_size({"width": 1280, "height": 900})


def test_what_means_harm_is_shown_as_text(opened: Callable[[str], Opened]) -> None:
    report = opened("hostile")
    page = report.page
    assert page.evaluate("[...document.querySelectorAll('body script')].length") == 3
    assert page.title().startswith("<script>alert(1)</script>")
    whole = ["h1 span", "#failures pre", "#failures code", "#failures td:nth-child(3)"]
    assert [page.locator(node).text_content() for node in whole] == [HOSTILE] * 4
    assert page.locator("#reproduce pre").text_content() == f"a: {HOSTILE}"
    cells = page.locator("#trials tbody tr").first.locator("td").all_text_contents()
    assert HOSTILE in cells
    for section, least in {"parallel": 3, "surrogate": 6}.items():
        words = page.locator(f"#{section} svg text").all_text_contents()
        assert sum(text.startswith("<script>alert(1)") for text in words) >= least, section
    assert HOSTILE[:40] in "".join(page.locator("#contour-x option").all_text_contents())

    page.mouse.move(*report.middle_of_a_point("frontier"))
    page.wait_for_function("document.querySelector('#frontier .hoverlayer')?.textContent.includes('<script>alert(1)')")
    assert report.complaints == []


def test_a_page_of_48_trials_is_small_and_soon_answers(opened: Callable[[str], Opened]) -> None:
    report = opened("main")
    assert report.path.stat().st_size < 8_000_000
    assert 0 < report.seconds < 30  # less than one on a machine that does nothing else


def test_a_thousand_trials_are_sorted_and_filtered_as_a_whole(opened: Callable[[str], Opened]) -> None:
    report = opened("thousand")
    page = report.page
    assert len(report.column("trial")) == 200
    page.get_by_role("button", name="trial", exact=True).click()
    assert report.column("trial")[0] == "999"
    page.get_by_label("on the frontier").select_option("yes")
    assert sorted(map(int, report.column("trial"))) == report.payload["frontier"]
    page.get_by_label("on the frontier").select_option("any")
    page.get_by_role("button", name="Show all 1000").click()
    assert len(report.column("trial")) == 1000


def test_no_value_of_the_data_ends_the_script_that_holds_it() -> None:
    payload = {"title": "</title><script>\udc80", "text": "</script><!--\u2028"}
    text = page(payload)
    data = text.split('id="payload">')[1].split("</script>")[0]
    assert json.loads(data) == payload
    assert "<" not in data
    assert "<title>&lt;/title&gt;&lt;script&gt;&#56448; &#183; sweep</title>" in text
    assert text.encode("utf-8")


def test_a_page_is_written_aside_so_that_a_reader_never_finds_half_of_one(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_page(path, {"title": "nas"})
    path.rmdir()
    write_page(path, {"title": "nas"})
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert [left.name for left in tmp_path.iterdir()] == ["report.html"]

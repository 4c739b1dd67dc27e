"""The pages of runs, comparisons, searches and trends in a browser: phone and desk, light and dark, hostile names."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "unit" / "experiments")]

from chromium import BLANK, Page  # noqa: E402 - the helpers of the other rooms are found from here on
from contrasts import CONTRASTS  # noqa: E402
from example_pages import HOSTILE, PAGES  # noqa: E402

from durable_harness.web.parts import page as shown_page  # noqa: E402
from durable_harness.web.parts import pair, section  # noqa: E402
from durable_harness.web.plots import Bar, bar_plot  # noqa: E402

pytestmark = pytest.mark.thorough

PHONE, DESK = 390, 1280
CUT_OFF = """(() => {
  const shown = [...document.querySelectorAll("body *")].filter(one => one.getClientRects().length);
  const name = one => `${one.tagName} ${one.className.baseVal ?? one.className} ${one.textContent.slice(0, 60)}`;
  const outside = shown.filter(one => {
    const {left, right} = one.getBoundingClientRect();
    const {left: from, right: to} = (one.closest("svg") || document.documentElement).getBoundingClientRect();
    return left < from - 1 || right > to + 1;
  });
  const scrolled = shown.filter(one => one.matches(".scroll") && one.scrollWidth > one.clientWidth);
  return [...outside, ...scrolled].map(name).join("; ");
})()"""
PLOTS = """[...document.querySelectorAll("svg")].filter(one => one.getClientRects().length).map(one => ({
  axes: [...one.querySelectorAll(".label")].map(label => label.textContent),
  tips: [...one.querySelectorAll("[data-tip]")].filter(shape => shape.dataset.tip).length,
  enlarged: one.getBoundingClientRect().width / one.viewBox.baseVal.width,
  shapes: one.querySelectorAll(".series, .bar, .area, .point").length,
}))"""
TONES = """[...document.querySelectorAll(".key, .swatch, .stack span")].map(one => [
  one.className.replace(/\\b(key|swatch)\\b/g, "").trim(), one.matches(".key")
    ? getComputedStyle(one, "::before").backgroundColor : getComputedStyle(one).backgroundColor])"""
TIP = """(() => {
  const shapes = [...document.querySelectorAll("[data-tip]")].filter(one => one.getBoundingClientRect().height > 2);
  const box = document.querySelector(".readout");
  return [...new Set(shapes.map(one => one.closest("svg, .stack")))].map(drawing => {
    const shape = shapes.find(one => drawing.contains(one));
    shape.scrollIntoView({block: "center"});
    const {x, y} = shape.getBoundingClientRect();
    shape.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX: x, clientY: y}));
    const {left, right} = box.getBoundingClientRect();
    return !box.hidden && left >= 0 && right <= innerWidth && box.textContent === shape.dataset.tip;
  });
})()"""


@pytest.fixture(scope="module")
def chromium(found):
    """Yield a browser that goes from page to page."""
    with Page(found, BLANK) as page:
        yield page


@pytest.fixture
def show(chromium, tmp_path):
    """Return show(html, width, dark): the browser with this page in it."""

    def show(html, width=DESK, *, dark=False):
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        chromium.show(path.as_uri(), width, dark=dark)
        return chromium

    return show


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_of_a_page_is_in_view(show, kind, width, dark):
    """Nothing is wider than the window, tables neither; no label of a plot is cut off; nothing is asked for."""
    page = show(PAGES[kind](), width, dark=dark)
    assert page.evaluate(CUT_OFF) == ""
    assert page.asked == [page.evaluate("location.href")]


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_each_axis_has_its_unit_and_each_plot_its_values(show, kind, width):
    """Both axes of a plot have their units in brackets, and what is drawn shows its values when pointed at.

    A plot that has no other beside it is as large as the others are.
    """
    page = show(PAGES[kind](), width)
    plots = page.evaluate(PLOTS)
    assert plots
    for plot in plots:
        assert [label for label in plot["axes"] if not label.endswith(")")] == []
        assert len(plot["axes"]) == 2
        assert plot["shapes"]
        assert plot["tips"]
        assert plot["enlarged"] < 1.1
    assert all(page.evaluate(TIP))


def test_a_plot_without_a_neighbour_is_no_larger(show):
    """Where a row has one plot, that is as large as two in a row would be."""
    plot = bar_plot([Bar(0, 1, 5, "five")], [], x_label="a (s)", y_label="b (s)", description="c")
    shown = show(shown_page("alone", [pair(section("alone", plot))]))
    assert [one["enlarged"] < 1.1 for one in shown.evaluate(PLOTS)] == [True]


@pytest.mark.parametrize("kind", PAGES)
def test_hostile_names_are_text(show, kind):
    """Names with markup, with half characters and of another direction are shown as what they are, and fit."""
    page = show(PAGES[kind](HOSTILE), PHONE)
    assert page.evaluate("document.querySelector('[onclick]')") is None
    assert page.evaluate("document.title") != "changed"
    assert "<b onclick=" in page.text()
    assert "\\u202eevil" in page.text()
    assert "\\ud800" in page.text()
    assert page.evaluate(CUT_OFF) == ""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_an_idea_has_one_colour(show, dark):
    """Whatever is named twice on a page has one colour, and each part in a bar of parts one of its own."""
    page = show(PAGES["report"](), dark=dark)
    found = {}
    for name, colour in page.evaluate(TONES):
        found.setdefault(name, set()).add(colour)
    assert {name: colours for name, colours in found.items() if len(colours) > 1} == {}
    parts = [colour for name, (colour,) in found.items() if name.startswith("part-")]
    same = {"part-queueing": "part-slot", "part-execution": "part-code", "part-detection_lag": "part-detection"}
    assert len(set(parts)) == len(parts) - len(same)
    assert all(found[name] == found[other] for name, other in same.items())


def test_percentiles_that_coincide_are_distinguished(show):
    """The line of p95 is thin, dashed and of its own colour, that of p99 is broad: one is seen within the other."""
    page = show(PAGES["report"]())
    read = """(name => {
      const {strokeWidth, stroke, strokeDasharray} = getComputedStyle(document.querySelector(`.series.${name}`));
      return [parseFloat(strokeWidth), stroke, strokeDasharray];
    })"""
    (thin, colour, dashes), (broad, other, line) = (page.evaluate(f"{read}('{name}')") for name in ("p95", "p99"))
    assert broad >= 2 * thin
    assert colour != other
    assert dashes != line == "none"


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_texts_can_be_read(show, kind, dark):
    """Each text has enough contrast to what is behind it, in plots too."""
    assert show(PAGES[kind](), dark=dark).evaluate(CONTRASTS) == []


def test_the_page_follows_light_and_dark(show):
    """What the system prefers decides."""
    background = "getComputedStyle(document.body).backgroundColor"
    light = show(PAGES["report"]()).evaluate(background)
    assert show(PAGES["report"](), dark=True).evaluate(background) != light


def test_a_phone_shows_verdict_and_reason_first(show):
    """Without scrolling one sees the verdict, the gates that it names, and the first reason."""
    page = show(PAGES["report"](), PHONE)
    top = """(name => document.querySelector(name).getBoundingClientRect().bottom)"""
    assert page.evaluate(f"{top}('.verdict')") < 500
    assert page.evaluate(f"{top}('section td.words')") < 900
    assert "completion p99" in page.evaluate("document.querySelector('.verdict').innerText")

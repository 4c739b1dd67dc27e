"""The dashboard in a real browser: its acts, filters and keys, live without flicker, and for everybody to use."""

import itertools
import json
import time
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
import requests
from chromium import BLANK, Page

from durable_harness.stack import embedded_stack

pytestmark = [pytest.mark.thorough, pytest.mark.sdk1]

APP = Path(__file__).parents[1] / "apps" / "patterns"
HOSTILE = "<img src=x onerror=document.title='owned'>"
GONE_WRONG = ("serious", "critical")
WIDE, PHONE = 1280, 390
LIST = "/orchestrations"
DEADLINE_S = 20


class Site:
    """A dashboard beside a running app, and a browser on it."""

    def __init__(self, url, page):
        self.url, self.page = url.removesuffix("/orchestrations"), page
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"

    def go(self, path=LIST, width=WIDE, *, dark=False):
        """Show a page: of the hub, or by a path from the root."""
        where = self.origin + path[1:] if path.startswith("//") else self.url + path
        self.page.show(where, width, dark=dark)

    def start(self, name, instance_id, given=None):
        """Start an orchestration by the form, as a person does."""
        self.go("/new-orchestration")
        self.write("name", name)
        self.write("id", instance_id)
        if given is not None:
            self.write("input", json.dumps(given))
        self.press("Start")
        self.waits(lambda: "was accepted" in self.page.text())

    def write(self, name, value):
        """Write into a visible field."""
        self.page.evaluate(
            f"""[...document.querySelectorAll("[name={name}]")].find(one => one.checkVisibility()).value =
            {json.dumps(value)}"""
        )

    def press(self, text):
        """Press the visible button with this text."""
        self.page.act(
            f"""[...document.querySelectorAll("button, summary, a.button")].find(
              one => one.checkVisibility() && one.textContent.trim() === {json.dumps(text)}).click()"""
        )

    def follow(self, selector):
        self.page.act(f"document.querySelector({json.dumps(selector)}).click()")

    def key(self, key):
        self.page.evaluate(
            f"""(document.activeElement || document.body).dispatchEvent(
              new KeyboardEvent("keydown", {{key: {json.dumps(key)}, bubbles: true, cancelable: true}}))"""
        )

    def has_loaded(self):
        """Wait until a page has loaded: where a script leads on before that, the history has one entry for both."""
        self.waits(lambda: self.page.evaluate("performance.timing.loadEventEnd > 0"))

    def waits(self, holds):
        """Wait until something holds; a page that is being left does not answer."""
        deadline = time.monotonic() + DEADLINE_S
        while not _tried(holds):
            assert time.monotonic() < deadline, self.page.text()

    @property
    def query(self):
        return parse_qsl(urlsplit(self.page.evaluate("location.href")).query)

    @property
    def status(self):
        return self.page.evaluate("document.querySelector('h1 .badge').textContent")

    def rows(self):
        return self.page.evaluate("[...document.querySelectorAll('.rows tbody tr')].map(row => row.id.slice(4))")


def _tried(holds):
    """Return whether something holds; a page that is being left has nothing that could be asked."""
    try:
        return holds()
    except (AttributeError, TypeError):
        return False


@pytest.fixture(scope="module")
def stack():
    """Yield the app with its dashboard."""
    with embedded_stack(APP, serve_args=["--dashboard-port", "any"]) as running:
        yield running


@pytest.fixture(scope="module")
def site(stack, found):
    """Yield the dashboard in a browser, with instances of many kinds."""
    root = requests.get(stack.dashboard_url, timeout=10)
    with Page(found, BLANK, width=WIDE) as page:
        site = Site(root.url, page)
        for name, instance_id, given in (
            ("retries", "retry-1", None),
            ("family", "family-1", None),
            ("counted", "counted-1", None),
            ("fan_out", "fan-1", 12),
            ("fails", "fails-1", None),
            ("events", "events-1", None),
            (HOSTILE, HOSTILE, {"text": HOSTILE}),
        ):
            site.start(name, instance_id, given)
        yield site


PAGES = {
    "list": LIST,
    "list of all": f"{LIST}?children=yes",
    "filtered list": f"{LIST}?status=failed&name=fails&since=1h&sort=name",
    "empty list": f"{LIST}?id=nothing",
    "wrong filter": f"{LIST}?status=odd",
    "failed": f"{LIST}/fails-1",
    "waiting": f"{LIST}/events-1",
    "retried": f"{LIST}/retry-1",
    "family": f"{LIST}/family-1",
    "hostile": f"{LIST}/{quote(HOSTILE, safe='')}",
    "unknown": f"{LIST}/nobody",
    "new": "/new-orchestration",
    "bulk": "/bulk?children=yes",
    "hubs": "//taskhubs",
    "entities": "/entities",
    "entity": "/entities/%40counter%40counted-1",
    "run again": f"{LIST}/fails-1/again?event=2",
    "queue": "/queue",
    "workers": "/workers",
    "clock": "/clock",
    "hubs with counts": "/hubs",
}


@pytest.mark.parametrize(("width", "dark"), list(itertools.product([WIDE, PHONE], [False, True])))
@pytest.mark.parametrize("name", PAGES)
def test_pages_are_for_everybody(site, axe, name, width, dark):
    """No page has anything serious that keeps people out, fits the window, and asks for nothing elsewhere."""
    site.go(PAGES[name], width, dark=dark)
    site.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    fits = site.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert fits, site.page.evaluate(WIDER)
    site.page.evaluate(f"{axe}; 0")
    found = site.page.evaluate("axe.run(document).then(result => JSON.stringify(result.violations))")
    serious = [
        (one["id"], one["nodes"][0]["html"][:200], one["nodes"][0].get("failureSummary", "")[:300])
        for one in json.loads(found)
        if one["impact"] in GONE_WRONG
    ]
    assert serious == []
    assert all(url.startswith((site.origin, "data:")) for url in site.page.asked)


WIDER = """[...document.querySelectorAll("body *")].filter(one => !one.closest(".scroll table"))
  .filter(one => one.getBoundingClientRect().right > innerWidth + 1).slice(0, 5)
  .map(one => one.outerHTML.slice(0, 120)).join("\\n")"""


def test_text_of_others_does_nothing(site):
    """Whatever ids, names and payloads hold, they are text: no script of theirs runs on any page."""
    for path in PAGES.values():
        site.go(path)
        assert site.page.evaluate("document.title") != "owned", path
        assert site.page.evaluate("document.querySelectorAll('img').length") == 0, path
    site.go(PAGES["hostile"])
    assert HOSTILE in site.page.text()


def test_every_act_is_done_by_its_form(site):
    """Event, suspend, resume, terminate, restart, rewind and purge, each by its button, its form and its answer."""
    site.start("events", "acted-1")
    for act, fields, status in (
        ("Raise event", {"name": "go", "input": '{"n": 1}'}, "Running"),
        ("Suspend", {"reason": "to look"}, "Suspended"),
        ("Resume", {}, "Running"),
        ("Terminate", {"reason": "enough"}, "Terminated"),
    ):
        site.press(f"{act}…")
        for name, value in fields.items():
            site.write(name, value)
        site.press(act)
        site.waits(lambda: site.query)
        site.waits(lambda status=status: site.status == status)
    site.press("Restart…")
    site.press("Restart")
    site.waits(lambda: "This is the new instance." in site.page.text())
    site.go(f"{LIST}/acted-1")
    site.press("Purge…")
    site.press("Purge")
    site.waits(lambda: urlsplit(site.page.evaluate("location.href")).path.endswith("/orchestrations"))
    site.go(f"{LIST}/acted-1")
    assert "There is no instance 'acted-1'" in site.page.text()
    site.go(f"{LIST}/fails-1")
    site.press("Rewind…")
    site.press("Rewind")
    site.waits(lambda: "was rewound" in site.page.text())


def test_a_form_can_be_left(site):
    """An act's form closes by its button and by Escape, and nothing is done."""
    site.go(f"{LIST}/events-1")
    site.press("Terminate…")
    assert site.page.evaluate("document.querySelector('#act-terminate').matches(':popover-open')")
    site.press("Cancel")
    assert not site.page.evaluate("document.querySelector('#act-terminate').matches(':popover-open')")
    assert site.status == "Running"


def test_many_are_acted_on_after_a_question(site):
    """The list leads to the question for what it shows; the answer shows how many were acted on."""
    for number in range(3):
        site.start("events", f"many-{number}")
    site.go(f"{LIST}?id=many-&status=running")
    site.follow(".bulk a")
    site.waits(lambda: "Act on 3 orchestrations" in site.page.text())
    site.press("Terminate 3…")
    site.press("Terminate 3 orchestrations")
    site.waits(lambda: "Terminate: 3 of 3 done" in site.page.text())


def test_filters_stand_in_the_address_and_the_back_button_works(site):
    """What is filled in goes into the address, without what is empty; back leads to the list of before."""
    site.go()
    site.has_loaded()
    before = site.page.evaluate("location.href")
    site.press("Filters")
    site.write("name", "fails")
    site.press("Apply")
    site.waits(lambda: site.query == [("name", "fails")])
    site.waits(lambda: site.rows() == ["fails-1"])
    site.has_loaded()
    site.write("id", "nothing")
    site.press("Search")
    site.waits(lambda: ("id", "nothing") in site.query)
    site.has_loaded()
    site.page.evaluate("history.back()")
    site.waits(lambda: site.query == [("name", "fails")])
    site.page.evaluate("history.back()")
    site.waits(lambda: site.page.evaluate("location.href") == before)


def test_choices_are_offered_when_they_are_wanted(site):
    """Who opens the filters is offered the names that there are."""
    site.go()
    site.press("Filters")
    option = "#choices-name option[value=retries]"
    site.waits(lambda: site.page.evaluate(f"document.querySelector('{option}') !== null"))


def test_a_list_is_live_and_nothing_else_moves(site):
    """What is new comes into the list by itself; the page stays, with its focus, its selection and its rows."""
    site.go()
    site.page.evaluate(
        """window.mark = 1; window.row = document.getElementById("row-retry-1");
        row.querySelector("a").focus(); getSelection().selectAllChildren(row.querySelector("b"));
        document.querySelector("input[type=search]").value = "half a wo"; 0"""
    )
    other = requests.Session()
    start_elsewhere(other, site, "events", "later-1")
    site.waits(lambda: site.rows()[0] == "later-1")
    assert site.page.evaluate("window.mark") == 1
    assert site.page.evaluate("document.getElementById('row-retry-1') === row")
    assert site.page.evaluate("document.activeElement === row.querySelector('a')")
    assert site.page.evaluate("getSelection().toString()") == "retries"
    assert site.page.evaluate("document.querySelector('input[type=search]').value") == "half a wo"


def test_what_is_unfolded_stays_so(site):
    """An instance's page that changes keeps what a person has unfolded, and the form that is open."""
    site.start("events", "unfolded-1")
    site.go(f"{LIST}/unfolded-1")
    site.page.evaluate(
        "document.querySelector('#to-event').click(); document.querySelector('#act-event [name=name]').focus()"
    )
    other = requests.Session()
    act_elsewhere(other, site, "unfolded-1", "event", name="go", input='{"a": 1}')
    site.waits(lambda: "Event raised" in site.page.text())
    assert site.page.evaluate("document.querySelector('#act-event').matches(':popover-open')")
    site.page.evaluate("document.querySelector('.history details').open = true")
    act_elsewhere(other, site, "unfolded-1", "event", name="a", input='{"b": 2}')
    site.waits(lambda: site.page.text().count("Event raised") == 2)
    assert site.page.evaluate("document.querySelector('.history details').open")


def test_a_live_page_reports_a_purged_instance(site):
    """An instance that is purged elsewhere is not shown as alive: its page becomes that of a reload, without acts."""
    site.start("events", "leaves-1")
    site.go(f"{LIST}/leaves-1")
    site.has_loaded()
    other = requests.Session()
    act_elsewhere(other, site, "leaves-1", "terminate")
    site.waits(lambda: site.status == "Terminated")
    act_elsewhere(other, site, "leaves-1", "purge")
    site.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    site.waits(lambda: "There is no instance 'leaves-1'" in site.page.text())
    assert "Terminate…" not in site.page.text()


def test_a_dashboard_that_hangs_is_named(site):
    """A process that takes the question and gives no answer is noticed; when the answer comes, the notice goes."""
    site.go(f"{LIST}/events-1")
    site.page.evaluate(
        """window.asks = fetch; window.fetch = (...words) => new Promise(answer => { window.answers = () =>
          asks(...words).then(answer); }); 0"""
    )
    site.waits(lambda: "The dashboard does not answer." in site.page.text())
    site.page.evaluate("window.fetch = asks; answers(); 0")
    site.waits(lambda: "The dashboard does not answer." not in site.page.text())


def test_keys_do_what_their_list_names(site):
    """Search, rows, opening, going up, time zone, live and the list of keys."""
    site.go()
    site.key("/")
    assert site.page.evaluate("document.activeElement.type") == "search"
    site.page.evaluate("document.activeElement.blur()")
    site.key("j")
    site.key("j")
    site.key("k")
    first = site.rows()[0]
    assert site.page.evaluate("document.querySelector('tr.at').id") == f"row-{first}"
    assert site.page.evaluate("document.activeElement.textContent") == first
    site.key("t")
    assert site.page.evaluate("document.getElementById('zone').textContent") != "Times in UTC"
    site.key("t")
    assert site.page.evaluate("document.getElementById('zone').textContent") == "Times in UTC"
    site.key("l")
    assert not site.page.evaluate("document.querySelector('#live-switch input').checked")
    site.key("l")
    site.key("?")
    assert site.page.evaluate("document.getElementById('keys').open")
    site.page.evaluate("document.getElementById('keys').close()")
    site.go(f"{LIST}/retry-1")
    site.waits(lambda: site.page.evaluate("document.querySelector('a[rel=up]') !== null"))
    site.key("u")
    site.waits(lambda: urlsplit(site.page.evaluate("location.href")).path.endswith("/orchestrations"))


def test_a_payload_is_copied_whole(site):
    """Copy puts the payload as it was written onto the clipboard."""
    site.go(f"{LIST}/fan-1")
    site.page.evaluate(
        """Object.defineProperty(navigator, "clipboard",
          {value: {writeText: async text => { window.copied = text; }}}); 0"""
    )
    site.page.evaluate("document.querySelector('.payload .copy').click()")
    site.waits(lambda: site.page.evaluate("window.copied") == "12")


def test_the_console_has_nothing_to_complain_of(site):
    """No page's script fails, and the policy forbids none of them anything."""
    site.page.problems.clear()
    for name in ("list", "failed", "retried", "new", "bulk"):
        site.go(PAGES[name])
        site.page.evaluate("new Promise(done => setTimeout(done, 100))")
    assert site.page.problems == []


def start_elsewhere(session, site, name, instance_id):
    """Start an orchestration as another browser does."""
    token = token_of(session, f"{site.url}/new-orchestration")
    fields = {"token": token, "name": name, "id": instance_id}
    assert session.post(f"{site.url}/new-orchestration", data=fields, timeout=10).ok


def act_elsewhere(session, site, instance_id, act, **fields):
    """Act on an instance as another browser does."""
    token = token_of(session, f"{site.url}{LIST}/{instance_id}")
    assert session.post(f"{site.url}{LIST}/{instance_id}/{act}", data={"token": token, **fields}, timeout=10).ok


def token_of(session, url):
    page = session.get(url, timeout=10).text
    return page.split('name="token" value="')[1].split('"')[0]

"""What happens, in a real browser: clock, entities, replays, histories run again, a scheduler that is gone."""

import json

import pytest
import requests
from chromium import BLANK, Page
from test_dashboard import APP, HOSTILE, LIST, PHONE, WIDE, Site

from durable_harness.network.free_ports import free_port
from durable_harness.stack import embedded_stack
from durable_harness.stack.processes import running_command

pytestmark = [pytest.mark.thorough, pytest.mark.sdk1]

FEATURES = APP.parent / "features"


@pytest.fixture(scope="module")
def stack():
    """Yield an app with entities, its clock in the hands of tests."""
    with embedded_stack(FEATURES, serve_args=["--dashboard-port", "any", "--test-control"]) as running:
        yield running


@pytest.fixture(scope="module")
def site(stack, found):
    """Yield its dashboard in a browser."""
    root = requests.get(stack.dashboard_url, timeout=10)
    with Page(found, BLANK, width=WIDE) as page:
        yield Site(root.url, page)


def text_of(site, selector):
    return site.page.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")


def test_the_clock_is_moved_by_a_button(site):
    """An orchestration that sleeps for long has ended once the clock was moved ahead by buttons and by the field."""
    site.start("sleep", "sleeper", 4000)
    site.go("/clock")
    site.press("1h")
    site.waits(lambda: "The clock was moved ahead" in site.page.text())
    assert text_of(site, "#ahead") == "1 h 0 min"
    site.page.fill("by", "30m")
    site.press("Advance")
    site.waits(lambda: text_of(site, "#ahead") == "1 h 30 min")
    site.go(f"{LIST}/sleeper")
    site.waits(lambda: site.status == "Completed")


def test_a_long_label_of_the_timeline_is_not_cut(site):
    """A label that has no room on one line of the timeline is continued on the next, at the width of a desk too."""
    site.start("sleep", "labelled", 0)
    site.go(f"{LIST}/labelled")
    site.waits(lambda: site.status == "Completed")
    label = "document.querySelector('.gantt .what b')"
    site.page.evaluate(f"{label}.textContent = 'activity_of_a_long_name_'.repeat(5)")
    cut = "[...document.querySelectorAll('.gantt .what')].some(one => one.scrollWidth > one.clientWidth)"
    assert site.page.evaluate(cut) is False
    assert site.page.evaluate("getComputedStyle(document.querySelector('.gantt .what')).textOverflow") == "clip"


def test_idle_time_is_skipped_by_a_button(site):
    """The switch for idle time shows its state, and is turned back."""
    site.go("/clock")
    site.press("Skip it")
    site.waits(lambda: text_of(site, "#skipping") == "is skipped")
    site.press("Let it pass")
    site.waits(lambda: text_of(site, "#skipping") == "passes")


def test_an_entity_is_signalled_by_its_form(site, stack):
    """A signal changes the state on the page without a reload; a hostile key and state are text."""
    requests.post(f"{stack.base_url}/api/entity/recorder/one/record", json=HOSTILE, timeout=10)
    site.go("/entities")
    site.waits(lambda: "recorder@one" in site.page.text())
    site.follow(".rows .id a")
    site.waits(lambda: HOSTILE in site.page.text())
    site.press("Signal…")
    site.write("name", "record")
    site.write("input", '"another one"')
    site.press("Send")
    site.waits(lambda: "The signal was sent" in site.page.text())
    site.waits(lambda: "another one" in text_of(site, "pre"))
    assert site.page.evaluate("document.title").startswith("recorder@one")


def test_a_history_is_replayed_and_run_again(site):
    """From the page of an instance its history is replayed, and run again from an outcome that was edited."""
    site.start("relay", "first", {"activity": "echo", "value": "as it was"})
    site.go(f"{LIST}/first")
    site.waits(lambda: site.status == "Completed")
    site.press("Replay against today's code")
    site.waits(lambda: "Today's code does what this history has" in site.page.text())
    site.go(f"{LIST}/first")
    site.follow("[aria-label='Run again from event 5']")
    site.waits(lambda: "3 events stand as they are" in site.page.text())
    site.write("payload", json.dumps(HOSTILE))
    site.press("Run again")
    site.waits(lambda: "This is the new instance" in site.page.text())
    site.waits(lambda: site.status == "Completed")
    assert HOSTILE in site.page.text()
    site.follow("#origin a")
    site.waits(lambda: site.page.evaluate("location.pathname").endswith("/first"))


def test_a_scheduler_that_is_gone_is_reported(found):
    """A page that is open says that the scheduler does not answer, keeps what it shows, and continues by itself."""
    port = free_port()
    ports = ["--grpc-port", str(port), "--http-port", "0", "--dashboard-port", "0"]
    where = ["--scheduler", f"Endpoint=http://127.0.0.1:{port};Authentication=None", "--port", "any"]
    with (
        running_command("scheduler", ports, None) as scheduler,
        running_command("dashboard", where, None) as dashboard,
        Page(found, BLANK, width=WIDE) as page,
    ):
        site = Site(f"{dashboard.facts['dashboardUrl']}/subscriptions/local/schedulers/x/taskhubs/default", page)
        site.go("/entities")
        site.waits(lambda: "There is no entity" in site.page.text())
        scheduler.kill()
        site.waits(lambda: "The scheduler does not answer. What is shown is from before" in site.page.text())
        assert "There is no entity" in site.page.text()
        site.go("/entities")
        site.waits(lambda: "This page comes by itself" in site.page.text())
        scheduler.start()
        site.waits(lambda: "There is no entity" in site.page.text())


@pytest.mark.parametrize("path", ["/new-orchestration", f"{LIST}/of-a-phone/again?event=2", "/clock"])
def test_forms_are_there_on_a_phone(site, path):
    """A form is seen on a phone as on any other screen: no rule of another page hides it."""
    if "again" in path:
        site.start("relay", "of-a-phone", {"activity": "echo", "value": 1})
    site.go(path, PHONE)
    site.waits(lambda: site.page.evaluate("document.querySelector('main form.form').checkVisibility()"))

"""An instance's page as one file: whole, without a server, not larger than what can be sent."""

import base64
import html
import json
import re

import pytest

from dashboard_site import many_children, visit
from durable_harness.dashboard.pages import trace as pages
from durable_harness.protocol.history_file import from_document
from durable_harness.scheduler import timings_document
from durable_harness.wording.foreign_text import hide
from hub_bench import child, complete, fail, schedule

SECRET = "hunter2-and-more-of-it"
OUTSIDE = re.compile(
    r'(?:href|src|action)="(?!#|data:)[^"]*"|<script|<form|<button(?! type="button" class="copy)', re.IGNORECASE
)


async def family(browser):
    """Start a parent that waits for a child, which waits for an activity."""
    await browser.start("parent", "family", input={"value": json.dumps("leaf")})
    await browser.bench.turn(child(0, "kid", name="member"))
    await browser.bench.turn(schedule(1, name="play"))


@visit
async def test_a_page_has_its_children_and_needs_nothing_else(browser):
    """Parent and child are articles of one page, linked to each other; nothing leads out of the file or acts."""
    await family(browser)
    answer = await browser.get("/orchestrations/parent/trace.html")
    assert answer.status == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="trace-parent.html"'
    assert answer.text.count("<article ") == 2
    assert 'href="#instance-1"' in answer.text
    assert not OUTSIDE.search(answer.text)
    ids = re.findall(r' id="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids))


@visit
async def test_the_history_of_a_page_can_be_replayed(browser):
    """The file for `durable-harness replay` is in the page, whole."""
    await family(browser)
    page = (await browser.get("/orchestrations/parent/trace.html")).text
    files = [base64.b64decode(text) for text in re.findall(r"data:application/json;base64,([^\"]+)", page)]
    histories = [from_document(json.loads(file), "the page") for file in files]
    assert [history.instance_id for history in histories] == ["parent", "kid"]


@visit
async def test_text_of_others_is_text(browser):
    """Markup in an ID and in a payload is shown, not followed; an ID makes no path of the file's name."""
    hostile = '../<script>alert("x")</script>'
    await browser.start(hostile, "<b>o</b>", input={"value": json.dumps(hostile)})
    await browser.bench.turn()
    answer = await browser.get("/orchestrations/..%2F%3Cscript%3Ealert(%22x%22)%3C%2Fscript%3E/trace.html")
    assert "<script" not in answer.text
    assert "<b>o</b>" not in answer.text
    assert html.escape("<script>") in answer.text
    assert 'filename="trace-..-script-alert-x-script-.html"' in answer.headers["Content-Disposition"]


@visit
async def test_a_page_stays_small(browser):
    """Children that would make the page too large are left out, and the page shows how many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "MOST_BYTES", 100)
        await family(browser)
        page = (await browser.get("/orchestrations/parent/trace.html")).text
    assert page.count("<article ") == 1
    assert "1 sub-orchestration is left out, for a page has 100 bytes at most." in page


@visit
async def test_a_page_has_the_failed_child_of_many(browser):
    """Where not all children fit, the failed and the living one are shown, and the page says how many are left out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "MOST_INSTANCES", 3)
        patch.setattr(timings_document, "MOST_INSTANCES", 4)
        await many_children(browser, 10, failed=8, living=9)
        page = (await browser.get("/orchestrations/parent/trace.html")).text
    assert re.findall(r"<h1>.*?kid-(\d)|<p class=\"muted\">kid-(\d)", page) == [("", "8"), ("", "9")]
    assert "8 sub-orchestrations, and what they started, are left out: a page has 3 instances at most" in page


@visit
async def test_a_page_goes_further_down_than_the_times_of_its_root(browser):
    """Sub-orchestrations of sub-orchestrations are in the page, though the times of the root have none of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timings_document, "MOST_INSTANCES", 1)
        await browser.start("parent", "family")
        for number in range(2):
            await browser.bench.turn(child(0, f"kid-{number}"))
        await browser.bench.turn(fail("broken"))
        page = (await browser.get("/orchestrations/parent/trace.html")).text
    assert page.count("<article ") == 3


@visit
async def test_secrets_are_in_no_part_of_a_page(browser):
    """The history that a page holds for a replay has no secret either; it can be read as before."""
    hide([SECRET])
    await browser.start("i", "ship", input={"value": json.dumps({"key": SECRET})})
    await browser.bench.turn(complete(json.dumps(SECRET)))
    page = (await browser.get("/orchestrations/i/trace.html")).text
    (file,) = [base64.b64decode(text) for text in re.findall(r"data:application/json;base64,([^\"]+)", page)]
    assert SECRET.encode() not in file
    assert SECRET not in page
    assert from_document(json.loads(file), "the page").instance_id == "i"


@visit
async def test_a_large_payload_is_cut(browser):
    """What one payload shows has a limit, so that no page is larger than what can be attached."""
    await browser.start("i", "large", input={"value": json.dumps("x" * 900_000)})
    await browser.bench.turn(complete("y" * 900_000))
    page = (await browser.get("/orchestrations/i/trace.html")).text
    assert len(page) < pages.MOST_BYTES


@visit
async def test_an_unknown_instance_has_no_page(browser):
    """An unknown instance is answered as on its other pages."""
    assert (await browser.get("/orchestrations/nobody/trace.html")).status == 404

"""The page of orchestrations: every filter in its address and visible, counts, order, pages, text of others as text."""

import html
import re

import pytest

from dashboard_site import BASE, visit
from durable_harness.protocol import pb
from hub_bench import child, complete, fail

HOSTILE = "<img src=x onerror=alert(1)>\u202e\"'`{{7*7}}"


def rows(answer):
    """Return the ids of a page's rows."""
    return [html.unescape(found) for found in re.findall(r'<tr id="row-([^"]*)"', answer.text)]


def chips(answer):
    """Return the filters in force, with where each is removed."""
    found = re.findall(r'<a href="([^"]+)" title="Remove this filter"><span>([^<]+)</span> <b>([^<]*)</b>', answer.text)
    return {(label, html.unescape(value)): html.unescape(href) for href, label, value in found}


def link(answer, relation):
    found = re.search(rf'<a rel="{relation}" href="([^"]+)"', answer.text)
    return html.unescape(found[1]) if found else None


async def shop(browser):
    """Start two orders and a bill, the first order completed, the bill failed."""
    await browser.start("order-1", "order", version={"value": "1"}, tags={"team": "a"}, input={"value": '{"n": 1}'})
    await browser.bench.turn(complete('{"sum": 7}'))
    browser.bench.clock.advance(60)
    await browser.start("bill-1", "bill", tags={"team": "b=c"})
    await browser.bench.turn(fail("no money"))
    browser.bench.clock.advance(60)
    await browser.start("order-2", "order", input={"value": '"text"'})


@pytest.mark.parametrize(
    ("query", "expected", "label"),
    [
        ("id=RDER", ["order-2", "order-1"], ("id contains", "RDER")),
        ("status=failed", ["bill-1"], ("status", "Failed")),
        ("name=bill", ["bill-1"], ("name", "bill")),
        ("version=1", ["order-1"], ("version", "1")),
        ("version=(none)", ["order-2", "bill-1"], ("version", "(none)")),
        ("tag=team", ["bill-1", "order-1"], ("tag", "team")),
        ("tag=team%3Db%3Dc", ["bill-1"], ("tag", "team=b=c")),
        ("since=90s", ["order-2", "bill-1"], ("created", "from 90s ago")),
        ("until=90s", ["order-1"], ("created", "until 90s ago")),
        ("since=2026-01-01T00:01:30", ["order-2"], ("created", "from 2026-01-01 00:01:30 UTC")),
        ("until=2026-01-01T01:00:30%2B01:00", ["order-1"], ("created", "until 2026-01-01 01:00:30+01:00 UTC")),
    ],
)
def test_each_filter_narrows_is_shown_and_can_be_removed(query, expected, label):
    """A filter in the address narrows the list, stands above it, and a click on it leads to the list without it."""

    @visit
    async def check(browser):
        await shop(browser)
        answer = await browser.get(f"/orchestrations?{query}")
        assert rows(answer) == expected
        (found,) = chips(answer).items()
        assert found == (label, f"{BASE}/orchestrations")

    check()


@visit
async def test_filters_add_up(browser):
    """Names, statuses and versions given more than once are alternatives; different filters restrict each other."""
    await shop(browser)
    answer = await browser.get("/orchestrations?name=bill&name=order&status=completed&status=pending&sort=name")
    assert rows(answer) == ["order-1", "order-2"]
    assert (
        chips(answer)["name", "bill"] == f"{BASE}/orchestrations?status=completed&status=pending&name=order&sort=name"
    )


@visit
async def test_counts_by_status_filter(browser):
    """Each status that there is has its count, which leads to these; the one that is chosen leads back."""
    await shop(browser)
    answer = await browser.get("/orchestrations?status=failed")
    counts = dict(re.findall(r'<li id="count-([\w-]+)"><a[^>]*><b>([\d,]+)</b>', answer.text))
    assert counts == {"pending": "1", "completed": "1", "failed": "1"}
    targets = dict(re.findall(r'<li id="count-([\w-]+)"><a [^>]*href="([^"]+)"', answer.text))
    assert targets["failed"] == f"{BASE}/orchestrations"
    assert html.unescape(targets["pending"]) == f"{BASE}/orchestrations?status=failed&status=pending"


@visit
async def test_a_row_shows_what_became_of_it(browser):
    """Rows have the beginning of the input, and the output, or the error without what every error begins with."""
    await shop(browser)
    text = html.unescape((await browser.get()).text)
    for shown in ('{"n": 1}', '{"sum": 7}', "no money", "text"):
        assert shown in text
    assert "team=b=c" in text


@visit
async def test_columns_sort_both_ways(browser):
    """A column's heading sorts by it, and then the other way; which one it is stands in its markup."""
    await shop(browser)
    answer = await browser.get("/orchestrations?sort=name")
    assert rows(answer) == ["bill-1", "order-1", "order-2"]
    assert f'aria-sort="ascending"><a href="{BASE}/orchestrations?sort=-name">Name and input' in answer.text
    assert rows(await browser.get("/orchestrations?sort=-name")) == ["order-2", "order-1", "bill-1"]
    assert rows(await browser.get("/orchestrations?sort=-created")) == ["order-1", "bill-1", "order-2"]


@visit
async def test_children_are_left_out_until_they_are_asked_for(browser):
    """Sub-orchestrations are not in the list; the filter shows them, and their parent leads to them."""
    await browser.start("parent", "family")
    await browser.bench.turn(child(1, "kid"))
    await browser.bench.item()
    assert rows(await browser.get()) == ["parent"]
    assert "1 child" in (await browser.get()).text
    with_them = await browser.get("/orchestrations?children=yes")
    assert set(rows(with_them)) == {"parent", "kid"}
    assert chips(with_them) == {("children", "shown"): f"{BASE}/orchestrations"}


@visit
async def test_pages_lead_to_each_other(browser):
    """120 instances are three pages: forwards, backwards, first and last, each instance once."""
    for number in range(120):
        await browser.start(f"i{number:03}")
        browser.bench.clock.advance(1)
    seen, answer = [], await browser.get()
    first = rows(answer)
    assert link(answer, "prev") is None
    while True:
        seen += rows(answer)
        following = link(answer, "next")
        if following is None:
            break
        answer = await browser.get(following)
    assert seen == [f"i{number:03}" for number in reversed(range(120))]
    assert rows(await browser.get(link(await browser.get(), "last"))) == seen[-50:]
    back = await browser.get(link(answer, "prev"))
    assert rows(back) == seen[50:100]
    assert rows(await browser.get(link(back, "first"))) == first


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("status=odd", "status: got 'odd', expected one of running, pending"),
        ("since=yesterday", "since: got 'yesterday', expected a time in UTC such as"),
        ("sort=size", "sort: got 'size', expected one of created, updated"),
        ("after=nonsense", "place in the list cannot be read"),
        ("after=WzEsMl0=", "place in the list cannot be read"),
        ("after=W3t9LDEsImEiLDFd", "place in the list cannot be read"),
    ],
)
def test_values_that_are_none_are_named(query, message):
    """An invalid value in an address is reported with the valid ones, and the rest of the list is there."""

    @visit
    async def check(browser):
        await browser.start("order-1")
        answer = await browser.get(f"/orchestrations?{query}")
        assert answer.status == 400
        assert message in html.unescape(answer.text)
        assert rows(answer) == ["order-1"]

    check()


@visit
async def test_an_empty_list_shows_what_to_do(browser):
    """Where nothing matches, the page leads to all; where there is nothing at all, to a start."""
    assert "Start one" in (await browser.get()).text
    await browser.start("order-1")
    answer = await browser.get("/orchestrations?id=nothing")
    assert "No orchestration matches." in answer.text


@visit
async def test_text_of_others_is_text(browser):
    """Ids, names, tags, payloads and errors are shown as what they are, whatever they hold; so are filters."""
    given = HOSTILE.replace("\u202e", "")
    await browser.hub.start_instance(
        pb.CreateInstanceRequest(
            instanceId=given,
            name=HOSTILE,
            version={"value": HOSTILE},
            tags={HOSTILE: HOSTILE},
            input={"value": HOSTILE},
        )
    )
    await browser.bench.turn(fail(HOSTILE))
    for path in ("", f"?name={'%3Cimg%20onerror%3E'}", "?id=%3Cimg", "?status=%3Cimg"):
        text = (await browser.get(f"/orchestrations{path}")).text
        assert "<img" not in text, path
        assert "\u202e" not in text, path
    listed = (await browser.get()).text
    assert "&lt;img src=x onerror=alert(1)&gt;\\u202e" in listed
    assert "{{7*7}}" in listed
    choices = (await browser.get("/choices")).text
    assert "<img" not in choices
    assert "&lt;img" in choices


@visit
async def test_every_id_can_be_opened_from_the_list(browser):
    """Ids that browsers would take for a way up have addresses of their own, and an id of spaces can be seen."""
    for instance_id in (".", "..", " ", "=.", "a/../b"):
        await browser.start(instance_id)
    page = (await browser.get()).text
    links = dict(re.findall(r'<td class="id"><a href="([^"]+)">([^<]*)</a>', page))
    assert set(map(html.unescape, links.values())) == {".", "..", "' '", "=.", "a/../b"}
    for link, name in links.items():
        answer = await browser.get(link)
        assert (answer.status, f'<p class="muted">{name} <button' in answer.text) == (200, True)


@visit
async def test_an_id_with_nul_matches_nothing(browser):
    """No id has the character that ends a text for SQLite, so a search for it finds none."""
    await browser.start("i")
    assert "No orchestration matches." in (await browser.get("/orchestrations?id=%00")).text


@visit
async def test_a_row_has_the_failure_without_its_trace(browser):
    """Where a message has its traceback in it, as those of activities have, the row has what stands before that."""
    await browser.start("i")
    trace = 'Traceback (most recent call last):\n  File "x.py", line 3, in weigh\n'
    failed = fail(f"Orchestrator function 'o' failed: KeyError: 'kg' (x.py:3)\n {trace}")
    failed.completeOrchestration.failureDetails.errorType = "Exception"
    await browser.bench.turn(failed)
    page = (await browser.get()).text
    assert ">KeyError: &#39;kg&#39; (x.py:3)<" in page
    assert "Traceback" not in page

"""The page of one instance: its state, failure, payloads, timeline, relatives, waits and history."""

import html
import json
import re

import pytest

from dashboard_site import BASE, visit
from durable_harness.protocol import pb
from durable_harness.protocol.history_file import from_document
from durable_harness.wording.foreign_text import hide
from hub_bench import child, complete, schedule, timer

SECRET = "hunter2-" + "0123456789abcdef" * 4
TRACE = """Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/azure/durable_functions/orchestrator.py", line 66, in handle
    result = next(generator)
  File "/app/function_app.py", line 80, in ship
    return order["weight_kg"]
  File "/usr/lib/python3.11/json/decoder.py", line 9, in decode
    raise
KeyError: 'weight_kg'
"""


def failed(details):
    """Return the action that ends an instance with a failure."""
    ending = {"orchestrationStatus": pb.ORCHESTRATION_STATUS_FAILED, "failureDetails": details}
    return pb.OrchestratorAction(id=-1, completeOrchestration=ending)


async def failing(browser, trace=TRACE, **cause):
    details = pb.TaskFailureDetails(errorType="builtins.KeyError", errorMessage="'weight_kg'", **cause)
    details.stackTrace.value = trace
    await browser.start("i", "ship", input={"value": '{"id": 1, "price": 1.10}'})
    await browser.bench.turn(failed(details))


def words(answer):
    """Return what a page shows, without its markup."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


@visit
async def test_a_failure_begins_with_its_place_in_the_app(browser):
    """A failure states the file and line of the app first, then type and message, then the trace and its causes."""
    await failing(browser, innerFailure=pb.TaskFailureDetails(errorType="OSError", errorMessage="no <disk>"))
    page = words(await browser.get("/orchestrations/i"))
    assert page.index("/app/function_app.py:80 in ship") < page.index("builtins.KeyError : 'weight_kg'")
    assert "site-packages/azure" in page
    assert page.index("Caused by") < page.index("OSError : no <disk>")


@visit
async def test_a_failure_of_an_activity_is_taken_apart(browser):
    """SDK 1.x has type, message and traceback of an activity in one text: they are shown apart, libraries folded."""
    details = pb.TaskFailureDetails(
        errorType="Exception",
        errorMessage=f"Orchestrator function 'o' failed: Activity function 'a' failed: KeyError: 'x' \n {TRACE}",
    )
    details.stackTrace.value = '  File "/app/function_app.py", line 9, in o\n    yield\n'
    await browser.start("i", "ship")
    await browser.bench.turn(failed(details))
    page = (await browser.get("/orchestrations/i")).text
    section = re.search(r'<section class="failure">.*?</section>', page, re.DOTALL)[0]
    assert '<p class="message"><b class="type">KeyError</b>: &#39;x&#39;</p>' in section
    first, whole, caller = (html.unescape(text) for text in re.findall(r"<pre[^>]*>(.*?)</pre>", section, re.DOTALL))
    assert (
        first
        == """Traceback (most recent call last):
  … 1 frame of azure.durable_functions
  File "/app/function_app.py", line 80, in ship
    return order["weight_kg"]
  … 1 frame of a library
KeyError: 'weight_kg'"""
    )
    assert whole == TRACE.rstrip()
    assert "line 9, in o" in caller


@visit
async def test_payloads_are_indented_and_whole_behind_a_link(browser):
    """JSON is shown with line breaks, its numbers as written; the whole text is one click away, as plain text."""
    given = '{"first": 1.10, "list": [], "names": ["a, b", "c: {d}"], "more": {"deep": true, "none": null}}'
    await browser.start("i", input={"value": given})
    page = await browser.get("/orchestrations/i")
    assert '"first": 1.10,\n  "list": [],\n  "names": [\n    "a, b",\n    "c: {d}"\n  ],' in html.unescape(page.text)
    raw = await browser.get("/orchestrations/i/raw/input")
    assert raw.text == given
    assert raw.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert raw.headers["X-Content-Type-Options"] == "nosniff"


@visit
async def test_a_large_payload_is_cut_and_shows_its_size(browser):
    """Of a large payload the page has the beginning and the size; the link has all of it."""
    given = json.dumps({"text": "y" * 300_000})
    await browser.start("i", input={"value": given})
    page = await browser.get("/orchestrations/i")
    assert "The beginning of 300.0 KB." in page.text
    assert len(page.text) < 150_000
    assert (await browser.get("/orchestrations/i/raw/input")).text == given


@visit
async def test_deeply_nested_json_makes_no_large_page(browser):
    """What counts for the cut is what a page gets: indents would make a short text of many brackets large."""
    given = "[" * 790 + "]" * 790
    await browser.start("i", input={"value": given})
    await browser.bench.turn(complete(given))
    page = await browser.get("/orchestrations/i")
    assert "The beginning of 1.6 KB." in page.text
    assert len(page.text) < 250_000
    assert (await browser.get("/orchestrations/i/raw/input")).text == given


@pytest.mark.parametrize("before", [1, 100, 230, 19_990])
def test_a_secret_is_blanked_before_anything_is_cut(before):
    """No part of a secret is shown where a payload or its line ends within it."""

    @visit
    async def check(browser):
        hide([SECRET])
        given = json.dumps("x" * before + SECRET + "y" * 300)
        await browser.start("i", input={"value": given})
        await browser.bench.turn(schedule(0, text=given))
        pages = [await browser.get(f"/orchestrations{path}") for path in ("", "/i")]
        assert not [page for page in pages if SECRET[:6] in page.text]

    check()


@visit
async def test_json_inside_a_string_is_shown_as_json(browser):
    """SDKs that write JSON into a JSON string are read; the link has the text as it was written."""
    given = json.dumps(json.dumps({"operation": "ProcessData", "duration": 30, "data": ["a", "b", "c"]}))
    await browser.start("i", input={"value": given})
    page = await browser.get("/orchestrations/i")
    assert '{\n  "operation": "ProcessData",\n' in html.unescape(page.text)
    assert (await browser.get("/orchestrations/i/raw/input")).text == given


@visit
async def test_the_history_is_a_table_with_its_payloads(browser):
    """Each event has its name, its time and its payload; outcomes have the name of what was asked for."""
    await browser.start("i", "ship", input={"value": '"given"'})
    await browser.bench.turn(schedule(1, "weigh", '{"kg": 2}'))
    await browser.bench.activity('"weighed"')
    await browser.bench.turn(complete('"done"'))
    page = words(await browser.get("/orchestrations/i"))
    history = page[page.index("as a file for durable-harness replay") :]
    expected = ("Turn 1", "Started", "Activity scheduled 1", "weigh", '{"kg": 2}', "Turn 2, 3 events to replay")
    places = [history.index(text) for text in (*expected, "Activity completed", "weighed", "Ended", "Completed")]
    assert places == sorted(places)
    raw = re.search(r'data-raw="([^"]+/raw/event-\d+)"', (await browser.get("/orchestrations/i")).text)
    assert (await browser.get(raw[1])).status == 200


@visit
async def test_a_long_history_has_pages(browser):
    """Of a long history 200 events are on a page, and the address has their numbers."""
    await browser.start("i")
    for number in range(80):
        await browser.bench.turn(schedule(number))
        await browser.bench.activity()
    page = await browser.get("/orchestrations/i")
    assert "1 to 200 of 240" in page.text
    last = await browser.get("/orchestrations/i?events=201")
    assert "201 to 240 of 240" in last.text
    assert 'id="event-200"' not in last.text
    assert (await browser.get("/orchestrations/i?events=9999999")).status == 200
    assert (await browser.get("/orchestrations/i?events=x")).status == 200


@visit
async def test_the_history_is_a_file_that_replay_reads(browser):
    """The history as a file has the format of recorded histories, under a name that is one of a file."""
    await browser.start('a/b "c"\r\nX: y'.replace("\r\n", " "), "ship")
    await browser.bench.turn(complete())
    path = "/orchestrations/a%2Fb%20%22c%22%20X%3A%20y/history.json"
    answer = await browser.get(path)
    recorded = from_document(json.loads(answer.text), "the file")
    assert recorded.orchestrator == "ship"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ship-a-b-c-X-y.json"'
    await browser.start("new")
    refused = await browser.get("/orchestrations/new/history.json")
    assert refused.status == 409
    assert "no turn has run" in refused.text


@visit
async def test_parents_and_children_lead_to_each_other(browser):
    """The tree has the parents above and the sub-orchestrations below, each a link with its status."""
    await browser.start("top", "family")
    await browser.bench.turn(child(1, "kid", "small"))
    await browser.bench.turn()
    top = await browser.get("/orchestrations/top")
    assert f'<a href="{BASE}/orchestrations/kid">small</a>' in top.text
    kid = await browser.get("/orchestrations/kid")
    assert f'<a href="{BASE}/orchestrations/top">family</a>' in kid.text


@visit
async def test_a_purged_child_is_named_all_the_same(browser):
    """A sub-orchestration that was purged is in the tree, as one that is not kept."""
    await browser.start("top", "family")
    await browser.bench.turn(child(1, "kid", "small"))
    await browser.bench.turn(complete("1"))
    await browser.bench.turn(complete("1"))
    await browser.hub.purge_instances(pb.PurgeInstancesRequest(instanceId="kid"))
    assert "kid, not kept" in words(await browser.get("/orchestrations/top"))


@visit
async def test_what_it_waits_for_is_shown(browser):
    """The page of a living instance shows what it waits for: an activity, a timer, an event."""
    await browser.start("i")
    await browser.bench.turn(schedule(1, "weigh"), timer(2, 60))
    page = words(await browser.get("/orchestrations/i"))
    assert "activity 'weigh'" in page
    await browser.start("idle")
    await browser.bench.turn()
    assert "an external event : none has come that it takes" in words(await browser.get("/orchestrations/idle"))


@visit
async def test_actions_are_counted(browser):
    """What an instance cost in actions is shown: one start, and two for each activity."""
    await browser.start("i")
    await browser.bench.turn(schedule(1))
    assert "2 in this history so far" in words(await browser.get("/orchestrations/i"))
    await browser.bench.activity()
    await browser.bench.turn(complete())
    assert "3 with all executions and sub-orchestrations" in words(await browser.get("/orchestrations/i"))


@visit
async def test_an_unknown_instance_is_not_found(browser):
    """An id that is not there is 404, in words, with the id as text."""
    answer = await browser.get("/orchestrations/%3Cb%3Enobody")
    assert answer.status == 404
    assert "There is no instance &#39;&lt;b&gt;nobody&#39; in &#39;default&#39;." in answer.text


@visit
async def test_payloads_and_errors_of_others_are_text(browser):
    """Whatever a payload, an event's name, an error or a trace holds is shown as text, with what is unseen written."""
    hostile = "<img src=x onerror=alert(1)>\u202e</pre><script>alert(2)</script>"
    details = pb.TaskFailureDetails(errorType=hostile, errorMessage=hostile)
    details.stackTrace.value = f'  File "{hostile}", line 1, in {hostile}\n'
    await browser.start("i", hostile, input={"value": hostile}, tags={hostile: hostile}, version={"value": hostile})
    await browser.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name=hostile, input={"value": hostile}))
    await browser.bench.turn(schedule(1, hostile, hostile))
    await browser.bench.activity(failure=hostile)
    await browser.bench.turn(failed(details))
    text = (await browser.get("/orchestrations/i")).text
    assert "<img" not in text
    assert "<script>" not in text
    assert "\u202e" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;\\u202e" in text


@visit
async def test_the_history_shows_when_a_timer_is_due(browser):
    """A timer has its due time as it was asked for, also one that is later than a scheduler keeps times."""
    await browser.start("i")
    timers = [timer(1, 3600), pb.OrchestratorAction(id=2, createTimer={"fireAt": {"seconds": 253_402_300_799}})]
    await browser.bench.turn(*timers)
    page = words(await browser.get("/orchestrations/i"))
    assert "Timer created 1 due 2026-01-01 01:00:00.000" in page
    assert "Timer created 2 due 9999-12-31 23:59:59.000" in page
    assert "is due after the year 2115" in page


@visit
async def test_child_ids_are_shortened_where_they_differ(browser):
    """In the timeline the id of a child is what it has beside the id of its parent, as names are cut at their ends."""
    parent_id = "a-parent-with-a-long-name"
    await browser.start(parent_id)
    await browser.bench.turn(child(1, f"{parent_id}:0001"), child(2, "named"))
    page = words(await browser.get(f"/orchestrations/{parent_id}"))
    timeline = page[page.index("What ran when") : page.index("Tree")]
    assert "…:0001" in timeline
    assert "named" in timeline
    assert f"{parent_id}:" not in timeline

"""What a person does by the dashboard: each act by its form, on one instance and on all that match a filter."""

import html
import re

import pytest

from dashboard_site import BASE, visit
from durable_harness.dashboard.act_results import MOST
from durable_harness.protocol import pb
from hub_bench import complete, fail, kinds

RUNNING, PENDING, SUSPENDED, COMPLETED, FAILED, TERMINATED = (
    getattr(pb, f"ORCHESTRATION_STATUS_{name}")
    for name in ("RUNNING", "PENDING", "SUSPENDED", "COMPLETED", "FAILED", "TERMINATED")
)


async def status(browser, instance_id="i"):
    return (await browser.state(instance_id)).orchestrationState.orchestrationStatus


async def running(browser, instance_id="i"):
    """Start an instance whose first turn has asked for nothing: it waits for an event."""
    await browser.start(instance_id)
    await browser.bench.turn()


@visit
async def test_a_new_orchestration_is_started(browser):
    """The form starts an orchestration with all that it asks for, and leads to the new instance."""
    form = await browser.get("/new-orchestration")
    assert "known_by_its_worker" in form.text
    answer = await browser.post(
        "/new-orchestration",
        name="ship",
        id="mine",
        input=' {"a": 1.10} ',
        version="2",
        tags="team=a\n\nkind = b=c\n",
        start="2030-01-01T08:00",
    )
    assert (answer.status, answer.location) == (303, f"{BASE}/orchestrations/mine?done=new")
    state = (await browser.state("mine")).orchestrationState
    assert (state.name, state.input.value, state.version.value) == ("ship", '{"a": 1.10}', "2")
    assert dict(state.tags) == {"team": "a", "kind": "b=c"}
    assert state.scheduledStartTimestamp.seconds == 1893484800


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "The name is missing"),
        ({"input": "{not json"}, "The input is not JSON: "),
        ({"input": "NaN"}, "The input is not JSON: NaN is no value of JSON"),
        ({"tags": "only"}, "Tags: got &#39;only&#39;, expected name=value"),
        ({"tags": "a=1\na = 2"}, "Tags: &#39;a&#39; is given twice."),
        ({"start": "soon"}, "Start at: got &#39;soon&#39;, expected a time"),
        (
            {"start": "9999-12-31T23:59"},
            "got &#39;9999-12-31T23:59&#39;, expected a time up to 2116-02-20T23:53:38 (UTC)",
        ),
        ({"id": "taken"}, "already exists"),
    ],
)
def test_a_form_that_cannot_be_is_shown_again(fields, message):
    """What is wrong is reported, what was written stays, and nothing is started."""

    @visit
    async def check(browser):
        await browser.start("taken")
        answer = await browser.post("/new-orchestration", **{"name": "<ship>", "version": "kept", **fields})
        assert answer.status in {400, 409}
        assert message in answer.text
        assert 'value="kept"' in answer.text
        assert len((await browser.hub.query_instances(pb.QueryInstancesRequest())).orchestrationState) == 1

    check()


@visit
async def test_an_event_is_raised(browser):
    """An event comes with its name and its data as they were written; data that is no JSON is refused."""
    await running(browser)
    refused = await browser.post("/orchestrations/i/event", name="go", input="yes")
    assert refused.status == 400
    assert "The data of the event is not JSON" in refused.text
    answer = await browser.post("/orchestrations/i/event", name="go", input='{"n": 1.0}')
    assert answer.location.endswith("/orchestrations/i?done=event")
    await browser.bench.turn(complete())
    (raised,) = (one.eventRaised for one in await browser.bench.history() if one.HasField("eventRaised"))
    assert (raised.name, raised.input.value) == ("go", '{"n": 1.0}')


@visit
async def test_an_act_that_is_refused_keeps_what_was_typed(browser):
    """An event that cannot be raised is shown on the page of its instance, in its form, with the way to other pages."""
    await running(browser)
    for fields, why in (
        ({"name": "go <1>", "input": "{yes"}, "The data of the event is not JSON"),
        ({"name": " ", "input": "{yes"}, "The name of the event is missing."),
    ):
        refused = await browser.post("/orchestrations/i/event", **fields)
        assert refused.status == 400
        (form,) = re.findall(r'<section id="refused">.*?</section>', refused.text, re.DOTALL)
        assert (why in refused.text, ">\n{yes</textarea>" in form) == (True, True)
        assert f'value="{html.escape(fields["name"])}"' in form
        assert f'<a href="{BASE}/entities">Entities</a>' in refused.text
        assert f'data-from="{BASE}/orchestrations/i"' in refused.text
    await browser.bench.no_item()


@pytest.mark.parametrize("word", ["event", "suspend", "resume", "terminate"])
def test_an_act_on_what_has_ended_is_refused(word):
    """An act that only living instances take shows how the instance has ended, not that it was done."""

    @visit
    async def check(browser):
        await browser.start()
        await browser.bench.turn(complete())
        refused = await browser.post(f"/orchestrations/i/{word}", name="go")
        assert refused.status == 409
        assert "nothing was done, for &#39;i&#39; has ended (Completed, 2026-01-01 00:00:00 UTC)." in refused.text
        assert '<section id="refused">' not in refused.text
        assert "eventRaised" not in kinds(await browser.bench.history())

    check()


@visit
async def test_an_error_has_the_way_to_other_pages(browser):
    """A page with an error keeps the navigation of its hub."""
    answer = await browser.get("/orchestrations/nobody")
    assert answer.status == 404
    assert f'<a href="{BASE}/orchestrations">Orchestrations</a>' in answer.text


@visit
async def test_an_instance_is_suspended_and_resumed(browser):
    """Suspend and resume do what their names promise, with the reason in the history."""
    await running(browser)
    await browser.post("/orchestrations/i/suspend", reason="to look")
    await browser.bench.turn()
    assert await status(browser) == SUSPENDED
    assert "Resume" in (await browser.get("/orchestrations/i")).text
    await browser.post("/orchestrations/i/resume", reason="seen")
    await browser.bench.turn()
    assert await status(browser) == RUNNING
    events = await browser.bench.history()
    assert [one.executionSuspended.input.value for one in events if one.HasField("executionSuspended")] == ["to look"]


@visit
async def test_an_instance_is_terminated(browser):
    """Terminate ends an instance with the reason as its output."""
    await running(browser)
    await browser.post("/orchestrations/i/terminate", reason="enough", recursive="yes")
    assert "executionTerminated" in kinds((await browser.bench.item()).orchestratorRequest.newEvents)


@visit
async def test_a_failed_instance_is_rewound(browser):
    """Rewind brings a failed instance back; of one that has not failed it is refused with the reason."""
    await running(browser, "lives")
    refused = await browser.post("/orchestrations/lives/rewind")
    assert refused.status == 409
    assert "has not failed" in refused.text
    await browser.start("i")
    await browser.bench.turn(fail("broken"))
    assert (await browser.post("/orchestrations/i/rewind", reason="again")).status == 303
    assert await status(browser) == RUNNING


@visit
async def test_an_instance_is_started_again(browser):
    """Restart makes a new instance with the same input; under its own id only where it has ended."""
    await browser.start("i", input={"value": "7"})
    answer = await browser.post("/orchestrations/i/restart")
    fresh = re.search(r"/orchestrations/([0-9a-f]+)\?done=restart$", answer.location)[1]
    assert (await browser.state(fresh)).orchestrationState.input.value == "7"
    refused = await browser.post("/orchestrations/i/restart", same="yes")
    assert refused.status == 409
    assert "still active" in refused.text


@visit
async def test_an_ended_instance_is_purged(browser):
    """Purge deletes what has ended; of what lives it is refused and nothing is deleted."""
    await browser.start("i")
    assert (await browser.post("/orchestrations/i/purge")).status == 409
    await browser.bench.turn(complete())
    assert (await browser.post("/orchestrations/i/purge")).location == f"{BASE}/orchestrations"
    assert (await browser.get("/orchestrations/i")).status == 404


@visit
async def test_acts_on_unknown_instances_are_not_found(browser):
    """An act on an instance that is not there is 404 and names it."""
    for word in ("suspend", "resume", "terminate", "restart", "rewind"):
        answer = await browser.post(f"/orchestrations/nobody/{word}")
        assert answer.status == 404
        assert "nobody" in answer.text


@visit
async def test_only_what_is_possible_is_offered(browser):
    """The page of an instance has the acts that its status allows."""
    await browser.start("i")
    assert offered(await browser.get("/orchestrations/i")) == ["event", "suspend", "terminate", "restart"]
    await browser.bench.turn(fail())
    assert offered(await browser.get("/orchestrations/i")) == ["restart", "rewind", "purge"]


def offered(answer):
    return re.findall(r'id="to-(\w+)"', answer.text)


# -- on many -----------------------------------------------------------------------------------------------------------


def fields_of(page, act):
    """Return the fields of the form that does an act on many."""
    form = next(form for form in page.split("<form")[1:] if f'name="act" value="{act}"' in form)
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form))


@visit
async def test_many_are_asked_about_first(browser):
    """The question says how many match and how many of them each act would reach; nothing is done by it."""
    for number in range(3):
        await browser.start(f"ship-{number}", "ship")
    await browser.start("bill-1", "bill")
    page = (await browser.get("/bulk?name=ship")).text
    assert "Act on 3 orchestrations" in page
    assert "Terminate 3 orchestrations" in page
    assert "do not allow: Resume, Rewind, Purge" in page
    assert fields_of(page, "terminate")["count"] == "3"


@visit
async def test_all_that_match_are_acted_on_and_no_others(browser):
    """What was confirmed is done to what matched then: later ones, and those of other filters, stay as they are."""
    for number in range(3):
        await browser.start(f"ship-{number}", "ship")
        await browser.bench.turn()
    await browser.start("bill-1", "bill")
    await browser.bench.turn()
    page = (await browser.get("/bulk?name=ship")).text
    browser.bench.clock.advance(1)
    await browser.start("ship-later", "ship")
    answer = await browser.post("/bulk", **fields_of(page, "terminate"), reason="enough")
    assert answer.status == 303
    for _ in range(2):  # a reload shows it again, and acts on nothing
        assert "Terminate: 3 of 3 done" in (await browser.get(answer.location)).text
    ended = {}
    for _ in range(4):
        request = (await browser.bench.item()).orchestratorRequest
        ended[request.instanceId] = "executionTerminated" in kinds(request.newEvents)
    assert ended == {"ship-0": True, "ship-1": True, "ship-2": True, "ship-later": False}
    assert await browser.bench.worker.idle()


@visit
async def test_what_has_changed_meanwhile_is_left_out(browser):
    """An instance whose status no longer allows the act is not acted on, and the page shows how many those are."""
    for number in range(2):
        await browser.start(f"ship-{number}", "ship")
    page = (await browser.get("/bulk")).text
    await browser.bench.turn(complete())
    answer = await browser.post("/bulk", **fields_of(page, "suspend"))
    page = (await browser.get(answer.location)).text
    assert "Suspend: 1 of 2 done" in page
    assert "1 matched no longer" in page


@visit
async def test_many_are_purged(browser):
    """A purge of many deletes all that have ended, more than one page of them."""
    for number in range(60):
        await browser.start(f"i{number}")
        await browser.bench.turn(complete())
    await browser.start("lives")
    page = (await browser.get("/bulk")).text
    answer = await browser.post("/bulk", **fields_of(page, "purge"))
    assert "Purge: 60 of 60 done" in (await browser.get(answer.location)).text
    left = (await browser.hub.query_instances(pb.QueryInstancesRequest())).orchestrationState
    assert [state.instanceId for state in left] == ["lives"]


@visit(hubs=("default", "other"))
async def test_results_are_kept_for_a_while(browser):
    """The latest results have a page, in their own task hub; of an older one it says that it is no longer kept."""
    await browser.start("i")
    page = (await browser.get("/bulk")).text
    kept = [(await browser.post("/bulk", **fields_of(page, "suspend"))).location for _ in range(MOST + 1)]
    assert "Suspend: 1 of 1 done" in (await browser.get(kept[-MOST])).text
    for gone in (kept[0], kept[-1].replace("/default/", "/other/")):
        answer = await browser.get(gone)
        assert answer.status == 404
        assert "no longer kept: a dashboard keeps the latest 20" in answer.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"act": "explode"}, "act: got &#39;explode&#39;, expected one of suspend"),
        ({"count": "many"}, "number of instances that was confirmed is missing"),
        ({"status": "odd"}, "status: got &#39;odd&#39;, expected one of"),
    ],
)
def test_a_bulk_act_that_cannot_be_read_does_nothing(change, message):
    """A form that names no act, no number, or a filter that is none, is refused: nothing is done to everything."""

    @visit
    async def check(browser):
        await browser.start("i")
        page = (await browser.get("/bulk")).text
        answer = await browser.post("/bulk", **{**fields_of(page, "terminate"), **change})
        assert answer.status == 400
        assert message in answer.text
        assert await status(browser) == PENDING

    check()

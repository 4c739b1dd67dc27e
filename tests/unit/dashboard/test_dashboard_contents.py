"""The pages of what happens in a scheduler: entities, workers, queue, clock, hubs."""

import asyncio
import contextlib
import re

import pytest

from dashboard_service import visit_service as visit
from dashboard_site import BASE
from durable_harness.dashboard.pages.clock_page import seconds_of
from durable_harness.dashboard.pages.entity_pages import prefix_of
from durable_harness.dashboard.visit import PageError
from durable_harness.logs.instance_logs import LogLine
from durable_harness.protocol import pb
from hub_bench import Worker, complete, schedule

HOSTILE = "<script>alert(1)</script>"
QUOTED = "&lt;script&gt;alert(1)&lt;/script&gt;"


@contextlib.asynccontextmanager
async def worker(browser, **request):
    """Connect a worker to the browser's hub, until the block ends."""
    connected = Worker(browser.hub, **request)
    await asyncio.sleep(0)
    try:
        yield connected
    finally:
        await connected.close()


async def signal(browser, entity_id, operation="add", text="1"):
    request = pb.SignalEntityRequest(instanceId=entity_id, name=operation, requestId=f"{entity_id} {operation}")
    request.input.value = text
    await browser.hub.signal_entity(request)


async def make_entity(browser, entity_id, state="1"):
    """Create an entity, by an operation that a worker does. With `state` None the operation leaves it without one."""
    await signal(browser, entity_id)
    async with worker(browser) as connected:
        item = await connected.item("entityRequestV2")
        result = pb.EntityBatchResult(completionToken=item.completionToken, results=[{"success": {}}])
        if state is not None:
            result.entityState.value = state
        await browser.hub.complete_entity_task(result)


async def ask_for_lock(browser, worker, holder, *entity_ids):
    """Make an orchestration ask for a lock on entities."""
    await browser.start(holder)
    item = await worker.item("orchestratorRequest")
    asked = pb.EntityLockRequestedEvent(criticalSectionId=f"of {holder}", lockSet=entity_ids)
    asked.parentInstanceId.value = holder
    action = pb.OrchestratorAction(id=0, sendEntityMessage={"entityLockRequested": asked})
    response = pb.OrchestratorResponse(instanceId=holder, completionToken=item.completionToken, actions=[action])
    await browser.hub.complete_orchestrator_task(response)


@visit
async def test_entities_are_listed(browser):
    """The list has each entity with its state and its waiting operations; what others wrote is text."""
    assert "There is no entity in this task hub" in (await browser.get("/entities")).text
    await make_entity(browser, f"@counter@{HOSTILE}", f'"{HOSTILE}"')
    await signal(browser, "@waiting@1")
    page = (await browser.get("/entities")).text
    assert HOSTILE not in page
    assert page.count(QUOTED) >= 3
    assert "no state" in page
    assert f'href="{BASE}/entities/%40counter%40%3Cscript%3Ealert%281%29%3C%2Fscript%3E"' in page


@visit
async def test_entities_are_found_by_their_beginning(browser):
    """A search finds what begins so, written with the sign in front of the name or without."""
    for entity_id in ("@counter@a", "@counter@b", "@other@a"):
        await signal(browser, entity_id)
    for search in ("counter@", "@counter@"):
        page = (await browser.get(f"/entities?id={search}")).text
        assert "counter@a" in page
        assert "other@a" not in page
    assert "No entity begins so" in (await browser.get("/entities?id=nobody")).text


@visit
async def test_many_entities_have_pages(browser):
    """A page has 50 entities and leads to the next one; that one leads back to the first. The search stays."""
    for number in range(60):
        await signal(browser, f"@e@{number:02}")
    first = await browser.get("/entities?id=e")
    assert "50 entities on this page" in first.text
    following = first.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "id=e" in following
    second = await browser.get(following)
    assert "10 entities on this page" in second.text
    assert 'rel="first"' in second.text
    assert 'rel="next"' not in second.text


@visit
async def test_an_entity_shows_who_holds_it(browser):
    """The page of an entity has its state, the operations that wait, the lock, its holder, and who wants it next."""
    await make_entity(browser, "@a@1", '{"count": 7}')
    async with worker(browser) as connected:
        await ask_for_lock(browser, connected, "holder", "@a@1", "@b@1")
        await ask_for_lock(browser, connected, "next-one", "@a@1")
        await signal(browser, "@a@1", HOSTILE, f'"{HOSTILE}"')
        page = (await browser.get("/entities/%40a%401")).text
    assert "&#34;count&#34;: 7" in page
    for instance_id in ("holder", "next-one"):
        assert f'<a href="{BASE}/orchestrations/{instance_id}">{instance_id}</a>' in page
    assert f'<a href="{BASE}/entities/%40b%401">@b@1</a>' in page
    assert QUOTED in page
    assert HOSTILE not in page
    assert "a signal" in page
    assert (await browser.get("/entities/%40a%401/state")).text == '{"count": 7}'


@visit
async def test_an_entity_is_signalled(browser):
    """The form sends an operation with its input; an input that is no JSON is refused with the reason."""
    await make_entity(browser, "@a@1")
    answer = await browser.post("/entities/%40a%401/signal", name="set", input="5")
    assert answer.status == 303
    assert "The signal was sent" in (await browser.get(answer.location)).text
    async with worker(browser) as connected:
        item = await connected.item("entityRequestV2")
        operation = item.entityRequestV2.operationRequests[0].entityOperationSignaled
        assert (operation.operation, operation.input.value) == ("set", "5")
    refused = await browser.post("/entities/%40a%401/signal", name="set", input="five")
    assert refused.status == 400
    assert "The input of the operation is not JSON" in refused.text
    assert re.search(r'<section id="refused">.*value="set".*>\nfive</textarea>', refused.text, re.DOTALL)
    nameless = await browser.post("/entities/%40a%401/signal", name=" ", input="5")
    assert (nameless.status, "The name of the operation is missing." in nameless.text) == (400, True)
    assert (await browser.get("/entities/%40a%401/signal")).status == 405


@pytest.mark.parametrize(("search", "prefix"), [("COUNTER", "@counter"), ("@Counter@A", "@counter@A"), ("", "")])
def test_entities_are_searched_in_the_case_of_their_names(search, prefix):
    """Names of entities are lower case, however one writes them; keys are not."""
    assert prefix_of(search) == prefix


@visit
async def test_an_entity_without_a_state_has_a_page(browser):
    """An entity that is in the list has a page, also when its operations left it without a state."""
    await make_entity(browser, "@a@1", state=None)
    await make_entity(browser, "@a@10")
    assert f'href="{BASE}/entities/%40a%401"' in (await browser.get("/entities")).text
    page = await browser.get("/entities/%40a%401")
    assert (page.status, "It has no state." in page.text) == (200, True)
    assert (await browser.get("/entities/%40a%401/state")).status == 404
    assert (await browser.get("/entities/%40a")).status == 404  # only the beginning of an ID


@visit
async def test_an_unknown_entity_is_not_found(browser):
    """An id that no entity has is 404, its state too."""
    assert (await browser.get("/entities/%40no%40body")).status == 404
    assert (await browser.get("/entities/%40no%40body/state")).status == 404


@visit
async def test_workers_are_shown_with_what_they_take(browser):
    """A worker stands with its limits, what it has in hand, and the names that it takes."""
    assert "No worker is connected" in (await browser.get("/workers")).text
    filters = pb.WorkItemFilters(orchestrations=[{"name": HOSTILE, "versions": ["2"]}], activities=[{"name": "pack"}])
    async with worker(browser, maxConcurrentActivityWorkItems=3, workItemFilters=filters):
        page = (await browser.get("/workers")).text
        assert "A worker without a name" in page
        assert QUOTED in page
        assert HOSTILE not in page
        assert ">pack<" in page
        assert "of 3 at most" in page
        assert "of any number" in page
    assert "No worker is connected" in (await browser.get("/workers")).text


@visit
async def test_the_queue_shows_why_work_waits(browser):
    """Work waits for a worker that takes it, or for room; then it is in hand."""
    await browser.start("one", HOSTILE)
    await browser.start("two", HOSTILE)
    page = (await browser.get("/queue")).text
    assert "no worker" in page
    assert QUOTED in page
    assert HOSTILE not in page
    assert '<td class="num">2</td>' in page
    async with worker(browser, maxConcurrentOrchestrationWorkItems=1) as connected:
        page = (await browser.get("/queue")).text
        assert "no room" in page
        assert "no worker" not in page
        assert page.count('<td class="num">1</td>') == 2
        item = await connected.item("orchestratorRequest")
        actions = [schedule(0, "pack"), complete()]
        answer = pb.OrchestratorResponse(instanceId="one", completionToken=item.completionToken, actions=actions)
        await browser.hub.complete_orchestrator_task(answer)


@visit
async def test_work_that_rests_is_marked(browser):
    """Work that its only worker has given back rests."""
    await browser.start("one", "o")
    async with worker(browser) as connected:
        item = await connected.item("orchestratorRequest")
        given_back = pb.AbandonOrchestrationTaskRequest(completionToken=item.completionToken)
        await browser.hub.abandon_orchestrator_task(given_back)
        assert "resting" in (await browser.get("/queue")).text


@visit
async def test_the_hubs_are_counted(browser):
    """Each hub stands with its orchestrations by status, and leads there."""
    assert "none yet" in (await browser.get("/hubs")).text
    await browser.start()
    page = (await browser.get("/hubs")).text
    assert "<b>1</b> Pending" in page
    assert f'href="{BASE}/orchestrations?status=pending&amp;children=yes"' in page


@visit(may_move_time=True)
async def test_the_clock_is_moved(browser):
    """Where tests may move the clock a person may too: ahead by a length of time, and over idle time."""
    before_ns = browser.bench.service.clock.now_ns()
    answer = await browser.post("/clock/advance", by="1h 30m")
    assert answer.status == 303
    assert browser.bench.service.clock.now_ns() - before_ns >= 5_400_000_000_000
    assert "1 h 30 min" in (await browser.get(answer.location)).text
    await browser.post("/clock/skip", on="yes")
    assert browser.bench.service.skipping
    assert "is skipped" in (await browser.get("/clock")).text
    await browser.post("/clock/skip", on="no")
    assert not browser.bench.service.skipping


@visit(may_move_time=True)
async def test_a_time_that_is_none_is_refused_beside_its_field(browser):
    """The form comes back with what was typed and what is expected; the clock stays where it is."""
    answer = await browser.post("/clock/advance", by="soon <b>")
    assert answer.status == 400
    assert 'value="soon &lt;b&gt;" autofocus aria-invalid="true" aria-describedby="advance-problem"' in answer.text
    assert answer.text.count("expected a time such as 90s") == 1
    assert f'data-from="{BASE}/clock"' in answer.text
    assert not browser.bench.service.clock.is_moved


@visit
async def test_a_fixed_clock_stays(browser):
    """Elsewhere the clock is shown, offers nothing, and refuses to be moved."""
    await browser.get("/new-orchestration")
    page = (await browser.get("/clock")).text
    assert "Time of the scheduler" in page
    assert "clock/advance" not in page
    for act in ("advance", "skip"):
        answer = await browser.post(f"/clock/{act}", by="1h", on="yes")
        assert answer.status == 409
        assert "--time skip or --test-control to move it" in answer.text
        assert "Time of the scheduler" in answer.text
    assert not browser.bench.service.clock.is_moved


@visit(has_overview=False)
async def test_what_a_scheduler_does_not_report_is_not_known(browser):
    """Of a scheduler that has no more than the protocol, workers, queue and clock are not known; the rest is shown."""
    await make_entity(browser, "@a@1")
    for path in ("/workers", "/queue", "/clock"):
        answer = await browser.get(path)
        assert answer.status == 200
        assert "Not known" in answer.text
    assert "not known" in (await browser.get("/entities/%40a%401")).text
    assert (await browser.post("/clock/skip", on="yes")).status == 409


@visit(
    beside={
        "log_lines": lambda one: (
            [LogLine(1, "ERROR", f"{one} {HOSTILE}", "durable_harness.host", "f")] if one == "i" else []
        )
    }
)
async def test_the_log_of_an_instance_is_shown(browser):
    """Where the host is at hand the page of an instance has the lines of its log, as text."""
    await browser.start("i")
    await browser.start("quiet")
    page = (await browser.get("/orchestrations/i")).text
    assert f"i {QUOTED}" in page
    assert HOSTILE not in page
    assert "No entry of the log is about it" in (await browser.get("/orchestrations/quiet")).text


@visit
async def test_the_log_of_a_host_elsewhere_is_not_spoken_of(browser):
    """Where the host is not at hand there is no log, and the page does not say that it is empty."""
    await browser.start("i")
    assert 'id="logs"' not in (await browser.get("/orchestrations/i")).text


async def one_activity(browser, text):
    """Run an orchestration of one activity, with this input and result, to its end."""
    await browser.start("i", input={"value": text})
    async with worker(browser) as connected:
        item = await connected.item("orchestratorRequest")
        answer = pb.OrchestratorResponse(completionToken=item.completionToken, actions=[schedule(0, "pack")])
        await browser.hub.complete_orchestrator_task(answer)
        item = await connected.item("activityRequest")
        done = pb.ActivityResponse(completionToken=item.completionToken, result={"value": text})
        await browser.hub.complete_activity_task(done)
        item = await connected.item("orchestratorRequest")
        answer = pb.OrchestratorResponse(completionToken=item.completionToken, actions=[complete('"done"')])
        await browser.hub.complete_orchestrator_task(answer)


@visit
async def test_a_history_is_run_again_from_its_page(browser):
    """Events that came in lead to a form with what can be edited; the new instance leads back to its origin."""
    await one_activity(browser, f'"{HOSTILE}"')
    page = (await browser.get("/orchestrations/i")).text
    assert 'aria-label="Run again from event 2"' in page
    assert 'aria-label="Run again from event 5"' in page
    assert 'aria-label="Run again from event 3"' not in page
    form = await browser.get("/orchestrations/i/again?event=5")
    assert "3 events stand as they are" in form.text
    assert HOSTILE not in form.text
    assert QUOTED in form.text
    answer = await browser.post("/orchestrations/i/again", event="5", payload="7", input=f'"{HOSTILE}"', id="new")
    assert answer.status == 303
    page = (await browser.get(answer.location)).text
    assert f'<a href="{BASE}/orchestrations/i">i</a> up to' in page
    async with worker(browser) as connected:
        item = await connected.item("orchestratorRequest")
        assert item.orchestratorRequest.instanceId == "new"
        assert item.orchestratorRequest.newEvents[1].taskCompleted.result.value == "7"


@visit
async def test_what_cannot_be_run_again_is_reported(browser):
    """A payload that is no JSON, an id that is taken and an event that there is not are refused with the reason."""
    await one_activity(browser, "1")
    refused = await browser.post("/orchestrations/i/again", event="5", payload="seven")
    assert refused.status == 409
    assert "The payload of the event is not JSON" in refused.text
    assert ">seven<" in refused.text.replace("\n", "")
    assert "already exists" in (await browser.post("/orchestrations/i/again", event="5", id="i")).text
    for event, status in (("3", 400), ("99", 400), ("x", 400), ("9" * 50, 400)):
        assert (await browser.get(f"/orchestrations/i/again?event={event}")).status == status
    assert (await browser.get("/orchestrations/nobody/again?event=1")).status == 404


@visit(has_overview=False)
async def test_a_scheduler_elsewhere_runs_nothing_again(browser):
    """Where the scheduler knows only the protocol no event leads to the form, and the form is refused."""
    await one_activity(browser, "1")
    assert "Run again from event" not in (await browser.get("/orchestrations/i")).text
    assert (await browser.get("/orchestrations/i/again?event=5")).status == 409


@visit(is_read_only=True, may_move_time=True)
async def test_a_read_only_dashboard_offers_none_of_these_acts(browser):
    """No form stands on the pages, and what is sent is refused."""
    await make_entity(browser, "@a@1")
    for path in ("/clock", "/entities/%40a%401"):
        assert "<form" not in (await browser.get(path)).text.split('id="keys"')[0]
    assert (await browser.post("/clock/advance", by="1h")).status == 403


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5h", 5400), ("1d 2h", 93_600), ("10min", 600), ("3 m 1 s", 181)]
)
def test_lengths_of_time(text, seconds):
    """A length of time is written with units, or as seconds."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5", "soon", "1y", "101000d", "1h or so", "9" * 400])
def test_what_is_no_length_of_time(text):
    """Anything else is refused with what was written, and an example."""
    with pytest.raises(PageError, match="Advance by: got"):
        seconds_of(text)

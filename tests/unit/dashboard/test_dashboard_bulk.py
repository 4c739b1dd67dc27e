"""One act on many instances: what is refused of it, and how many are reached."""

from dashboard_site import visit
from durable_harness.protocol import RpcError, RpcStatus


@visit
async def test_a_question_about_an_odd_filter_is_refused(browser):
    """A filter that cannot be read matches nothing: no act is offered for it."""
    answer = await browser.get("/bulk?status=odd")
    assert answer.status == 400
    assert "status: got &#39;odd&#39;" in answer.text


@visit
async def test_what_is_refused_is_counted_with_its_reason(browser):
    """Of many that the scheduler refuses the first are listed, all are counted, and the others are done."""
    for number in range(25):
        await browser.start(f"i{number:02}")
    suspend = browser.hub.suspend_instance

    async def refuse_most(request):
        if request.instanceId != "i24":
            raise RpcError(RpcStatus.FAILED_PRECONDITION, f"{request.instanceId} is busy")
        return await suspend(request)

    browser.hub.suspend_instance = refuse_most
    answer = await browser.post("/bulk", act="suspend", count="25")
    page = (await browser.get(answer.location)).text
    assert "Suspend: 1 of 25 done" in page
    assert page.count("is busy") == 20


def terminated(browser):
    """Return the ids of the instances whose termination is requested from now on."""
    found, terminate = [], browser.hub.terminate_instance

    async def note(request):
        found.append(request.instanceId)
        return await terminate(request)

    browser.hub.terminate_instance = note
    return found


@visit
async def test_no_more_are_reached_than_were_confirmed(browser):
    """A confirmation of none reaches none, and one of two the two oldest."""
    reached = terminated(browser)
    for number in range(3):
        await browser.start(f"i{number}")
        browser.bench.clock.advance(1)
    for confirmed in ("0", "2"):
        answer = await browser.post("/bulk", act="terminate", count=confirmed)
        assert f"Terminate: {confirmed} of {confirmed} done" in (await browser.get(answer.location)).text
    assert reached == ["i0", "i1"]


@visit
async def test_an_act_reaches_more_than_a_page(browser):
    """All that match are acted on, also where the scheduler lists them in several pages."""
    reached = terminated(browser)
    for number in range(1001):
        await browser.start(f"i{number}")
    await browser.post("/bulk", act="terminate", count="1001")
    assert len(set(reached)) == 1001

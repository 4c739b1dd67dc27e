"""The dashboard as a site: its addresses, which clients it answers, what every answer carries."""

import asyncio
from unittest import mock

import pytest

from dashboard_site import BASE, visit
from durable_harness.dashboard import Dashboard, DashboardOptions, DashboardSource
from durable_harness.protocol import pb
from durable_harness.stack import dashboards

HOSTILE = "<script>alert(1)</script>"


@visit
async def test_the_first_page_is_that_of_the_only_hub(browser):
    """With one hub the root leads to its orchestrations; the hub's own address shows them too."""
    assert (await browser.get("//")).location == f"{BASE}/orchestrations"
    assert "There is no orchestration in this task hub yet" in (await browser.get("")).text


@visit(hubs=("default", "<b>"))
async def test_several_hubs_are_listed(browser):
    """With several hubs the root lists them, and an unknown one is 404 with the names of those that there are."""
    answer = await browser.get("//")
    assert answer.status == 200
    assert "&lt;b&gt;" in answer.text
    assert "<b>" not in answer.text
    unknown = await browser.get("/subscriptions/local/schedulers/emulator/taskhubs/nobody/orchestrations")
    assert unknown.status == 404
    assert "There are: default, &lt;b&gt;" in unknown.text


@visit
async def test_the_emulators_deep_links_work(browser):
    """The addresses of the emulator's dashboard show a hub's orchestrations, and one instance, whatever its id is."""
    for name in ("plain", "with/slash and space", "new-orchestration", HOSTILE):
        await browser.start(name)
    page = await browser.get()
    assert "plain" in page.text
    for quoted in (
        "plain",
        "with%2Fslash%20and%20space",
        "new-orchestration",
        "%3Cscript%3Ealert%281%29%3C%2Fscript%3E",
    ):
        assert f'href="{BASE}/orchestrations/{quoted}"' in page.text
        assert (await browser.get(f"/orchestrations/{quoted}")).status == 200
    assert HOSTILE not in page.text


@visit
async def test_every_answer_carries_its_policy(browser):
    """Pages, errors and assets run no script but the dashboard's own, and are shown in no frame."""
    paths = ["/orchestrations", "/orchestrations/nobody", "//nowhere", "/new-orchestration"]
    for path in paths:
        headers = (await browser.get(path)).headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


@visit
async def test_assets_are_kept_by_browsers(browser):
    """The style sheet and the script come from the dashboard itself, under addresses that change with their text."""
    page = (await browser.get()).text
    for kind, attribute in (("css", "href"), ("javascript", "src")):
        path = page.split(f'{attribute}="/assets/')[1].split('"')[0]
        answer = await browser.get(f"//assets/{path}")
        assert kind in answer.headers["Content-Type"]
        assert "immutable" in answer.headers["Cache-Control"]
    assert (await browser.get("//assets/x/other.js")).status == 404


@visit
async def test_other_sites_are_refused(browser):
    """A name that a stranger could point here, and a page of another site, get 403 for everything."""
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ):
        assert (await browser.get(headers=headers)).status == 403
        assert (await browser.post("/new-orchestration", headers=headers, name="o")).status == 403
    assert (await browser.get(headers={"Sec-Fetch-Site": "cross-site"})).status == 403
    assert not (await browser.hub.query_instances(pb.QueryInstancesRequest())).orchestrationState


@visit(allowed_hosts=("mine.example",))
async def test_an_allowed_name_is_answered(browser):
    """A name of --allowed-hosts is one of the dashboard's, with a port or without; others are none."""
    assert (await browser.get(headers={"Host": "mine.example:8082"})).status == 200
    assert (await browser.get(headers={"Host": "not.mine.example"})).status == 403


@visit
async def test_an_act_needs_the_token_of_a_page(browser):
    """A form without the token, or with another one, is 403 and changes nothing."""
    await browser.start()
    for token in ("", "guessed", "é"):
        answer = await browser.post("/orchestrations/i/terminate", token=token)
        assert answer.status == 403
        assert "before the dashboard was started again" in answer.text
    assert (await browser.state()).orchestrationState.orchestrationStatus == pb.ORCHESTRATION_STATUS_PENDING


@visit
async def test_nothing_is_done_by_get(browser):
    """The addresses of acts answer GET with 405, other pages POST."""
    await browser.start()
    for word in ("terminate", "suspend", "purge", "restart", "rewind", "resume", "event"):
        assert (await browser.get(f"/orchestrations/i/{word}")).status == 405
    assert (await browser.post("/orchestrations")).status == 405
    assert (await browser.state()).orchestrationState.orchestrationStatus == pb.ORCHESTRATION_STATUS_PENDING


@visit
async def test_what_is_no_form_is_refused(browser):
    """JSON, or more than a form may have, is no act."""
    json_form = await browser.post("/new-orchestration", headers={"Content-Type": "application/json"}, name="o")
    assert json_form.status == 415
    large = await browser.post("/new-orchestration", name="o", input='"' + "x" * 200_000 + '"')
    assert large.status == 413


@visit(is_read_only=True)
async def test_a_read_only_dashboard_offers_and_takes_nothing(browser):
    """With --read-only pages have no acts, and those that are sent are 403."""
    await browser.start()
    for path in ("/orchestrations", "/orchestrations/i"):
        page = (await browser.get(path)).text
        assert "read-only" in page
        assert '<form method="post"' not in page
        assert "New orchestration" not in page
    answer = await browser.post("/orchestrations/i/terminate")
    assert answer.status == 403
    assert "--read-only" in answer.text
    assert (await browser.state()).orchestrationState.orchestrationStatus == pb.ORCHESTRATION_STATUS_PENDING


@visit
async def test_health_is_answered_without_a_page(browser):
    """/health is 200 for GET and HEAD."""
    answer = await browser.get("//health")
    assert (answer.status, answer.text) == (200, "Healthy")
    assert (await browser.get("//health", method="HEAD")).status == 200


@visit
async def test_what_has_not_changed_is_not_sent_again(browser):
    """A page that asks for its live part gets that alone, and 304 while it has it already."""
    await browser.start(input={"value": '"a"'})
    await browser.hub.skip_graceful_orchestration_terminations(
        pb.SkipGracefulOrchestrationTerminationsRequest(instanceBatch=pb.InstanceBatch(instanceIds=["i"]))
    )
    live = {"X-Live": "1"}
    first = await browser.get(headers=live)
    assert "<html" not in first.text
    assert "row-i" in first.text
    again = await browser.get(headers={**live, "If-None-Match": first.headers["ETag"]})
    assert (again.status, again.text) == (304, "")
    await browser.start("other")
    changed = await browser.get(headers={**live, "If-None-Match": first.headers["ETag"]})
    assert changed.status == 200
    assert "row-other" in changed.text


@pytest.mark.parametrize("path", ["/orchestrations/i/nothing", "/nothing", "/orchestrations/i/raw/nothing"])
def test_other_addresses_are_not_found(path):
    """What is no page is 404, in words."""

    @visit
    async def check(browser):
        await browser.start()
        answer = await browser.get(path)
        assert answer.status == 404
        assert 'role="alert"' in answer.text

    check()


def test_a_service_prepares_its_dashboard_after_its_start(monkeypatch):
    """Soon after a service is ready, the templates are compiled, so that the first page does not wait for them."""
    monkeypatch.setattr(dashboards, "WARM_AFTER_S", 0)
    warmed = asyncio.Event()
    warm = Dashboard.warm

    async def noted(dashboard):
        await warm(dashboard)
        environment = dashboard._site._renderer._environment
        assert {name for _, name in environment.cache} == set(environment.list_templates())
        warmed.set()

    async def serve():
        monkeypatch.setattr(Dashboard, "warm", noted)
        bound = dashboards.bind_dashboard("127.0.0.1", dashboards.ANY_PORT)
        async with dashboards.served_dashboard(bound, DashboardSource(dict), DashboardOptions()):
            await warmed.wait()

    asyncio.run(serve())


def test_a_dashboard_that_cannot_be_prepared_is_no_trouble(monkeypatch, caplog):
    """Whatever goes wrong when a dashboard is prepared is logged, and the service continues."""
    monkeypatch.setattr(dashboards, "WARM_AFTER_S", 0)
    monkeypatch.setattr(Dashboard, "warm", mock.AsyncMock(side_effect=OSError("no template")))
    asyncio.run(dashboards._warm_later(Dashboard(DashboardSource(dict))))
    assert "could not be prepared" in caplog.text

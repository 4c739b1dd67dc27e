"""Pages of what went wrong in a run: kept while its host is there, linked from its report."""

import pytest
import requests
from locust_process import Locust

from durable_harness.stack import embedded_stack

pytestmark = pytest.mark.thorough

APP = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="parcels", methods=["POST"])
@app.durable_client_input(client_name="client")
async def parcels(req, client):
    instance_id = await client.start_new("ship", client_input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def ship(context):
    parcel = context.get_input()
    if int(parcel["number"]) % 2:
        yield context.wait_for_external_event("released")
    yield context.call_activity("weigh", parcel)


@app.activity_trigger(input_name="parcel")
def weigh(parcel: dict):
    return parcel["weight_kg"]
"""
ENDINGS = ["--operation-timeout", "1", "--drain-timeout", "1", "--gates", "none"]
PAYLOAD = '{"number": "{number}", "data": "{token}"}'


@pytest.fixture
def parcels(tmp_path):
    """Return the folder of an app whose operations fail or wait for an event, in turn."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "function_app.py").write_text(APP)
    (app / "host.json").write_text('{"version": "2.0"}')
    return app


@pytest.fixture
def load_parcels(parcels, tmp_path, pytestconfig):
    """Return load_parcels(*arguments): a run that serves the app itself."""

    def load(*arguments):
        words = ["-f", "loadtests", "--app", str(parcels), "--start-path", "/api/parcels", "--payload", PAYLOAD]
        command = [*words, *arguments, "--headless", "-t", "2s", "--rate", "8", "Steady", "--no-preflight", *ENDINGS]
        process = Locust(command, tmp_path / "report", pytestconfig.rootpath)
        try:
            return process.wait()
        finally:
            process.kill()
            process.close()

    return load


def test_each_kind_of_failure_has_its_pages(load_parcels):
    """The first three failed and stuck operations have a page each, named in every form of the report."""
    run = load_parcels()
    traces = run.summary["traces"]
    kinds = [trace["kind"] for trace in traces]
    assert kinds.count("failed") == kinds.count("stuck") == 3, run.err
    assert len({trace["instance_id"] for trace in traces}) == len(traces)
    report = (run.report_dir / "report.html").read_text()
    for trace in traces:
        page = (run.report_dir / trace["file"]).read_text()
        assert trace["instance_id"] in page
        assert ("weight_kg" if trace["kind"] == "failed" else "released") in page
        assert f'href="{trace["file"]}"' in report
        assert trace["file"] in run.out
        assert trace["dashboard_url"] == "", "its host has ended"


def test_a_host_that_outlives_the_run_is_linked(parcels, locust):
    """A page of an app that runs beside the load names the place of its instance on the dashboard."""
    with embedded_stack(parcels, serve_args=["--dashboard-port", "any"]) as stack:
        words = ["--host", stack.base_url, "--start-path", "/api/parcels"]
        run = locust(*words, "--payload", PAYLOAD, *ENDINGS, run_time="2s")
        trace = run.summary["traces"][0]
        url = trace["dashboard_url"]
        assert url.startswith(f"{stack.dashboard_url}/subscriptions/"), run.err
        assert trace["instance_id"] in requests.get(url, timeout=10).text
    assert f'href="{url}"' in (run.report_dir / "report.html").read_text()


def test_the_key_of_a_url_is_on_no_page(load_parcels):
    """Pages are sent to others: a key in a URL is replaced, as in all reports."""
    run = load_parcels("--payload", '{"number": 2, "data": "{token}", "callback": "http://x/?code=hidden-key-123"}')
    pages = [(run.report_dir / trace["file"]).read_text() for trace in run.summary["traces"]]
    assert pages
    assert not any("hidden-key-123" in page for page in pages)


def test_pages_of_an_earlier_run_are_gone(load_parcels):
    """A folder has the pages of its last run alone; what is not ours stays."""
    first = load_parcels()
    folder = first.report_dir / "traces"
    (folder / "notes.txt").write_text("mine")
    second = load_parcels()
    named = {trace["file"].removeprefix("traces/") for trace in second.summary["traces"]}
    assert {path.name for path in folder.iterdir()} == {*named, "notes.txt"}


def test_another_service_has_no_pages(locust, stub):
    """A service that has no such pages is asked once, and its report names none."""
    stub.always(outcome="Failed")
    ended = locust("--gates", "none", run_time="2s")
    assert ended.operations["failed"] > 3
    assert ended.summary["traces"] == []
    asked = [request for request in stub.requests if "durable-harness/trace" in str(request)]
    assert len(asked) <= 2, "two requests may be under way when the first answer comes"

"""Whose requests are answered: pages of other sites, names that a stranger points here, keys of every kind."""

import json
import os
import stat

import pytest
import requests

from durable_harness.cli import main
from durable_harness.errors import UsageError
from durable_harness.host.http.keys import Keys
from durable_harness.stack.child_systems import scheduler_process
from durable_harness.stack.lifetime import write_ready_file
from durable_harness.stack.processes import running_command
from durable_harness.stack.serving import key_lines

APP = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

@app.orchestration_trigger(context_name="context")
def waits(context):
    yield context.wait_for_external_event("go")

@app.route(route="start", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req, client):
    return client.create_check_status_response(req, await client.start_new("waits"))

@app.route(route="one")
def one(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("one")

@app.route(route="other")
def other(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("other")

@app.route(route="everyone", auth_level=func.AuthLevel.ANONYMOUS)
def everyone(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("everyone")

@app.route(route="chief", auth_level=func.AuthLevel.ADMIN)
def chief(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("chief")
"""
EVIL = "http://evil.example"
NAMED = "http://mine.example"
TEXT = {"Content-Type": "text/plain"}
WEBHOOKS = "/runtime/webhooks/durabletask"
KEYS = {
    "DURABLE_HARNESS_FUNCTION_KEY": "the-host-key",
    "DURABLE_HARNESS_MASTER_KEY": "the-master-key",
    "DURABLE_HARNESS_SYSTEM_KEY": "the-system-key",
    "DURABLE_HARNESS_FUNCTION_KEY_ONE": "the-key-of-one",
}
TIMEOUT_S = 20


@pytest.fixture(scope="module")
def app_dir(tmp_path_factory, pytestconfig):
    """Return an app with a function of each authLevel."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "function_app.py").write_text(APP)
    for name in ("host.json", "local.settings.json"):
        (folder / name).write_text((pytestconfig.rootpath / "tests/apps/conformance" / name).read_text())
    return folder


@pytest.fixture(scope="module")
def serving(app_dir):
    """Return a function that runs `serve` with these options; the context is the running command."""

    def serve(*arguments, **environment):
        words = ["--script-root", str(app_dir), "--port", "0", *arguments]
        return running_command("serve", words, None, environment=environment)

    return serve


@pytest.fixture(scope="module")
def guarded(serving):
    """Yield a host that checks keys, one of each kind given to it."""
    with serving("--enableAuth", "--test-control", **KEYS) as command:
        yield command


@pytest.fixture(scope="module")
def open_host(serving):
    """Yield a host that checks no keys, as `func start` does, with CORS for one origin."""
    with serving("--cors", f"{NAMED},*") as command:
        yield command


def ask(method, url, headers=None, **options):
    return requests.request(method, url, headers=headers, timeout=TIMEOUT_S, **options)


def url_of(command, path):
    return f"{command.facts['baseUrl']}{path}"


def instances(command):
    answer = ask("GET", url_of(command, f"{WEBHOOKS}/instances?top=1000"), {"x-functions-key": "the-system-key"})
    return {instance["instanceId"] for instance in answer.json()}


# -- the local RPC endpoint and the control endpoint ------------------------------------------------------------------


@pytest.mark.sdk1
def test_the_rpc_endpoint_lives_under_a_secret_path(guarded):
    """Without the path that only the SDK's client is given nothing is started, and no answer holds a key."""
    base = guarded.facts["rpcBaseUrl"]
    assert ask("POST", f"{base}orchestrators/waits/known").status_code == 202
    origin = base.partition("/durabletask")[0].rpartition("/")[0]
    for prefix in ("/durabletask/", "/", "/guess/durabletask/"):
        answer = ask("POST", f"{origin}{prefix}orchestrators/waits/guessed", TEXT)
        assert (answer.status_code, answer.content) == (404, b"")
    assert "guessed" not in instances(guarded)


@pytest.mark.sdk1
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example:17071"},
        {"Host": "evil.example", "Origin": EVIL},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost@evil.example"},
    ],
    ids=str,
)
def test_no_browser_reaches_the_rpc_endpoint(guarded, headers):
    """Even with the right path a page's request is refused, as is a name that is not this machine's."""
    answer = ask("POST", f"{guarded.facts['rpcBaseUrl']}orchestrators/waits/by_a_page", TEXT | headers)
    assert answer.status_code == 403
    assert "by_a_page" not in instances(guarded)


def test_a_page_with_the_control_secret_is_refused(guarded):
    """The control endpoint answers programs on this machine only."""
    control = guarded.facts["control"]
    key = {"x-control-key": control["key"]}
    url = f"{control['url']}/clock/now"
    refused = [{"Origin": EVIL}, {"Origin": "null"}, {"Host": "evil.example"}]
    assert [ask("POST", url, key | headers, data="{}").status_code for headers in refused] == [403] * 3
    assert ask("POST", url, key, data="{}").status_code == 200


# -- the public port without keys -------------------------------------------------------------------------------------

FOREIGN = [
    {"Origin": EVIL},
    {"Origin": "null"},
    {"Host": "evil.example:7071"},
    {"Host": "evil.example:7071", "Origin": f"{EVIL}:7071"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{WEBHOOKS}/orchestrators/waits/by_a_page"),
        ("GET", f"{WEBHOOKS}/instances"),
        ("GET", "/admin/functions"),
        ("POST", "/admin/durable-harness/operations"),
    ],
)
def test_another_sites_page_manages_nothing(open_host, method, path, headers):
    """Without keys too, webhooks and admin endpoints refuse pages of other sites, `--cors '*'` or not."""
    answer = ask(method, url_of(open_host, path), TEXT | headers, data=b"1" if method == "POST" else None)
    assert answer.status_code == 403
    assert "by_a_page" not in instances(open_host)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:1"},
        {"Host": "192.0.2.7:7071"},
        {"Host": "host.docker.internal:7071"},
        {"Host": "app:7071"},
        {"Origin": NAMED},
        {"Host": "localhost:1", "Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
    ids=str,
)
def test_programs_own_pages_and_named_origins_manage(open_host, headers):
    """Programs under any private name, pages of the host itself and origins that --cors names are answered."""
    assert ask("GET", url_of(open_host, "/admin/functions"), headers).status_code == 200


def test_a_key_is_good_from_anywhere(open_host):
    """A management URL that is called as it is works behind a tunnel and from any page: it carries the key."""
    urls = ask("POST", url_of(open_host, "/api/start")).json()
    answer = ask(
        "POST", urls["terminatePostUri"].replace("{text}", "over"), {"Origin": EVIL, "Host": "a.tunnel.example"}
    )
    assert answer.status_code == 202


def test_a_public_name_can_be_allowed(serving):
    """DURABLE_HARNESS_ALLOWED_HOSTS names further hosts that are the user's own."""
    with serving(DURABLE_HARNESS_ALLOWED_HOSTS="mine.example, yours.example") as command:
        url = url_of(command, "/admin/functions")
        answers = [ask("GET", url, {"Host": f"{name}.example:80"}).status_code for name in ("mine", "yours", "evil")]
    assert answers == [200, 200, 403]


def test_a_host_of_a_network_answers_programs_by_any_name(serving):
    """Behind --address 0.0.0.0 a machine has names that it does not know; what a page sends it has an Origin anyway."""
    with serving("--address", "0.0.0.0") as command:
        start = url_of(command, f"{WEBHOOKS}/orchestrators/waits")
        public = {"Host": "box.corp.example:7071"}
        assert ask("GET", url_of(command, "/admin/functions"), public).status_code == 200
        assert ask("POST", start, public).status_code == 202
        for origin in ("http://box.corp.example:7071", EVIL, "null"):
            assert ask("POST", start, TEXT | public | {"Origin": origin}).status_code == 403


def test_cors_for_all_with_credentials_is_refused(serving):
    """--cors '*' with --cors-credentials would let every page act as the user: the start ends with a reason."""
    with pytest.raises(UsageError, match="Name the origins"), serving("--cors", "*", "--cors-credentials"):
        pass


# -- the scheduler's ports --------------------------------------------------------------------------------------------


def test_the_schedulers_pages_are_for_this_network():
    """The HTTP ports of a scheduler answer by address and by names of a network, to no other site's pages."""
    with scheduler_process() as running:
        for url in (running.http_url, running.dashboard_url):
            statuses = [ask("GET", url, headers).status_code for headers in FOREIGN]
            assert statuses == [403] * len(FOREIGN)
            for name in ("localhost", "scheduler:8082", "host.docker.internal:8082", "192.0.2.7"):
                assert ask("GET", url, {"Host": name}).status_code == 200


# -- keys -------------------------------------------------------------------------------------------------------------

OPENS = {
    "the-key-of-one": {"/api/one"},
    "the-host-key": {"/api/one", "/api/other"},
    "the-system-key": {f"{WEBHOOKS}/instances"},
    "the-master-key": {"/api/one", "/api/other", "/api/chief", f"{WEBHOOKS}/instances", "/admin/functions"},
    "another-key": set(),
    "": set(),
}
PLACES = sorted(set().union(*OPENS.values()))


@pytest.mark.parametrize("key", OPENS)
@pytest.mark.parametrize("place", ["header", "query", "QUERY"])
def test_each_key_opens_what_it_opens_in_azure(guarded, key, place):
    """A function key opens its function, the host key all, the system key webhooks, the master key everything."""
    name = "code" if place == "query" else "CODE"
    given = {"headers": {"x-functions-key": key}} if place == "header" else {"params": {name: key}}
    answers = {path: ask("GET", url_of(guarded, path), **given).status_code for path in PLACES}
    assert answers == {path: 200 if path in OPENS[key] else 401 for path in PLACES}
    assert ask("GET", url_of(guarded, "/api/everyone"), **given).status_code == 200


def test_management_urls_carry_the_system_key(guarded):
    """What an app answers can manage its instances and call no function."""
    answer = ask("POST", url_of(guarded, "/api/start"), {"x-functions-key": "the-host-key"})
    assert "code=the-system-key" in answer.headers["Location"]
    assert ask("GET", answer.headers["Location"]).status_code == 202
    assert not [key for key in KEYS.values() if key != "the-system-key" and key in answer.text]


def test_only_keys_that_were_made_up_are_printed(guarded):
    """A key that was given is printed nowhere; one that was made up is, once."""
    assert not [key for key in KEYS.values() if key in guarded.log.read_text()]
    keys = Keys(are_checked=True, host="the-host-key")
    printed = "\n".join(key_lines(keys, {"DURABLE_HARNESS_FUNCTION_KEY": keys.host}))
    assert printed.count(keys.master) == 1
    assert keys.host not in printed
    assert keys.system not in printed


def test_keys_in_a_ready_file_are_not_printed_too(serving):
    """A command that others start writes its keys for them alone: its output is kept in logs, and passed on."""
    with serving("--enableAuth") as command:
        keys = [command.facts[name] for name in ("hostKey", "masterKey", "systemKey")]
        assert not [key for key in keys if key in command.log.read_text()]


def test_a_key_of_no_function_is_reported(serving):
    """A variable whose function is misspelt opens nothing, and the start says so."""
    with serving("--enableAuth", DURABLE_HARNESS_FUNCTION_KEY_TWO="the-key-of-two") as command:
        logged = command.log.read_text()
    assert "DURABLE_HARNESS_FUNCTION_KEY_TWO: there is no such function" in logged
    assert "the-key-of-two" not in logged


def test_a_key_that_no_header_can_carry_ends_the_start(serving):
    """A key with a line break or a letter beyond ASCII is refused by the name of its variable, not repeated."""
    variable = {"DURABLE_HARNESS_MASTER_KEY": "geheim\u00e9"}
    with pytest.raises(UsageError, match="DURABLE_HARNESS_MASTER_KEY") as refused, serving("--enableAuth", **variable):
        pass
    assert "geheim" not in str(refused.value)


# -- the ready file ---------------------------------------------------------------------------------------------------


def test_the_ready_file_is_for_this_user_alone(app_dir, tmp_path):
    """It is made new with mode 0600, even where a readable file or a link of that name was laid out before."""
    victim, ready, before = tmp_path / "victim", tmp_path / "ready.json", os.umask(0)
    try:
        victim.write_text("mine")
        ready.symlink_to(victim)
        ready.with_suffix(".tmp").symlink_to(victim)
        write_ready_file(ready, {"secret": "s"})
    finally:
        os.umask(before)
    assert victim.read_text() == "mine"
    assert json.loads(ready.read_text())["secret"] == "s"
    assert stat.S_IMODE(ready.lstat().st_mode) == 0o600


# -- clients ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["the-host-key", "another-key"])
def test_record_reports_that_the_key_is_wrong(guarded, tmp_path, capsys, key):
    """A key that does not open the webhooks is not taken for an instance that is not there."""
    words = ["record", "any", "--host", guarded.facts["baseUrl"], "--function-key", key, "--out", str(tmp_path)]
    assert main(words) == 2
    logged = capsys.readouterr().err
    assert "the system key durabletask_extension or the master key" in logged
    assert key not in logged


@pytest.mark.parametrize("key", ["the-system-key", "the-master-key"])
def test_record_takes_the_keys_of_webhooks(guarded, wait_until, tmp_path, key):
    """The system key and the master key read a history."""
    urls = ask("POST", url_of(guarded, "/api/start"), {"x-functions-key": "the-host-key"}).json()
    wait_until(lambda: ask("GET", urls["statusQueryGetUri"]).json()["runtimeStatus"] == "Running", "its first turn")
    words = ["record", urls["id"], "--host", guarded.facts["baseUrl"], "--function-key", key, "--out", str(tmp_path)]
    assert main(words) == 0
    assert json.loads((tmp_path / f"{urls['id']}.json").read_text())["orchestrator"] == "waits"

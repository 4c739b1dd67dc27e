"""The wire behaviour that the data file does not cover: webhooks, HTTP triggers, the host's own URLs."""

import http.client
from urllib.parse import urlsplit

import pytest

WEBHOOKS = "/runtime/webhooks/durabletask"
ERROR_KEYS = ["Message", "ExceptionMessage", "ExceptionType", "StackTrace"]
CHECK_STATUS_KEYS = [
    "id",
    "statusQueryGetUri",
    "sendEventPostUri",
    "terminatePostUri",
    "purgeHistoryDeleteUri",
    "restartPostUri",
    "suspendPostUri",
    "resumePostUri",
]
JSON_TYPE = {"Content-Type": "application/json"}


@pytest.fixture
def instance(conformance, key):
    """Return a function that brings the test's instance into a state and returns its id."""
    orchestrators = {"Completed": "hello_seq", "Failed": "fail_orch"}

    def prepare(state, value=None):
        conformance.start(orchestrators.get(state, "wait_event"), value, key)
        for operation, operated in {"suspend": "Suspended", "terminate": "Terminated"}.items():
            if state == operated:
                conformance.wait_for(key, "Running")
                conformance.operate(key, operation)
        conformance.wait_for(key, state)
        return key

    return prepare


def outcome(response):
    """Return a response's status and the kind of its body: empty, the keys of an object, or its type."""
    if not response.content:
        return response.status_code, "empty"
    body = response.json()
    return response.status_code, list(body) if isinstance(body, dict) else type(body).__name__


# ---- webhooks: routes


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "instances/{id}"),
        ("POST", "instances/{id}"),
        ("GET", "instances/{id}/terminate"),
        ("DELETE", "instances/{id}/terminate"),
        ("POST", "instances/{id}/noSuchOperation"),
        ("POST", "instances/{id}/raiseEvent"),
        ("GET", "orchestrators/hello_seq"),
        ("POST", "orchestrators"),
        ("POST", "instances"),
        ("GET", "noSuchThing"),
        ("GET", "../noSuchExtension/instances"),
    ],
)
def test_an_unknown_route_or_verb_is_404(conformance, instance, method, path):
    """What the webhooks do not know, a wrong verb included, is 404 with an empty body."""
    response = conformance.request(
        method, f"{WEBHOOKS}/{path.format(id=instance('Completed'))}".replace("durabletask/../", "")
    )
    assert outcome(response) == (404, "empty")


@pytest.mark.parametrize("path", ["INSTANCES/{id}", "instances/{id}/", "Instances/{id}?SHOWINPUT=false"])
def test_path_words_and_query_names_ignore_case(conformance, instance, path):
    """Literals of the path and names of the query are matched in any case, and a trailing slash does not matter."""
    url = f"/runtime/webhooks/DurableTask/{path.format(id=instance('Completed', {'a': 1}))}"
    response = conformance.get(url)
    assert response.status_code == 200
    assert response.json()["input"] == (None if "SHOW" in url else {"a": 1})


def test_operations_ignore_case(conformance, instance):
    """An operation's name is matched in any case."""
    assert conformance.operate(instance("Running"), "TERMINATE").status_code == 202


# ---- webhooks: start


@pytest.mark.parametrize("instance_id", ["a%3Fb", "a%23b", "a%5Cb", "a%0Ab", "@ab"])
def test_a_forbidden_character_in_an_id_is_400(conformance, instance_id):
    """Ids with ? # backslash or a control character, or that begin with @, are refused."""
    response = conformance.post(f"{WEBHOOKS}/orchestrators/hello_seq/{instance_id}")
    assert outcome(response) == (400, ERROR_KEYS)


@pytest.mark.parametrize("instance_id", ["ř", "x" * 101])
def test_an_id_that_the_scheduler_refuses_is_400(conformance, instance_id):
    """Ids that the extension would take and the scheduler does not, too long or not ASCII, are refused as well."""
    response = conformance.post(f"{WEBHOOKS}/orchestrators/hello_seq/{instance_id}")
    assert outcome(response) == (400, ERROR_KEYS)
    assert "expected" in response.json()["Message"]


@pytest.mark.parametrize("instance_id", ["with%20space-", "percent%25-", "dots.and:colons-"])
def test_other_characters_in_an_id_are_accepted(conformance, key, instance_id):
    """An id may hold spaces and any other printable ASCII character; it is looked up percent-encoded."""
    path = f"{instance_id}{key}"
    assert conformance.post(f"{WEBHOOKS}/orchestrators/hello_seq/{path}").status_code == 202
    assert conformance.wait_terminal(path)["runtimeStatus"] == "Completed"


@pytest.mark.parametrize("body", [b"hello", b"{", b'{"a":1} tail', b"[1,]"])
def test_a_malformed_start_body_is_400(conformance, body):
    """A start body that is not one JSON value is refused with the four error keys."""
    response = conformance.post(f"{WEBHOOKS}/orchestrators/hello_seq", data=body, headers=JSON_TYPE)
    assert outcome(response) == (400, ERROR_KEYS)


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}])
def test_the_content_type_of_a_start_is_not_checked(conformance, key, headers):
    """A JSON body starts an instance under any content type."""
    response = conformance.post(f"{WEBHOOKS}/orchestrators/echo_input/{key}", data=b'{"a":1}', headers=headers)
    assert response.status_code == 202
    assert conformance.wait_terminal(key)["output"] == {"a": 1}


def test_a_chunked_start_body_counts(conformance, key):
    """A start body without Content-Length is read too."""
    conformance.post(f"{WEBHOOKS}/orchestrators/echo_input/{key}", data=iter([b'{"a"', b":1}"]))
    assert conformance.wait_terminal(key)["output"] == {"a": 1}


def test_dates_in_a_body_stay_text(conformance, key):
    """Text that looks like a date is not touched."""
    conformance.start("echo_input", {"when": "2026-01-02T03:04:05Z"}, key)
    assert conformance.wait_terminal(key)["output"] == {"when": "2026-01-02T03:04:05Z"}


def test_waiting_for_one_that_does_not_end_gives_check_status(conformance, key):
    """When the time is up, a waiting start answers 202 with the management URLs."""
    path = f"{WEBHOOKS}/orchestrators/wait_event/{key}?timeout=0.2&pollingInterval=0.1"
    assert outcome(conformance.post(path)) == (202, CHECK_STATUS_KEYS)


def test_waiting_for_one_that_fails_gives_its_status(conformance):
    """A waiting start whose instance fails answers 200 with the status object."""
    response = conformance.post(f"{WEBHOOKS}/orchestrators/fail_orch?timeout=20&pollingInterval=0.1")
    assert (response.status_code, response.json()["runtimeStatus"]) == (200, "Failed")


def test_an_interval_longer_than_the_timeout_is_400(conformance, key):
    """A pollingInterval above the timeout is refused before an instance is made, unlike in Azure."""
    response = conformance.post(f"{WEBHOOKS}/orchestrators/hello_seq/{key}?timeout=1&pollingInterval=2")
    assert outcome(response) == (400, ERROR_KEYS)
    assert conformance.get(f"{WEBHOOKS}/instances/{key}").status_code == 404


def test_links_follow_the_host_header(conformance):
    """The links of a start have the authority that the caller used."""
    response = conformance.post(f"{WEBHOOKS}/orchestrators/hello_seq", headers={"Host": "example.test:9000"})
    assert response.json()["statusQueryGetUri"].startswith(f"http://example.test:9000{WEBHOOKS}/instances/")


# ---- webhooks: status and list


@pytest.mark.parametrize(
    ("query", "shown"),
    [("false", False), ("FALSE", False), ("%20false%20", False), ("true", True), ("0", True), ("no", True), ("", True)],
)
def test_show_input_is_a_bool_or_its_default(conformance, instance, query, shown):
    """showInput understands true and false in any case; anything else means the default, true."""
    response = conformance.get(f"{WEBHOOKS}/instances/{instance('Running', {'a': 1})}?showInput={query}")
    assert response.json()["input"] == ({"a": 1} if shown else None)


@pytest.mark.parametrize("state", ["Completed", "Failed", "Terminated"])
def test_an_ended_instance_is_200(conformance, instance, state):
    """The status of an ended instance is 200 without Location and Retry-After."""
    response = conformance.get(f"{WEBHOOKS}/instances/{instance(state)}")
    assert (response.status_code, response.json()["runtimeStatus"]) == (200, state)
    assert not {"Location", "Retry-After"} & set(response.headers)
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"


def test_failure_as_500_leaves_the_others_200(conformance, instance):
    """returnInternalServerErrorOnFailure concerns failed instances only."""
    query = "returnInternalServerErrorOnFailure=true"
    assert conformance.get(f"{WEBHOOKS}/instances/{instance('Completed')}?{query}").status_code == 200


def test_list_items_are_status_objects(conformance, instance):
    """An item of the list is what the status of that instance is, and the token header is always there."""
    key = instance("Completed", {"a": 1})
    response = conformance.get(f"{WEBHOOKS}/instances?instanceIdPrefix={key}")
    assert response.json() == [conformance.status(key)]
    assert response.headers["x-ms-continuation-token"] == ""


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("runtimeStatus=Completed", True),
        ("runtimeStatus=Failed", False),
        ("runtimeStatus=Failed,Completed", True),
        ("runtimeStatus=Failed&runtimeStatus=Completed", True),
        ("runtimeStatus=Failed,NoSuchState", False),
        ("runtimeStatus=NoSuchState", True),
        ("createdTimeFrom=2099-01-01T00:00:00Z", False),
        ("createdTimeTo=2001-01-01T00:00:00Z", False),
        ("createdTimeFrom=2001-01-01T00:00:00Z&createdTimeTo=2099-01-01T00:00:00Z", True),
    ],
)
def test_list_filters(conformance, instance, query, found):
    """Known states and times filter; names that are no state's are as if not given."""
    key = instance("Completed")
    listed = conformance.get(f"{WEBHOOKS}/instances?instanceIdPrefix={key}&{query}").json()
    assert [item["instanceId"] for item in listed] == [key] * found


@pytest.mark.parametrize("top", ["0", "-1", "all", "99999999999999999999"])
def test_an_unusable_page_size_is_no_page_size(conformance, instance, top):
    """A top that is no positive number of a usual size means the default."""
    key = instance("Completed")
    response = conformance.get(f"{WEBHOOKS}/instances?instanceIdPrefix={key}&top={top}")
    assert (response.status_code, [item["instanceId"] for item in response.json()]) == (200, [key])


def test_half_a_character_does_not_spoil_the_list(conformance, key):
    """Text that UTF-8 cannot carry may be refused; once accepted, neither its status nor the list breaks on it."""
    start = conformance.post(f"{WEBHOOKS}/orchestrators/echo_input/{key}", data=rb'"half: \ud800"', headers=JSON_TYPE)
    try:
        assert conformance.get(f"{WEBHOOKS}/instances?instanceIdPrefix={key}").status_code == 200
        if start.status_code == 202:
            status = conformance.wait_terminal(key)
            assert status["input"] == status["output"]
            assert status["input"].startswith("half: ")
        else:
            assert outcome(start) == (400, ERROR_KEYS)
    finally:
        conformance.delete(f"{WEBHOOKS}/instances/{key}")


# ---- webhooks: operations


@pytest.mark.parametrize(
    ("state", "operation", "expected"),
    [
        ("Completed", "suspend", (410, "empty")),
        ("Completed", "resume", (410, "empty")),
        ("Completed", "rewind", (410, "empty")),
        ("Terminated", "rewind", (410, "empty")),
        ("Failed", "terminate", (410, "empty")),
        ("Running", "resume", (500, ERROR_KEYS)),
        ("Running", "rewind", (500, ERROR_KEYS)),
        ("Suspended", "rewind", (500, ERROR_KEYS)),
        ("Running", "suspend", (202, "empty")),
        ("Suspended", "resume", (202, "empty")),
        ("Suspended", "terminate", (202, "empty")),
        ("Completed", "restart", (202, CHECK_STATUS_KEYS)),
        ("Terminated", "restart", (202, CHECK_STATUS_KEYS)),
    ],
)
def test_an_operation_in_a_state(conformance, instance, state, operation, expected):
    """Each operation answers by the state that the instance is in."""
    assert outcome(conformance.operate(instance(state), operation)) == expected


@pytest.mark.parametrize("operation", ["terminate", "suspend", "resume", "rewind", "raiseEvent/go"])
def test_an_operation_on_an_unknown_instance_is_404(conformance, key, operation):
    """No operation but restart knows an instance that was never started."""
    assert outcome(conformance.operate(key, operation)) == (404, "empty")


def test_restart_of_a_running_instance_under_its_id_is_refused(conformance, instance):
    """A running instance cannot be restarted under its own id."""
    key = instance("Running")
    status, body = outcome(conformance.operate(key, "restart", restartWithNewInstanceId="false"))
    assert (status in {409, 500}, body) == (True, ERROR_KEYS)
    assert conformance.status(key)["runtimeStatus"] == "Running"


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({}, b"1", (400, ["Message"])),
        ({"Content-Type": "text/json"}, b"1", (400, ["Message"])),
        (JSON_TYPE, b"", (400, ERROR_KEYS)),
        (JSON_TYPE, b"{", (400, ERROR_KEYS)),
        (JSON_TYPE, b"1 and what follows", (202, "empty")),
        ({"Content-Type": "Application/JSON; charset=utf-8"}, b"1", (202, "empty")),
    ],
)
def test_what_an_event_may_be(conformance, instance, headers, body, expected):
    """An event needs the JSON media type, in any case and with parameters, and a body that begins with a JSON value."""
    url = f"{WEBHOOKS}/instances/{instance('Running')}/raiseEvent/go"
    assert outcome(conformance.post(url, data=body, headers=headers)) == expected


@pytest.mark.parametrize("span", ["createdTimeFrom=yesterday-ish", "createdTimeTo=2099-01-01T00:00:00Z"])
def test_purge_of_many_needs_a_beginning(conformance, span):
    """Without a createdTimeFrom that parses, nothing is purged: 400 and a bare JSON string."""
    assert outcome(conformance.delete(f"{WEBHOOKS}/instances?{span}")) == (400, "str")


def test_purge_of_an_unknown_instance_is_404(conformance, key):
    """There is nothing to purge under an unknown id."""
    assert outcome(conformance.delete(f"{WEBHOOKS}/instances/{key}")) == (404, "empty")


# ---- HTTP triggers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/only_get", 200),
        ("/api/only_get/", 200),
        ("/API/Only_GET", 200),
        ("/api/only_get/more", 404),
        ("/api/items/7", 200),
        ("/api/items/-7", 200),
        ("/api/items/7.5", 404),
        ("/only_get", 404),
        ("/api", 404),
        ("/api/nothing_here", 404),
    ],
)
def test_routes(conformance, path, status):
    """Routes ignore case and one trailing slash, check constraints, and exist under the prefix only."""
    response = conformance.get(path)
    assert response.status_code == status
    assert status == 200 or response.content == b""


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
def test_a_method_that_is_not_listed_is_404(conformance, method):
    """A function that lists GET answers nothing else: no 405, no automatic HEAD or OPTIONS."""
    assert conformance.request(method, "/api/only_get").status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_function_without_methods_takes_all(conformance, method):
    """A function that lists no methods gets every verb, listed in upper case."""
    assert conformance.request(method, "/api/echo/x").json()["method"] == method


def test_a_request_as_the_function_sees_it(conformance):
    """URL with the caller's host, parameters without empty ones and repeats joined, headers in any case, the body."""
    response = conformance.post(
        "/api/echo/a/b%20c?x=1&x=2&empty=&plus=a+b",
        data="žito".encode(),
        headers={"Host": "example.test:9000", "x-test": "yes"},
    )
    assert response.json() == {
        "method": "POST",
        "url": "http://example.test:9000/api/echo/a/b%20c?x=1&x=2&empty=&plus=a+b",
        "params": {"x": "1,2", "plus": "a b"},
        "route_params": {"rest": "a/b c"},
        "header": "yes",
        "body": "žito",
    }


def test_a_chunked_body_arrives_empty(conformance):
    """A request without Content-Length reaches the function with no body."""
    assert conformance.post("/api/echo/x", data=iter([b"some", b"thing"])).json()["body"] == ""


@pytest.mark.parametrize(("body", "status"), [(b'{"a": 1}', 200), (b"{", 500), (b"", 500)])
def test_get_json(conformance, body, status):
    """get_json reads a body of any content type; one that is not JSON raises, which is a 500."""
    assert conformance.post("/api/reads_json", data=body).status_code == status


def test_form_and_files(conformance):
    """A multipart body is read as form fields and files."""
    response = conformance.post("/api/reads_form", data={"field": "word"}, files={"file": ("name.txt", b"content")})
    assert response.text == "word content"


def test_a_body_of_two_megabytes(conformance):
    """A body above the usual one-megabyte limit of servers reaches the function whole."""
    assert len(conformance.post("/api/echo/x", data=b"x" * 2 * 1024 * 1024).json()["body"]) == 2 * 1024 * 1024


@pytest.mark.parametrize(
    ("kind", "status", "content_type", "body"),
    [
        ("text", 200, "text/plain; charset=utf-8", "plain žito".encode()),
        ("created", 201, "text/plain; charset=utf-8", b"made"),
        ("html", 200, "text/html; charset=utf-8", "<p>žito</p>".encode()),
        ("binary", 200, "application/octet-stream", bytes(range(256))),
        ("own_type", 200, "application/problem+json", b"{}"),
        ("unusual", 299, "text/plain; charset=utf-8", b""),
    ],
)
def test_what_a_function_may_return(conformance, kind, status, content_type, body):
    """Text and HttpResponse become the answer: status as given, type by header or mimetype, charset for text only."""
    response = conformance.get(f"/api/returns/{kind}")
    assert (response.status_code, response.headers["Content-Type"], response.content) == (status, content_type, body)


@pytest.mark.parametrize("kind", ["bytes", "dict", "number"])
def test_what_a_function_may_not_return(conformance, kind):
    """Any other value is an empty 500."""
    assert outcome(conformance.get(f"/api/returns/{kind}")) == (500, "empty")


def test_headers_and_cookies_of_a_response(conformance):
    """A response's own header is sent, and each cookie as a Set-Cookie of its own."""
    assert conformance.get("/api/returns/created").headers["X-Made"] == "yes"
    address = urlsplit(conformance.stack.base_url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    connection.request("GET", "/api/sets_cookies")
    cookies = connection.getresponse().headers.get_all("Set-Cookie")
    connection.close()
    assert sorted(cookie.partition(";")[0] for cookie in cookies) == ["a=1", "b=2"]


# ---- the host's own URLs


def test_the_home_page(conformance):
    """The root answers with an HTML page."""
    response = conformance.get("/")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")


def test_admin_host_status(conformance):
    """The host returns its id, state, version and uptime."""
    response = conformance.get("/admin/host/status")
    assert response.status_code == 200
    assert {"id", "state", "version", "versionDetails", "processUptime"} <= response.json().keys()
    assert response.json()["state"] == "Running"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_admin_host_ping(conformance, method):
    """The host answers a ping with nothing."""
    assert outcome(conformance.request(method, "/admin/host/ping")) == (200, "empty")

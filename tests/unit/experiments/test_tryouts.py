"""Which input the starters of an app take: what is tried, and what each outcome means."""

from types import SimpleNamespace

import pytest

from durable_harness.experiments import tryouts
from durable_harness.experiments.tryouts import MOST_KEYS, NAMED, SAMPLE, Tried
from durable_harness.load.preflight import Flight, Starter
from durable_harness.operations import HttpResponse, NoResponse, OperationRecord, OperationState

STACK = SimpleNamespace(base_url="http://service", function_key=None, log_path=None)
STARTER = Starter("/api/start", "begin")


@pytest.fixture
def tried(monkeypatch):
    """Return tried(*outcomes, payloads, starter): how a starter is judged whose operations end so, in turn."""

    def run(*outcomes, payloads=(SAMPLE, {}), starter=STARTER):
        left = list(outcomes)

        def fly(plan, _asker):
            run.sent.append(plan.payload)
            state, answer, error = left.pop(0)
            record = OperationRecord(plan.token, intended=0.0, epoch_offset_s=0.0, error=error)
            record.state = state
            return Flight(plan, record, "POST", "http://service/api/start", answer)

        run.sent = []
        monkeypatch.setattr(tryouts, "fly", fly)
        return tryouts._try(starter, list(payloads), STACK, None)

    return run


def outcome(state, status=202, error=None):
    """Return how an operation ends."""
    return state, HttpResponse(status, {}, b""), error


FINE = outcome(OperationState.COMPLETED)
REFUSED = outcome(OperationState.REFUSED, 400, "HTTP 400")


def test_the_first_input_that_works_is_taken(tried):
    """What was refused before does not matter, and nothing is tried after it."""
    found = tried(REFUSED, FINE, payloads=(SAMPLE, {"a": "{token}", "b": 3}, {}))
    assert (found.works, found.payload) == (True, {"a": "{token}", "b": 3})
    assert found.describe() == f"{STARTER}: works"


def test_the_sample_is_sent_as_it_is(tried):
    """Of another input {token} is filled in, wherever a text has it."""
    tried(REFUSED, FINE, payloads=(SAMPLE, {"a": "x{token}", "b": {"c": "{token}"}, "d": 3}))
    sample, second = tried.sent
    assert sample["data"]["token"]
    assert (second["a"], second["d"]) == (f"x{second['b']['c']}", 3)
    assert len(second["b"]["c"]) == 32


def test_a_starter_that_takes_nothing_needs_input(tried):
    """The first reason is shown: it is that of what is sent by default."""
    found = tried(REFUSED, outcome(OperationState.FAILED, error="other"))
    assert (found.works, found.why) == (False, "HTTP 400")
    assert found.describe() == f"{STARTER}: needs your input: HTTP 400"


def test_a_function_that_starts_nothing_is_left_out(tried):
    """An answer of 200 with nothing to follow is no start; other inputs are not tried."""
    found = tried(outcome(OperationState.REFUSED, 200, "HTTP 200"))
    assert (found.works, found.is_starter) == (False, False)
    assert "left out, it answers at once" in found.describe()


@pytest.mark.parametrize(("status", "is_route"), [(404, False), (405, False), (400, True)])
def test_a_named_path_may_be_no_route(tried, status, is_route):
    """A path that the user named and the app does not have is recognised at once; a refused input is not that."""
    refused = outcome(OperationState.REFUSED, status, f"HTTP {status}")
    found = tried(refused, refused, starter=Starter("/api/none", NAMED))
    assert (found.is_route, len(tried.sent)) == (is_route, 2 if is_route else 1)


def test_an_operation_under_way_ends_the_tries(tried):
    """An input that starts an operation is taken, though it does not end: the reason says that it may wait."""
    found = tried(REFUSED, outcome(OperationState.TIMED_OUT), payloads=(SAMPLE, 3, {}))
    assert (found.works, found.payload, len(tried.sent)) == (False, 3, 2)
    assert found.why == "it did not end within 8 s: does it wait for an event?"


@pytest.mark.parametrize(
    ("function", "logged", "why"),
    [("begin", "KeyError: 'id'", "HTTP 500: KeyError: 'id'"), (NAMED, "", "HTTP 500")],
)
def test_a_broken_start_has_what_the_host_logged(tried, monkeypatch, function, logged, why):
    """The log of the host names the cause of a 500, by the function if that is known."""
    asked = []
    monkeypatch.setattr(tryouts, "logged_failure", lambda _path, name: asked.append(name) or logged)
    broken = outcome(OperationState.REFUSED, 500, "HTTP 500")
    assert tried(broken, payloads=(SAMPLE,), starter=Starter("/api/start", function)).why == why
    assert asked == ["" if function == NAMED else function]


def test_without_an_answer_the_log_is_not_read(tried):
    """A start that got no answer has the reason of the network."""
    found = tried((OperationState.UNREACHABLE, NoResponse("refused"), "refused"), payloads=(SAMPLE,))
    assert found == Tried(STARTER, works=False, why="refused")


def test_the_keys_that_the_code_reads_are_tried(tmp_path):
    """Keys are those that are read by index or get, in their order; tests and broken files have none."""
    (tmp_path / "app.py").write_text(
        "a = body['name']\nb = body.get('size', 3)\nbody['out'] = a\nc = row[0]\nd = f.get(x)\n"
    )
    (tmp_path / "bad.py").write_text("def (\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_app.py").write_text("x['of_a_test']\n")
    assert tryouts._keys(tmp_path) == ["name", "size"]
    first, second, third, *_ = tryouts._payloads(tmp_path)
    assert first is SAMPLE
    assert (second, third) == ({"name": "{token}", "size": "{token}"}, {"name": 3, "size": 3})


def test_an_app_without_keys_gets_plain_inputs(tmp_path):
    """Nothing is known of it: next to nothing, a number, a text, a list and null are tried."""
    assert list(tryouts._payloads(tmp_path))[1:] == [{}, 3, "{token}", [1, 2, 3], None]


def test_a_large_app_is_tried_with_some_keys(tmp_path):
    """Its payload cannot be guessed from all of its keys."""
    (tmp_path / "app.py").write_text("".join(f"x['key_{number}']\n" for number in range(MOST_KEYS + 9)))
    assert len(tryouts._keys(tmp_path)) == MOST_KEYS

"""Any orchestrator's own recording replays clean, and any change of a step that it took is found."""

import json
from datetime import timedelta

import azure.durable_functions as df
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durable_harness.protocol.history_file import as_document, from_document
from durable_harness.replay import replay
from recorded import app_of, record

pytestmark = pytest.mark.thorough

NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.text("xyz", max_size=3), st.lists(st.integers(0, 2))
)
ATOMS = st.one_of(
    st.tuples(st.just("activity"), NAMES, VALUES),
    st.tuples(st.just("retried"), NAMES, VALUES),
    st.tuples(st.just("child"), NAMES, VALUES),
    st.tuples(st.just("entity"), NAMES, VALUES),
    st.tuples(st.just("timer"), st.just(""), st.integers(0, 10_000)),
    st.tuples(st.just("http"), NAMES, st.just(0)),
)
COMPOUNDS = st.recursive(ATOMS, lambda inner: st.tuples(st.sampled_from(["all", "any"]), st.lists(inner, max_size=3)))
STEPS = st.one_of(COMPOUNDS, st.tuples(st.just("signal"), NAMES, VALUES), st.tuples(st.just("event"), NAMES))
PROGRAMS = st.tuples(st.lists(STEPS, min_size=1, max_size=6), st.sampled_from(["return", "raise", "again"]))
RUNS = st.fixed_dictionaries(
    {
        "batch": st.integers(1, 4),
        "order": st.sampled_from([sorted, lambda ids: sorted(ids, reverse=True)]),
        "fails": st.sets(st.integers(0, 6), max_size=2),
    }
)
RETRY = df.RetryOptions(1000, 2)


def task_of(context, step):
    """Make the task that a step of a program describes."""
    kind, *arguments = step
    if kind in {"all", "any"}:
        together = context.task_all if kind == "all" else context.task_any
        return together([task_of(context, inner) for inner in arguments[0]])
    name, value = arguments
    makers = {
        "activity": lambda: context.call_activity(name, value),
        "retried": lambda: context.call_activity_with_retry(name, RETRY, value),
        "child": lambda: context.call_sub_orchestrator(name, value),
        "entity": lambda: context.call_entity(df.EntityId("e", "k"), name, value),
        "http": lambda: context.call_http("GET", f"https://example.com/{name}"),
        "timer": lambda: context.create_timer(context.current_utc_datetime + timedelta(seconds=value)),
    }
    return makers[kind]()


def orchestrator_of(program, reached=None):
    """Return the orchestrator that a program describes. It notes the steps it came to; failing ones are caught."""
    steps, end = program

    def orchestrator(context):
        for position, step in enumerate(steps):
            if reached is not None:
                reached.add(position)
            if step[0] == "signal":
                context.signal_entity(df.EntityId("e", "k"), step[1], step[2])
            elif step[0] == "event":
                yield context.wait_for_external_event(step[1])
            else:
                try:
                    yield task_of(context, step)
                except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception
                    yield context.call_activity("caught", str(error))
        if end == "raise":
            raise ValueError("at the end")
        if end == "again":
            context.continue_as_new(len(steps))
        return len(steps)

    return orchestrator


def recording(program, run, reached=None):
    events = [(step[1], '"come"') for step in program[0] if step[0] == "event"]
    history = record(orchestrator_of(program, reached), events=events, **run)
    return from_document(json.loads(json.dumps(as_document(history))), "file")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROGRAMS, RUNS)
def test_any_recording_replays_clean(program, run):
    """Whatever an orchestrator does, in whatever order its answers come: its own history shows no difference."""
    assert replay(recording(program, run), app_of(o=orchestrator_of(program))) is None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROGRAMS, RUNS, st.data())
def test_any_change_is_found(program, run, data):
    """With one step of the code changed, a replay differs if and only if history got as far as that step."""
    steps, end = program
    position = data.draw(st.integers(0, len(steps) - 1), label="changed step")
    changed = [*steps[:position], ("activity", "changed", 1), *steps[position + 1 :]]
    reached = set()
    history = recording(program, run, reached)
    found = replay(history, app_of(o=orchestrator_of((changed, end))))
    assert (found is not None) == (position in reached)

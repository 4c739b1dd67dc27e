"""Lists of instances as the JavaScript client asks for them: filters, pages, payloads, ids."""

from datetime import UTC, datetime, timedelta

import pytest
from js_room import date, output_of, status


@pytest.fixture
def population(js):
    """Return a hub with instances of several statuses; their ids name the status."""
    js.work()
    for number in range(4):
        js.run("callDouble", number, f"done-{number}")
    js.run("raising", None, "failed-0")
    js.start("waitForGo", None, "waits-0")
    js.begun("waits-0")
    return js


DONE = [f"done-{number}" for number in range(4)]


def test_without_a_filter_all_are_listed(population):
    """A query without a filter lists every instance of the hub."""
    assert sorted(population.ids()) == sorted([*DONE, "failed-0", "waits-0"])


@pytest.mark.parametrize(
    ("statuses", "found"),
    [
        (["COMPLETED"], DONE),
        (["FAILED", "RUNNING"], ["failed-0", "waits-0"]),
        (["TERMINATED"], []),
    ],
)
def test_a_query_by_status(population, statuses, found):
    """A query by status lists the instances that have one of them."""
    assert sorted(population.ids(statuses=status(*statuses))) == found


def test_a_query_by_prefix(population):
    """A query by prefix lists the instances whose ids begin so, case and all."""
    assert population.ids(instanceIdPrefix="done-") == DONE
    assert population.ids(instanceIdPrefix="DONE-") == []


def test_a_query_by_time(population):
    """A query by the time of creation lists what was created between the two."""
    middle = datetime.fromisoformat(population.state("done-2")["createdAt"])
    ids = population.ids(createdFrom=date(middle), createdTo=date(datetime.now(UTC)), instanceIdPrefix="done-")
    assert set(ids) >= {"done-3"}
    assert "done-0" not in ids
    assert population.ids(createdFrom=date(datetime.now(UTC) + timedelta(minutes=1))) == []


@pytest.mark.parametrize(("size", "pages"), [(2, [2, 2, 2]), (4, [4, 2]), (100, [6])])
def test_pages(population, size, pages):
    """Pages have the size asked for, and together each instance once."""
    found = population.call("getAllInstances", {"pageSize": size})
    assert [count for count in found["pages"] if count] == pages
    assert len({state["instanceId"] for state in found["items"]}) == 6


@pytest.mark.parametrize("asked", [True, False])
def test_payloads_if_asked(population, asked):
    """Inputs and outputs are in a list if the query asks for them."""
    query = {"instanceIdPrefix": "done-3", "fetchInputsAndOutputs": asked}
    (state,) = population.call("getAllInstances", query)["items"]
    assert ("serializedInput" in state, "serializedOutput" in state) == (asked, asked)
    if asked:
        assert output_of(state) == 6


def test_ids_of_what_has_ended(population):
    """The list of ids has the instances that have ended, page by page, and none that runs."""
    query = {"runtimeStatus": status("COMPLETED", "FAILED"), "pageSize": 3}
    first = population.call("listInstanceIds", query)
    second = population.call("listInstanceIds", {**query, "lastInstanceKey": first["continuationToken"]})
    assert len(first["values"]) == 3
    assert sorted(first["values"] + second["values"]) == [*DONE, "failed-0"]


def test_ids_by_the_time_of_their_end(population):
    """The list of ids can be of what ended since a moment."""
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert population.call("listInstanceIds", {"completedTimeFrom": date(later)})["values"] == []
    assert len(population.call("listInstanceIds", {"completedTimeTo": date(later)})["values"]) == 5


def test_a_list_shows_failures_and_tags(population):
    """A listed instance has its failure and its tags."""
    population.run("plain", 1, "tagged-0", tags={"team": "a"})
    listed = {state["instanceId"]: state for state in population.call("getAllInstances", {})["items"]}
    assert "no such luck" in listed["failed-0"]["failureDetails"]["message"]
    assert listed["tagged-0"]["tags"] == {"team": "a"}


def test_hubs_do_not_see_each_other(population, js_room):
    """Another hub of the same scheduler lists none of these instances and knows none of their ids."""
    other = type(population)(js_room)
    assert other.ids() == []
    assert other.state("done-0") is None

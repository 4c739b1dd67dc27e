"""Which work a JavaScript worker gets: filters by name and version, and versions that it does not take."""

import pytest
from js_room import output_of, until

REJECT, FAIL = 0, 1
STRICT, CURRENT_OR_OLDER = 1, 2


def strict(version, failure=REJECT):
    return {"version": version, "matchStrategy": STRICT, "failureStrategy": failure}


def only(orchestrations, activities=(), versions=()):
    return {
        "orchestrations": [{"name": name, "versions": list(versions)} for name in orchestrations],
        "activities": [{"name": name, "versions": list(versions)} for name in activities],
    }


def test_without_filters_a_worker_gets_everything(js):
    """A worker without filters gets even what it does not know, which then fails."""
    js.work("plain", activities=[], entities=[])
    assert js.run("callDouble", 1)["runtimeStatus"] == "FAILED"


def test_workers_get_what_they_have_registered(js):
    """With filters of their own functions two workers share a hub, each with a part of what an instance needs."""
    js.work("callDouble", activities=[], entities=[], workItemFilters="auto")
    js.work("plain", activities=["double"], entities=[], workItemFilters="auto")
    assert js.output("callDouble", 4) == 8


def test_what_no_filter_names_waits(js):
    """An orchestration that no filter names stays pending until a worker for it comes."""
    js.work("plain", workItemFilters="auto")
    waiting = js.start("callDouble", 4)
    assert js.output("plain", 1) == 1
    assert js.status(waiting) == "PENDING"
    js.work("callDouble", workItemFilters="auto")
    assert output_of(js.wait(waiting)) == 8


def test_a_filter_goes_before_what_is_registered(js):
    """A worker gets what its filter names, though it has registered more."""
    js.work(workItemFilters=only(["plain"]))
    waiting = js.start("versionOf")
    assert js.output("plain", 1) == 1
    assert js.status(waiting) == "PENDING"


def test_a_filter_by_version(js):
    """A filter with versions gets the instances of those versions; the others wait."""
    js.work(workItemFilters=only(["versionOf"], versions=["2.0", "2.1"]))
    others = [js.start("versionOf", version="1.0"), js.start("versionOf")]
    assert [js.output("versionOf", version=version) for version in ("2.0", "2.1")] == ["2.0", "2.1"]
    assert [js.status(each) for each in others] == ["PENDING", "PENDING"]


def test_an_activity_without_a_version_has_its_orchestrations(js):
    """Beside a filter with versions, an activity called without one is filtered by its orchestration's version."""
    js.work(workItemFilters=only(["callDouble"], ["double"], versions=["3.0.0"]))
    assert js.output("callDouble", 4, version="3.0.0") == 8


def test_a_child_without_a_version_has_its_callers(js):
    """Beside a filter with versions, children and their activities are filtered by the version at the top."""
    filters = only(["parent", "family", "callDouble"], ["double"], versions=["3.0.0"])
    js.work(workItemFilters=filters)
    assert js.output("parent", {"child": "family", "input": 2}, version="3.0.0") == [0, 2]


def test_a_strict_worker_filters_by_its_version(js):
    """The filter that a strict worker makes of its functions has its version, activities included."""
    js.work(versioning=strict("1.0"), workItemFilters="auto")
    js.work(versioning=strict("2.0"), workItemFilters="auto")
    assert js.output("callDouble", 4, version="2.0") == 8
    waiting = js.start("callDouble", 4, version="3.0")
    assert js.output("callDouble", 3, version="1.0") == 6
    assert js.status(waiting) == "PENDING"


def test_a_rejected_turn_goes_to_another_worker(js):
    """A turn that a strict worker rejects is given to a worker that takes its version."""
    js.work(versioning=strict("1.0"))
    instance_id = js.start("versionOf", version="2.0")
    js.work(versioning=strict("2.0"))
    assert output_of(js.wait(instance_id)) == "2.0"


def test_a_refused_version_fails_the_instance(js):
    """A strict worker that fails what does not match ends the instance with the reason."""
    js.work(versioning=strict("1.0", FAIL))
    state = js.run("versionOf", version="2.0")
    assert (state["runtimeStatus"], state["failureDetails"]["errorType"]) == ("FAILED", "VersionMismatch")


@pytest.mark.parametrize(("version", "status"), [("1.9", "COMPLETED"), ("2.0", "COMPLETED"), ("2.1", "FAILED")])
def test_current_or_older(js, version, status):
    """A worker for its own version and older ones runs these, and fails newer ones."""
    js.work(versioning={"version": "2.0", "matchStrategy": CURRENT_OR_OLDER, "failureStrategy": FAIL})
    assert js.run("versionOf", version=version)["runtimeStatus"] == status


def test_entities_go_to_the_worker_that_lists_them(js):
    """A filter of entities gets their operations, whatever the case of the name."""
    js.work("plain", activities=[], entities=[], workItemFilters="auto")
    js.work("plain", activities=[], entities=["Counter"], workItemFilters={"entities": [{"name": "COUNTER"}]})
    js.signal("k", "add", 2)
    assert until(lambda: js.total("k")) == 2

"""The tree and the timeline of an instance with more sub-orchestrations than a page has room for."""

import re

import pytest

from dashboard_site import many_children, visit
from durable_harness.dashboard import timeline, tree
from durable_harness.protocol import pb
from durable_harness.scheduler import timings_document


def shown_tree(page):
    """Return the children in the tree of a page, as id and status, and the sentence about others."""
    text = re.search(r'<section id="tree">.*?</section>', page, re.DOTALL)[0]
    rows = re.findall(r'">([^<]*)</span> <a [^>]*>kid</a> <span class="muted">([^<]*)</span>', text)
    return [(one, status) for status, one in rows], re.findall(r"and \d[^<]*", text)


@visit
async def test_children_beyond_the_times_have_their_statuses(browser):
    """What the times of a parent leave out is looked up: no child that is kept is shown as gone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timings_document, "MOST_INSTANCES", 3)
        await many_children(browser, 6, failed=4, living=5)
        page = (await browser.get("/orchestrations/parent")).text
    completed = [(f"kid-{number}", "Completed") for number in range(4)]
    assert shown_tree(page) == ([*completed, ("kid-4", "Failed"), ("kid-5", "Running")], [])


@visit
async def test_failed_children_have_room_first(browser):
    """Where a tree is cut, what failed and what lives stays, and the rest is counted by status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timings_document, "MOST_INSTANCES", 3)
        patch.setattr(tree, "MOST_CHILDREN", 2)
        await many_children(browser, 6, failed=4, living=5)
        page = (await browser.get("/orchestrations/parent")).text
    assert shown_tree(page) == ([("kid-4", "Failed"), ("kid-5", "Running")], ["and 4 more: 4 completed"])


@visit
async def test_a_purged_child_beyond_the_times_is_not_kept(browser):
    """A child that was purged is still shown as gone, though its parent knows how it ended."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timings_document, "MOST_INSTANCES", 1)
        await many_children(browser, 2, failed=0, living=-1)
        await browser.hub.purge_instances(pb.PurgeInstancesRequest(instanceId="kid-1"))
        page = (await browser.get("/orchestrations/parent")).text
    assert "kid-1, not kept" in page
    assert "kid-0, not kept" not in page


@visit
async def test_a_timeline_has_the_failed_child_of_many(browser):
    """A chart without room for all has what failed and what has not ended, and every sub-orchestration its id."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "MOST_LANES", 3)
        await many_children(browser, 6, failed=4, living=5)
        page = (await browser.get("/orchestrations/parent")).text
    chart = re.search(r'<section id="timeline">.*?</section>', page, re.DOTALL)[0]
    assert re.findall(r'<span class="muted">(kid-\d)', chart) == ["kid-4", "kid-5"]
    assert "4 more are in the history below." in chart

"""Keep the pages of what a failed test has started, where its failure says nothing of an instance."""

from __future__ import annotations

from collections.abc import Sequence

from durable_harness.testing.started_operation import StartedOperation

MOST_PAGES = 3


def describe_kept(begun: Sequence[StartedOperation]) -> str:
    """Keep the pages of the first operations that no report is about; return a line for each, "" if there are none."""
    silent = [one for one in begun if not one.explainer.has_explained]
    lines = [f"instance {one.instance_id}: {page}" for one in silent[:MOST_PAGES] if (page := _page_of(one))]
    more = len(silent) - MOST_PAGES
    return "\n".join([*lines, *([f"and {more} more operations, without a page"] if lines and more > 0 else [])])


def _page_of(operation: StartedOperation) -> str:
    page = operation.explainer.keep_page(operation.instance_id)
    return str(page) if page else ""

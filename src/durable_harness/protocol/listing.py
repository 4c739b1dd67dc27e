"""Lists of instances as a person looks at them: filtered, sorted by any column, page by page, with counts by status.

Not part of the DTS protocol, which knows one order and no counts. Times are nanoseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from durabletask.internal import orchestrator_service_pb2 as pb

T = TypeVar("T")

SORTS = ("created", "updated", "duration", "name", "id", "version", "status")
DEFAULT_SORT = "created"
DEFAULT_PAGE_SIZE = 50
MOST_NAMES = 200
"""How many names, versions and tags are offered to choose from."""
BEGINNING_CHARS = 300
"""How much of inputs, outputs and custom statuses a list has, without secrets."""


@dataclass(frozen=True)
class InstanceFilter:
    """Which instances are meant; what is empty restricts nothing. Sub-orchestrations are left out unless asked for."""

    statuses: tuple[int, ...] = ()
    id_part: str = ""
    """Text that is in the id; upper and lower case of ASCII letters are the same."""
    names: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    """"" stands for no version."""
    tags: tuple[tuple[str, str | None], ...] = ()
    """Names of tags with their values; None for any value. An instance has all of them."""
    since_ns: int | None = None
    until_ns: int | None = None
    """The range of the creation, both ends included."""
    with_children: bool = False


@dataclass(frozen=True)
class Place:
    """A place in a sorted list: of the instance with this value of the sorted column."""

    value: int | str
    created_ns: int
    instance_id: str


@dataclass(frozen=True)
class InstanceListRequest:
    """One page of a list: what comes behind a place or, backwards, in front of it; from an end if there is no place."""

    filter: InstanceFilter = field(default_factory=InstanceFilter)
    sort: str = DEFAULT_SORT
    is_descending: bool = True
    size: int = DEFAULT_PAGE_SIZE
    place: Place | None = None
    is_backwards: bool = False
    now_ns: int = 0
    """The present by which durations of living instances are sorted: the same on all pages of one list."""

    @property
    def reads_down(self) -> bool:
        """Whether the page is read from larger values to smaller ones."""
        return self.is_descending != self.is_backwards

    def page_of(self, found: Sequence[T]) -> Sequence[T]:
        """Return the page, in the order of the list, of rows that were read in the order of `reads_down`."""
        page = found[: self.size]
        return page[::-1] if self.is_backwards else page

    def has_around(self, found: Sequence[object]) -> tuple[bool, bool]:
        """Return whether there is more before and after the page. One more than its size was looked for."""
        has_more, has_place = len(found) > self.size, self.place is not None
        return (has_more, has_place) if self.is_backwards else (has_place, has_more)


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """One instance in a list. Payloads are beginnings; `failure` is the protocol's TaskFailureDetails."""

    instance_id: str
    name: str
    version: str
    status: int
    created_ns: int
    updated_ns: int
    completed_ns: int
    """0 for one that has not ended."""
    is_child: bool
    children: int
    tags: Mapping[str, str]
    input: str | None
    output: str | None
    custom_status: str | None
    failure: pb.TaskFailureDetails | None
    place: Place


@dataclass(frozen=True)
class InstancePage:
    """One page of a list. `counts` are those of the filter without its statuses."""

    rows: Sequence[InstanceRow]
    counts: Mapping[int, int]
    has_before: bool
    has_after: bool
    is_part: bool = False
    """Whether there are more instances than this scheduler could be asked for."""


@dataclass(frozen=True)
class InstanceChoices:
    """What there is to filter by: the commonest first, with counts."""

    names: Sequence[tuple[str, int]] = ()
    versions: Sequence[tuple[str, int]] = ()
    tags: Sequence[tuple[str, int]] = ()
    """As `name=value`."""

"""The parties that can have spent time, and whose each part of an operation's time is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from durable_harness.why.segments import HOST, LABELS, SCHEDULER, Part, Segment


class Party(StrEnum):
    """Who spends time; the values are those of reports and JSON."""

    GENERATOR = "generator"
    """The load generator, as this machine and its options make it: late starts and polls, and when it polls."""
    APP = "app"
    """The code of functions, and what they ask for: timers, retries, locks."""
    HOST = "host"
    """The Functions host: its HTTP front, its threads, its slots, its handling of work."""
    SCHEDULER = "scheduler"
    """From when work is ready until the host has it, and from the host's answer until it is taken."""
    NETWORK = "network"
    """What lies between the two ends of a request, the kernels included."""
    UNKNOWN = "not known"


PARTY_OF: Mapping[Part, Party] = {
    Part.SLIP: Party.GENERATOR,
    Part.CONNECTION: Party.GENERATOR,
    Part.POLLING: Party.GENERATOR,
    Part.CODE: Party.APP,
    Part.ORCHESTRATOR: Party.APP,
    Part.REPLAY: Party.APP,
    Part.TIMER: Party.APP,
    Part.RETRY: Party.APP,
    Part.ENTITY: Party.APP,
    Part.LOOP: Party.APP,
    Part.HTTP_CODE: Party.APP,
    Part.THREAD: Party.HOST,
    Part.SLOT: Party.HOST,
    Part.DISPATCH: Party.HOST,
    Part.HTTP: Party.HOST,
    Part.WAY: Party.NETWORK,
    Part.CONNECTING: Party.NETWORK,
}
"""Any other part has no known party: an event or a resumption from outside, and the whole of what a
service other than a host of this package does not take apart."""
OF_HARNESS = {HOST: Party.HOST, SCHEDULER: Party.SCHEDULER}
HARNESS_WORDS = {HOST: "handling work", SCHEDULER: "handing out work and taking answers"}
WORDS = {**LABELS, Part.SLIP: "starts and polls sent late"}


def party_of(segment: Segment) -> Party:
    """Return who spent a piece of time."""
    if segment.part is Part.HARNESS:
        return OF_HARNESS.get(segment.by, Party.UNKNOWN)
    return PARTY_OF.get(segment.part, Party.UNKNOWN)


def words_of(part: Part, by: str) -> str:
    """Return on what a piece of time was spent."""
    return HARNESS_WORDS.get(by, WORDS[part]) if part is Part.HARNESS else WORDS[part]

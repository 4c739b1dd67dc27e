"""Which party spent the time, as the renderings show it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from html import escape
from typing import NotRequired, TypedDict, cast

from durable_harness.gate.gates import GateResult
from durable_harness.gate.report.model import Report, number
from durable_harness.gate.who.culprits import Culprit
from durable_harness.gate.who.parties import Party
from durable_harness.gate.who.time_shares import LEAST_SHARE, Attribution, Named, Share, ShareCause
from durable_harness.gate.who.verdicts import TAIL_PERCENT, Who
from durable_harness.web.parts import PartOfWhole, bullets, stack, swatch, table
from durable_harness.wording.foreign_text import shown

TITLE = "Who was it"
LEAD = "Which party spent the time of operations, and which one broke a gate. Time without known moments has no party."


def culprit_text(report: Report, result: GateResult) -> str:
    """Return who broke a gate; empty if it holds, or if it was not looked at."""
    who = report.who.get(result.gate.scenario)
    return who.culprit_text(result.gate.name) if who is not None else ""


def who_lines(report: Report) -> list[str]:
    """Return the shares of the parties and the culprits of broken gates, a line each; none if it was not looked at."""
    who = report.who.get("")
    lines = [] if who is None else who.sentences
    return [*lines, *_broken(report)]


def _broken(report: Report) -> list[str]:
    """Return who broke each gate; an empty list for an invalid run."""
    failed = [result for result in report.results if result.failed and report.is_judged]
    culprits = [(result.gate.name, culprit_text(report, result)) for result in failed]
    return [f"{name}: {text}" for name, text in culprits if text]


def who_document(who: Who | None) -> dict[str, object] | None:
    """Return the document for programs; None if it was not looked at."""
    if who is None:
        return None
    return {
        "first": who.first or None,
        "mean": attribution_document(who.mean),
        f"p{TAIL_PERCENT}": attribution_document(who.tail),
        "gates": {name: _culprit(culprit) for name, culprit in who.culprits.items()},
    }


def attribution_document(found: Attribution | None) -> dict[str, object] | None:
    """Return the shares of the parties; milliseconds are of the mean operation."""
    if found is None:
        return None
    return {
        "operations": found.operations,
        "mean_ms": found.mean_ms,
        "clock_error_ms": found.clock_error_ms,
        "not_known": found.not_known or None,
        "text": found.text,
        "shares": {_key(share.party): _share(share) for share in found.shares},
    }


class _CauseDocument(TypedDict):
    part: str
    label: str
    mean_ms: float
    names: NotRequired[Mapping[str, float] | None]
    hint: str | None


class _ShareDocument(TypedDict):
    mean_ms: float
    share: float
    causes: Sequence[_CauseDocument]


class _AttributionDocument(TypedDict):
    operations: int
    mean_ms: float
    shares: Mapping[str, _ShareDocument]


def attribution_from(read: object) -> Attribution | None:
    """Return the shares that a document has; None if `attribution_document` did not write it."""
    document = cast("_AttributionDocument", read)  # a document that is another one raises below
    try:
        shares = [
            Share(
                Party[name.upper()],
                float(share["mean_ms"]),
                float(share["share"]),
                tuple(_cause_from(cause) for cause in share["causes"]),
            )
            for name, share in document["shares"].items()
        ]
        return Attribution(int(document["operations"]), float(document["mean_ms"]), tuple(shares))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _cause_from(cause: _CauseDocument) -> ShareCause:
    # Older summaries have the largest name alone, with the time of all: it is left out.
    names = tuple(Named(shown(str(name)), float(own_ms)) for name, own_ms in (cause.get("names") or {}).items())
    mean_ms, hint = float(cause["mean_ms"]), shown(str(cause["hint"] or ""))
    return ShareCause(str(cause["part"]), shown(str(cause["label"])), mean_ms, names, hint)


def _key(party: Party) -> str:
    return party.name.lower()


def _share(share: Share) -> dict[str, object]:
    causes = [
        {
            "part": one.part,
            "label": one.label,
            "mean_ms": one.mean_ms,
            "name": one.names[0].name if one.names else None,
            "names": dict(one.names),
            "hint": one.hint or None,
        }
        for one in share.causes
    ]
    return {"mean_ms": share.mean_ms, "share": share.share, "causes": causes}


def _culprit(culprit: Culprit) -> dict[str, object]:
    split = attribution_document(culprit.attribution)
    return {"party": _key(culprit.party), "evidence": culprit.evidence, "split": split}


def who_html(report: Report) -> str:
    """Return a bar for the mean and one for the slow operations, their evidence, and who broke which gate."""
    who = report.who.get("")
    if who is None:
        return ""
    first = f'<p class="odd">{escape(f"{Party.GENERATOR} first: {who.first}")}</p>' if who.first else ""
    known = [(title, found) for title, found in (("mean", who.mean), (f"p{TAIL_PERCENT}", who.tail)) if found]
    named = {party for party, _ in _named(known)}
    bars = "".join(_bar(title, found, named) for title, found in known)
    shares = table(["party", *(title for title, _ in known)], list(_rows(known)), words=(0,)) if known else ""
    return first + bars + shares + bullets(_broken(report))


def _bar(title: str, found: Attribution, named: Collection[Party]) -> str:
    """Draw the shares of the parties that have a row: each colour is named."""
    pieces = [
        PartOfWhole(share.text, f"party-{_key(share.party)}", share.mean_ms)
        for share in found.shares
        if share.party in named
    ]
    words = f"{title}: {number(found.mean_ms)} ms, {found.operations} operation{'' if found.operations == 1 else 's'}"
    return f'<p class="muted lead bar-title">{escape(words)}</p>{stack(pieces)}'


def _rows(known: list[tuple[str, Attribution]]) -> Iterator[list[str]]:
    """Yield a row for each party: its name with the evidence of its first share, and its share in each column."""
    for party, first in _named(known):
        shares = [found.share_of(party) for _, found in known]
        yield [_party(first), *(f"{number(share.mean_ms)} ms<br>{share.share:.0%}" for share in shares)]


def _named(known: list[tuple[str, Attribution]]) -> Iterator[tuple[Party, Share]]:
    """Yield each party with a share that is large enough for a row, with the first such share."""
    for party in dict.fromkeys(share.party for _, found in known for share in found.shares):
        worth = [share for _, found in known if (share := found.share_of(party)).share >= LEAST_SHARE]
        if worth:
            yield party, worth[0]


def _party(share: Share) -> str:
    evidence = escape("; ".join(cause.text for cause in share.causes))
    words = f'<span class="muted" style="overflow-wrap: anywhere">{evidence}</span>'
    return f"{swatch(f'party-{_key(share.party)}', share.party)}<br>{words}"

"""What comes first in Locust's form of a start, and what is not asked there: a style sheet for Locust's own page.

The fields stay where Locust puts them, in two folds, and are shown in another order. Without support for `:has()`, or
with a page of another shape, the form looks as Locust makes it.
"""

from __future__ import annotations

from collections.abc import Iterable

FIRST = ("rate", "runTime", "operationDuration", "startPath", "startMethod", "payload", "headers", "host")
"""The fields that a run is about, by the names that Locust's page gives them; those that this version has not are
passed over."""
OF_USERS = ("userCount", "spawnRate")
OF_ARRIVALS = ("rate", "arrivals")
FIELD = "form :is(.MuiTextField-root, .MuiFormControl-root)"
UNFOLDED = ", ".join(
    f"form .Mui{part}"
    for part in (
        *("Accordion-root", "Collapse-root", "Collapse-wrapper", "Collapse-wrapperInner", "Accordion-region"),
        *("AccordionDetails-root", "AccordionDetails-root > .MuiBox-root"),
    )
)
"""What stands between the form and the fields of its folds."""
FOLDED = 'form .MuiAccordion-root:has(button[aria-expanded="false"]) .MuiAccordionDetails-root > .MuiBox-root > *'


def form_style(*, has_open: bool, has_closed: bool) -> str:
    """Return the style sheet for runs of open or closed scenarios, or both."""
    hidden = (*(() if has_closed else OF_USERS), *(() if has_open else OF_ARRIVALS))
    rules = [
        f"{UNFOLDED} {{ display: contents; visibility: visible; }}",
        f"{FOLDED}:not({_having(FIRST)}) {{ display: none; }}",
        *(f"{FIELD}{_having([name])} {{ order: {place - len(FIRST)}; }}" for place, name in enumerate(FIRST)),
        *([f"{FIELD}{_having(hidden)} {{ display: none; }}"] if hidden else []),
    ]
    return f"<style>{' '.join(rules)}</style>"


def _having(names: Iterable[str]) -> str:
    return f":has({', '.join(f'[name={name}]' for name in names)})"

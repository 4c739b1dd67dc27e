"""A page that stays open and asks its server for what to show, with style, plots and values as on all pages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from durable_harness.web.canvas import (
    ABOVE,
    BELOW,
    BOTTOM,
    HALF,
    LABEL_ROOM,
    NARROW,
    RIGHT,
    RULE_COLUMN,
    TOP,
    WIDE,
    Size,
)
from durable_harness.web.hover import SCRIPT as HOVER
from durable_harness.web.policy import policy
from durable_harness.web.scales import FEW_DECADES, FINER, MILLION
from durable_harness.web.style import STYLE

OF_THIS_SERVER = "img-src data:; form-action 'self'; frame-ancestors 'none'"
"""What a header can demand and a page itself cannot, and the empty icon."""


@dataclass(frozen=True, slots=True)
class LivePage:
    """A page, and the content security policy to send with it."""

    html: str
    policy: str


def live_page(title: str, body: str, *, style: str, script: str) -> LivePage:
    """Return a page with `plots` of `drawing.js` for its script; `body`, `style` and `script` are the page's own."""
    styles, scripts = [STYLE + style], [f'"use strict";\n{drawing_script()}', HOVER, f'"use strict";\n{script}']
    tags = "".join(f"<script>{one}</script>" for one in scripts)
    html = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{styles[0]}</style></head>\n<body>{body}{tags}</body></html>\n"
    )
    return LivePage(html, f"{policy(scripts=scripts, styles=styles, connects=True)}; {OF_THIS_SERVER}")


def drawing_script() -> str:
    """Return the script that draws plots, with the measures of the drawings that are made here."""
    sizes = {"wide": WIDE, "half": HALF, "narrow": NARROW}
    measures = {
        "right": RIGHT,
        "top": TOP,
        "bottom": BOTTOM,
        "labelRoom": LABEL_ROOM,
        "ruleColumn": RULE_COLUMN,
        "above": ABOVE,
        "below": BELOW,
        "million": MILLION,
        "finer": FINER,
        "fewDecades": FEW_DECADES,
        "sizes": {name: _measures(size) for name, size in sizes.items()},
    }
    source = files(__package__).joinpath("drawing.js").read_text("utf-8")
    return source.replace("/*MEASURES*/null", json.dumps(measures))


def _measures(size: Size) -> dict[str, int]:
    return {"width": size.width, "height": size.height, "left": size.left}

"""Templates into HTML. Whatever is put into one is escaped, and text of others is shown as what it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from durable_harness.dashboard import page_urls, texts
from durable_harness.dashboard.payload_texts import Payload
from durable_harness.web.style import STYLE
from durable_harness.wording.foreign_text import shown_lines

HERE = Path(__file__).parent
STYLE_NAME, SCRIPT_NAME = "dashboard.css", "dashboard.js"
LIVE_BLOCK = "live"


class Renderer:
    """The templates, and the assets that their pages link to."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.loopcontrols"],
        )
        self._environment.filters |= texts.FILTERS
        self._environment.globals |= {
            "hub_url": page_urls.hub_url,
            "instance_url": page_urls.instance_url,
            "payload": Payload,
            "asset": self.asset_url,
        }

    def add_globals(self, **values: Any) -> None:
        """Make values known to all templates."""
        self._environment.globals |= values

    def warm(self) -> None:
        """Read and compile all templates, which takes longer than most pages."""
        for name in self._environment.list_templates():
            self._environment.get_template(name)

    def page(self, template: str, values: Mapping[str, Any]) -> str:
        """Return a whole page."""
        return self._environment.get_template(template).render(values)

    def live_part(self, template: str, values: Mapping[str, Any]) -> str:
        """Return the part of a page that changes by itself."""
        found = self._environment.get_template(template)
        return "".join(found.blocks[LIVE_BLOCK](found.new_context(dict(values))))

    @cached_property
    def assets(self) -> Mapping[str, tuple[str, str]]:
        """The texts of the assets with their types, by name."""
        own = {name: (HERE / "assets" / name).read_text("utf-8") for name in (STYLE_NAME, SCRIPT_NAME)}
        return {
            STYLE_NAME: (STYLE + own[STYLE_NAME], "text/css"),
            SCRIPT_NAME: (own[SCRIPT_NAME], "text/javascript"),
        }

    @property
    def style(self) -> str:
        """The style sheet, for a page that links to nothing."""
        return self.assets[STYLE_NAME][0]

    def asset_url(self, name: str) -> str:
        """Return the address of an asset, which changes with its text, so that browsers may keep it forever."""
        return f"/assets/{hashlib.sha256(self.assets[name][0].encode()).hexdigest()[:16]}/{name}"


def _shown(value: object) -> object:
    """Return a text with what would not be seen written out; our own markup as it is."""
    return shown_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value

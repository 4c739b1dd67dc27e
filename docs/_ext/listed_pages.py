"""The lists of links in the index pages are the site's tables of contents, so that GitHub shows them too.

A page that no index lists is in no table of contents, and fails the strict build.
"""

import re

from sphinx.application import Sphinx

ITEM = re.compile(r"^- \[[^]]*\]\(([\w-]+(?:/index)?)\.md\)", re.MULTILINE)
TREE = "\n```{{toctree}}\n:hidden:\n\n{}\n```\n"


def add_tree(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Append a hidden toctree of the pages that an index page lists."""
    if docname.rpartition("/")[2] == "index":
        listed = ITEM.findall(source[0])
        source[0] += TREE.format("\n".join(listed)) if listed else ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx, which calls this."""
    app.connect("source-read", add_tree)
    return {"parallel_read_safe": True}

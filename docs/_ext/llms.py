"""`llms.txt` at the root of the site: every page with what it is about, for programs that read documentation.

The text is that of the lists in the index pages, which are the tables of contents too.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

from listed_pages import ITEM

TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
ENTRY = re.compile(ITEM.pattern + r":? ?(.*(?:\n  .*)*)", re.MULTILINE)
NAME = "llms.txt"


def text_of(docs: Path) -> str:
    """Return the file's text."""
    front = (docs / "index.md").read_text()
    about = front.split("\n\n")[1].replace("\n", " ")
    sections = filter(None, (_section(docs, page) for page in ITEM.findall(front)))
    return "\n\n".join([f"# {TITLE.findall(front)[0]}", f"> {about}", *sections]) + "\n"


def _section(docs: Path, page: str) -> str:
    """Return one index page as a section: its title, and an item for each page that it lists; empty without any."""
    source = (docs / f"{page}.md").read_text()
    folder = page.rpartition("/")[0]
    items = [_item(docs, folder, *found) for found in ENTRY.findall(source)]
    return "\n".join([f"## {TITLE.findall(source)[0]}", "", *items]) if items else ""


def _item(docs: Path, folder: str, page: str, text: str) -> str:
    title = TITLE.findall((docs / folder / f"{page}.md").read_text())[0]
    return f"- [{title}]({folder}/{page}.html): {' '.join(text.split())}"


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the file beside the pages."""
    if error is None and app.builder.format == "html":
        (Path(app.outdir) / NAME).write_text(text_of(Path(app.srcdir)))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx, which calls this."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}

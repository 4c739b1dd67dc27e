"""Reference that is made from the code: a fence `{reference} TOPIC` in a page stands for what a module here writes.

Each module has a function `write` that returns Markdown. It takes the place of the fence before Sphinx reads the page.
"""

import importlib
import re

from sphinx.application import Sphinx

FENCE = re.compile(r"^```\{reference\} (\w+)(?: (\S+))?\n```$", re.MULTILINE)
TOPICS = (
    "commands",
    "errors",
    "exit_codes",
    "gates_file",
    "latencies",
    "load_options",
    "plugin",
    "python_api",
    "reports",
    "scenario_attributes",
    "services",
)


def text_of(topic: str, about: str | None = None) -> str:
    """Return the Markdown of one topic, or of the part of it that `about` names."""
    if topic not in TOPICS:
        raise ValueError(f"there is no reference named '{topic}', only {', '.join(TOPICS)}")
    return importlib.import_module(f"{__name__}.{topic}").write(*filter(None, [about]))


def fill_in(_app: Sphinx, _docname: str, source: list[str]) -> None:
    """Put the text of each topic in the place of its fence."""
    source[0] = FENCE.sub(lambda fence: text_of(fence[1], fence[2]), source[0])


def made_pages(app: Sphinx, *_: object) -> set[str]:
    """Return the pages that are read again in each build: code that changed gives them another text."""
    return {name for name in app.env.found_docs if FENCE.search(app.env.doc2path(name).read_text())}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx, which calls this."""
    app.connect("source-read", fill_in, priority=400)  # before links are resolved
    app.connect("env-get-outdated", made_pages)
    return {"parallel_read_safe": True}

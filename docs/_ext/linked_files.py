"""Links that work on GitHub work in the site: those to files outside `docs` become addresses of the repository.

Some pages of the repository's root, which GitHub looks for there, are pages of the site as well (`ROOT_PAGES`).
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

from sphinx.application import Sphinx

ROOT_PAGES = {
    "project/security": "SECURITY.md",
    "project/contributing": "CONTRIBUTING.md",
    "project/changelog": "CHANGELOG.md",
}
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *(```+|~~~+|:::+)")


def outside_of_fences(text: str, change: Callable[[str], str]) -> str:
    """Return the text with `change` applied to each line that is in no fenced block."""
    lines, open_fence = [], ""
    for line in text.splitlines(keepends=True):
        fence = FENCE.match(line)
        if not open_fence:
            open_fence = fence[1] if fence else ""
            lines.append(line if fence else change(line))
        else:
            lines.append(line)
            open_fence = "" if fence and line.strip() == open_fence else open_fence
    return "".join(lines)


class Links:
    """The links of one source file, for the page that shows it."""

    def __init__(self, app: Sphinx, file: Path, docname: str) -> None:
        self._docs = Path(app.srcdir)
        self._file = file
        self._home = (self._docs / docname).parent
        self._repository = app.config.repository_url

    def resolved(self, text: str) -> str:
        """Return the text with each link as the page needs it."""
        return outside_of_fences(text, lambda line: LINK.sub(self._link, line))

    def _link(self, match: re.Match[str]) -> str:
        name, mark, anchor = match[1].partition("#")
        if not name or "://" in name or name.startswith("mailto:"):
            return match[0]
        return f"]({self._address(Path(os.path.normpath(self._file.parent / name)))}{mark}{anchor})"

    def _address(self, target: Path) -> str:
        for docname, root_page in ROOT_PAGES.items():
            if target == self._docs.parent / root_page:
                target = self._docs / f"{docname}.md"
        if target.is_relative_to(self._docs):
            return Path(os.path.relpath(target, self._home)).as_posix()
        path = target.relative_to(self._docs.parent).as_posix()
        return f"{self._repository}/{'tree' if target.is_dir() else 'blob'}/main/{path}"


def resolve_links(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the root's page in the place of the page that stands for it, and resolve the links of any page."""
    file = Path(app.env.doc2path(docname))
    if docname in ROOT_PAGES:
        file = Path(app.srcdir).parent / ROOT_PAGES[docname]
        app.env.note_dependency(file)
        source[0] = file.read_text()
    source[0] = Links(app, file, docname).resolved(source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx, which calls this."""
    app.add_config_value("repository_url", "", "env")
    app.connect("source-read", resolve_links)
    return {"parallel_read_safe": True}

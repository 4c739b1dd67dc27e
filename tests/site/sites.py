"""Building the documentation's site, and reading what was built."""

import html
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD_S = 500
"""A build takes ten seconds of a processor; of one that many share, more."""
STRICT = ["--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]


def build(docs, out):
    """Build the site as `make docs` does; return the finished process."""
    words = [sys.executable, "-m", "sphinx", *STRICT, docs, out]
    return subprocess.run(words, capture_output=True, text=True, timeout=BUILD_S, check=False)


class Site:
    """The folder of a built site, and the text of its pages."""

    def __init__(self, folder):
        self.folder = folder

    def source(self, page):
        """Return the HTML of a page, such as "reference/commands"."""
        return (self.folder / f"{page}.html").read_text()

    def text(self, page):
        """Return what a reader of a page sees, with single spaces."""
        source = self.source(page).partition('<article role="main"')[2].partition("</article>")[0]
        return " ".join(html.unescape(re.sub(r"<[^>]+>", "", source)).split())

    def ids(self, page):
        """Return the anchors of a page."""
        return set(re.findall(r'\bid="([^"]+)"', self.source(page)))

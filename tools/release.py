"""What a release is checked for, and its notes. A tag, the version and a heading of CHANGELOG.md are to agree.

python3 tools/release.py check v1.2.3    end with 1 if they do not, and print which differs
python3 tools/release.py notes           print the section of CHANGELOG.md for this version
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSION_FILE = Path("src/durable_harness/__init__.py")
CHANGELOG = Path("CHANGELOG.md")
HEADING = re.compile(r"(?m)^## \[(?P<version>[^]]+)\](?P<rest>.*)$")
DATED = re.compile(r" - \d{4}-\d\d-\d\d")
LINK = re.compile(r"(?m)^\[[^]]+\]: .*$\n?")


def version(root: Path = ROOT) -> str:
    """Return the version of the package in a folder."""
    found = re.search(r'(?m)^__version__ = "(.+)"$', (root / VERSION_FILE).read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit(f"{VERSION_FILE} has no __version__")
    return found[1]


def notes(root: Path = ROOT) -> str:
    """Return the changelog's section for this version; end with a message if it has no dated section with text."""
    wanted, text = version(root), (root / CHANGELOG).read_text(encoding="utf-8")
    headings = list(HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    for heading, end in zip(headings, ends, strict=True):
        if heading["version"] == wanted and DATED.fullmatch(heading["rest"]):
            return LINK.sub("", text[heading.end() : end]).strip() or _refuse(f"its section of {wanted} is empty")
    return _refuse(f"it has no heading '## [{wanted}] - YEAR-MONTH-DAY'")


def check(tag: str, root: Path = ROOT) -> None:
    """End with a message unless the tag is that of this version, and the changelog has it."""
    if tag != f"v{version(root)}":
        raise SystemExit(
            f"the tag is {tag}, but {VERSION_FILE} has the version {version(root)}: expected v{version(root)}"
        )
    notes(root)


def _refuse(reason: str) -> str:
    raise SystemExit(f"{CHANGELOG}: {reason}. The notes of a release are taken from there.")


def main(words: list[str]) -> None:
    """Run one of the two commands."""
    match words:
        case ["check", tag]:
            check(tag)
        case ["notes"]:
            sys.stdout.write(f"{notes()}\n")
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])

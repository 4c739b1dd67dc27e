"""No folder has too many files for its idea to be seen."""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[3]
MOST_FILES = 30


def test_no_folder_is_crowded():
    """A folder has at most thirty modules: with more than that it has several ideas."""
    files = [path for top in ("src", "tests") for path in (ROOT / top).rglob("*.py")]
    counts = Counter(path.parent.relative_to(ROOT).as_posix() for path in files)
    assert {folder for folder, count in counts.items() if count > MOST_FILES} == set()

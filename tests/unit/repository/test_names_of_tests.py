"""Test files stand in many folders, and pytest imports each by its name alone."""

from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[2]


def test_no_two_test_files_have_one_name():
    """Two files of one name cannot be collected together, though each runs by itself."""
    names = Counter(path.name for path in TESTS.rglob("test_*.py") if "apps" not in path.relative_to(TESTS).parts)
    assert [name for name, count in names.items() if count > 1] == []

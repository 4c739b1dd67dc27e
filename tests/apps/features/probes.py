"""What tests ask about afterwards: how often something ran, and what was noted, by a key of the test's choosing."""

import threading
from collections import defaultdict

_lock = threading.Lock()
_counts: dict[str, int] = defaultdict(int)
_notes: dict[str, list] = defaultdict(list)


def count(key):
    with _lock:
        _counts[key] += 1
        return _counts[key]


def note(key, value):
    with _lock:
        _notes[key].append(value)


def seen(key):
    with _lock:
        return {"count": _counts[key], "notes": list(_notes[key])}

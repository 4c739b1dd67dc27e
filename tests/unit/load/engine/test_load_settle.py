"""What a load generator has done before the load."""

import subprocess
import sys

SCRIPT = """
import gc, inspect, sys
import locust.main, locust.runners
from durable_harness.load.engine.gc_tuning import settle
settle()
looked = []
real = inspect.getabsfile
inspect.getabsfile = lambda *it: (looked.append(it), real(*it))[1]
inspect.stack()
print(len(looked), len(sys.modules), len(gc.get_objects()), gc.get_freeze_count())
"""


def test_once_settled_nothing_is_gone_through_again():
    """Locust's search for its caller looks no longer at all modules, the collector no longer at what stays."""
    printed = subprocess.run([sys.executable, "-c", SCRIPT], check=True, stdout=subprocess.PIPE, text=True).stdout
    looked_at, modules, collectable, frozen = map(int, printed.split())
    assert looked_at < modules / 10
    assert collectable < frozen / 10

"""Python processes in which some modules cannot be imported, as where their packages are not installed."""

import os
from pathlib import Path

import durable_harness

SITE = '''"""Blocks the modules that BLOCKED_MODULES names, and those in them."""

import os
import sys


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if any(f"{name}.".startswith(f"{one}.") for one in os.environ["BLOCKED_MODULES"].split()):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Blocker())
'''


def without(modules, folder):
    """Return the environment of a process that has all but these modules. `folder` gets a file."""
    (folder / "sitecustomize.py").write_text(SITE)
    ours = str(Path(durable_harness.__file__).parents[1])
    return {**os.environ, "BLOCKED_MODULES": " ".join(modules), "PYTHONPATH": os.pathsep.join((str(folder), ours))}

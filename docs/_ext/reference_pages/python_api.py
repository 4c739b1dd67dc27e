"""The Python API by autodoc: what each public module exports, and the types that it hands out."""

import importlib
import inspect
import sys
from typing import Any

from sphinx.pycode import ModuleAnalyzer

from reference_pages.markdown import directive, plain

HANDED_OUT = {
    "durable_harness.testing": (
        "durable_harness.stack.RunningStack",
        "durable_harness.testing.durable_clock.Hold",
        "durable_harness.testing.faults.InjectedPause",
        "durable_harness.testing.durable_replay.HistoryReplayer",
        "durable_harness.testing.webhook_client.Instance",
        "durable_harness.replay.FileResult",
        "durable_harness.replay.history_replay.ReplayDifference",
    ),
    "durable_harness.testing.aio": (),
    "durable_harness.load": ("durable_harness.load.options.option_values.DurationRange",),
    "durable_harness.operations": ("durable_harness.operations.poll_plan.PollPlan",),
}
"""The public modules, and the types that fixtures and methods return beside those that they export."""


def documented(module: str) -> dict[str, Any]:
    """Return what the page of a module documents, by full name: classes, values and functions, each by their names."""
    found = importlib.import_module(module)
    exported = {f"{module}.{name}": getattr(found, name) for name in found.__all__}
    others = {name: _at(name) for name in HANDED_OUT[module]}
    return dict(sorted((exported | others).items(), key=lambda pair: (_kind(pair[1]), _short(pair[0]))))


def write(module: str) -> str:
    """Return an entry for each documented name of a module."""
    entries = [_entry(name, value) for name, value in documented(module).items()]
    return "\n\n".join([f"```{{eval-rst}}\n.. py:module:: {module}\n```", *entries])


def _at(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _kind(value: Any) -> str:
    """Return the directive that documents a value."""
    if inspect.isclass(value):
        return "autoclass"
    return "autofunction" if inspect.isfunction(value) else "autodata"


def _entry(name: str, value: Any) -> str:
    kind, module = _kind(value), name.rpartition(".")[0]
    if kind == "autodata":
        return (
            f"## {plain(_short(name))}\n\n{directive('py:data', _short(name), plain(_data_text(name)), module=module)}"
        )
    members = "\n   :members:\n   :undoc-members:" * (kind == "autoclass")
    return f"## {plain(_short(name))}\n\n```{{eval-rst}}\n.. {kind}:: {name}{members}\n```"


def _data_text(name: str) -> str:
    """Return what stands below a value where it is defined: Python keeps no docstring of a value."""
    module, _, attribute = name.rpartition(".")
    for home in (module, *tuple(sys.modules)):
        if home.startswith(module) and hasattr(sys.modules[home], attribute):
            docs = ModuleAnalyzer.for_module(home).find_attr_docs()
            if text := docs.get(("", attribute)):
                return " ".join(text)
    raise ValueError(f"{name} has no docstring: write one below it")


def _short(name: str) -> str:
    return name.rpartition(".")[2]

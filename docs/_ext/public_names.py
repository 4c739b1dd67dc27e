"""Signatures name classes by the modules that define them; readers know them by the modules that export them.

What only the harness uses is left out: constructors of objects that users are given, and methods that take or return
such objects.
"""

import inspect
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from reference_pages.python_api import HANDED_OUT, documented

FOREIGN = (
    "locust",
    "builtins",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "os",
    "pathlib",
    "random",
    "re",
    "ssl",
    "typing",
)
"""Modules of Python's own, whose documentation is elsewhere: the site is read without a network, so it has no links."""
UNQUALIFIED = ("Path",)
"""Names that a module imports for type checkers alone, so that Sphinx cannot know more of them."""
INTERNAL = (
    "ReplayedApp",
    "StackControl",
    "HttpClient",
    "Explainer",
    "_Recorded",
    "Rule",
    "LoadOptions",
    "AuditedService",
    "OperationPlan",
)
"""Types that only the harness makes, or takes."""
FOR_THE_HARNESS = (
    "check_attributes",
    "described",
    "leaves_operations_alone",
    "to_wire",
    "stand_for_the_scenario",
    "workload",
    "control",
)
"""Members that say the same by no type."""


def public_names() -> dict[str, str]:
    """Return the name under which each class and function is documented, by where it is defined."""
    return {
        f"{value.__module__}.{value.__qualname__}": name
        for module in reversed(HANDED_OUT)
        for name, value in documented(module).items()
        if hasattr(value, "__qualname__")
    }


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element) -> nodes.Node | None:
    """Link a name to its entry. Names of Python's own, and type variables, need none."""
    target = str(node.get("reftarget", ""))
    if node.get("refdomain") != "py":
        return None
    name = app.public_names.get(target)  # type: ignore[attr-defined]
    if name:
        return env.get_domain("py").resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, text)
    return (
        text if target.split(".", maxsplit=1)[0] in FOREIGN or target in UNQUALIFIED or target.endswith(".T") else None
    )


def leave_out(_app: Sphinx, _what: str, name: str, value: Any, skip: bool, _options: Any) -> bool | None:  # noqa: FBT001
    """Leave out the members of a class that only the harness calls."""
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    return True if skip or name in FOR_THE_HARNESS or _is_internal(function) else None


def without_constructor(
    _app: Sphinx, what: str, _name: str, _value: Any, _options: Any, given: str, returned: str
) -> Any:
    """Leave out the arguments of a constructor that only the harness calls."""
    return ("", returned) if what == "class" and any(one in (given or "") for one in INTERNAL) else None


def _is_internal(function: Any) -> bool:
    """Return whether a function takes or returns a type that only the harness makes."""
    if not inspect.isfunction(inspect.unwrap(function)):
        return False
    return any(one in str(annotation) for annotation in function.__annotations__.values() for one in INTERNAL)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx, which calls this."""
    app.public_names = public_names()  # type: ignore[attr-defined]
    app.connect("missing-reference", resolve)
    app.connect("autodoc-skip-member", leave_out)
    app.connect("autodoc-process-signature", without_constructor)
    return {"parallel_read_safe": True}

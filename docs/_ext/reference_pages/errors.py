"""The errors that a user can meet: every subclass of `HarnessError`, wherever it is defined."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import durable_harness
from durable_harness.errors import HarnessError
from reference_pages.markdown import plain

NOT_IMPORTED = ("durable_harness.__main__",)


def error_classes() -> list[type[HarnessError]]:
    """Return HarnessError and its subclasses, each after its base."""
    for module in pkgutil.walk_packages(durable_harness.__path__, "durable_harness."):
        if _may_define_errors(module):
            importlib.import_module(module.name)
    return list(_with_subclasses(HarnessError))


def write() -> str:
    """Return a section for each error."""
    return "\n".join(_section(error) for error in error_classes())


def _section(error: type[HarnessError]) -> str:
    base = "" if error is HarnessError else f"Base: [{error.__base__.__name__}](#{error.__base__.__name__.lower()}). "
    text = plain(inspect.getdoc(error) or "")
    where = f"`{error.__module__}`"
    return f"## {error.__name__}\n\n{text}\n\n{base}[Exit code](exit-codes.md) {error.exit_code}. Defined in {where}.\n"


def _with_subclasses(error: type[HarnessError]) -> Iterator[type[HarnessError]]:
    yield error
    for subclass in sorted(error.__subclasses__(), key=lambda one: (one.exit_code, one.__name__)):
        if not subclass.__name__.startswith("_"):
            yield from _with_subclasses(subclass)


def _may_define_errors(module: pkgutil.ModuleInfo) -> bool:
    """Return whether the source of a module has a class of errors: most modules need not be imported."""
    spec = module.module_finder.find_spec(module.name)
    source = spec.loader.get_source(module.name) if spec and spec.loader else None
    return module.name not in NOT_IMPORTED and "Error):" in (source or "")

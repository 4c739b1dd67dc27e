"""The keys of a service's description, from the code that reads the file."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from sphinx.pycode import ModuleAnalyzer

from durable_harness.operations import description, service_file
from durable_harness.operations.description import (
    EventDescription,
    StartDescription,
    StatusDescription,
    TerminateDescription,
    UrlSource,
)
from reference_pages.markdown import plain, table

TABLES = (
    ("start", StartDescription, service_file.START_KEYS),
    ("status", StatusDescription, service_file.STATUS_KEYS),
    ("terminate", TerminateDescription, service_file.REQUEST_KEYS),
    ("event", EventDescription, service_file.REQUEST_KEYS),
)
FIRST = "`name`, at the top of the file, is what reports call the service; it defaults to the file's name.\n"


def write() -> str:
    """Return a table for each table of the file."""
    return FIRST + "\n".join(_table(*parts) for parts in TABLES)


def _table(name: str, described: type[Any], keys: Mapping[str, Callable[[Any], Any]]) -> str:
    rows = [
        (f"`{key}`", _allowed(read), _default(described, key), _meaning(described, key)) for key, read in keys.items()
    ]
    optional = "" if name in ("start", "status") else " This table may be left out."
    about = (described.__doc__ or "").replace("\n", " ")
    head = ("Key", "Value", "Default", "Meaning")
    return f"## [{name}]\n\n{plain(about)}{optional}\n\n{table(head, rows)}"


def _allowed(read: Callable[[Any], Any]) -> str:
    """Return what a key may be, in the words of the error for anything else."""
    try:
        read(object())
    except ValueError as error:
        return plain(str(error))
    return "any value"


def _default(described: type[Any], key: str) -> str:
    field = next(field for field in dataclasses.fields(described) if field.name == _today(key))
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return "required"
    return _written(value)


def _written(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return f'`"{value}"`'
        case bool():
            return f"`{str(value).lower()}`"
        case UrlSource():
            return f'`"{value}"`'
        case frozenset() | tuple():
            words = (f'"{item}"' if isinstance(item, str | UrlSource) else str(item) for item in sorted(value, key=str))
            return f"`[{', '.join(words)}]`"
    return "`{}`"


def _meaning(described: type[Any], key: str) -> str:
    if key in service_file.FORMER_STATUS_KEYS:
        return f"Former name of `{_today(key)}`."
    docs = ModuleAnalyzer.for_module(description.__name__).find_attr_docs()
    return plain(" ".join(docs.get((described.__name__, key), [""])))


def _today(key: str) -> str:
    return service_file.FORMER_STATUS_KEYS.get(key, key)

"""Values that people write into forms."""

from __future__ import annotations

import json

from durable_harness.dashboard.visit import PageError, Visit


def json_field(visit: Visit, name: str, what: str) -> str | None:
    """Return the JSON of a field as it was written, None if it is empty. Raises PageError if it is not JSON."""
    text = visit.field(name)
    if not text:
        return None
    problem = json_problem(text)
    if problem:
        raise PageError(400, f'{what} is not JSON: {problem}. Text stands in quotes, such as "text".')
    return text


def json_problem(text: str) -> str:
    """Return why a text is not JSON; "" if it is."""
    try:
        json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError) as error:
        return str(error)
    return ""


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no value of JSON")

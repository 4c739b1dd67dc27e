"""How deep JSON may be nested, found without recursion: a parser that recurses fails for whoever reads it later.

Python's own parser ends at the recursion limit, 1,000 less the frames it is called from, so the limit is below that.
"""

from __future__ import annotations

import re
from itertools import accumulate

from durable_harness.documents import MAX_DEPTH, parse_json

MAX_JSON_DEPTH = MAX_DEPTH
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def is_too_deep(text: str) -> bool:
    """Whether JSON text is nested deeper than `MAX_JSON_DEPTH`. Text that is no JSON is judged by its brackets."""
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return False
    brackets = _STRING.sub(b"", text.encode("utf-8", "surrogatepass")).translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > MAX_JSON_DEPTH


def holds_too_deep(text: str) -> bool:
    """Whether JSON text, or the JSON in it if it is a string that holds some, is nested too deep.

    The SDK sends its payloads as such strings, and parses what is in them.
    """
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return False
    if not text.lstrip().startswith('"'):
        return is_too_deep(text)
    try:
        content = parse_json(text)
    except ValueError:
        return False
    return isinstance(content, str) and is_too_deep(content)


def too_deep(name: str) -> str:
    """Return the problem with a payload that is nested too deep."""
    return f"The {name} is nested deeper than {MAX_JSON_DEPTH} levels, which is the most that JSON may be."

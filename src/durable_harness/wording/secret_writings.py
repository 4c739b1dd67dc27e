"""The writings in which a service may repeat a secret, as patterns to search for.

Encoders leave letters and digits as they are, but for their case, and escape the rest: in URLs, HTML and JSON, each in
its own way and sometimes one within another. So a pattern has all writings of each character, which finds mixtures too,
and a search takes time in proportion to the text.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.entities import html5

LEAST_CHARS = 6
"""A shorter one, such as the key of a test, is a part of too many words."""
LEAST_BASE64_CHARS = 8
MOST_CHARS_OF_ONE = 48
"""What one character becomes at most."""
PERCENT = "%(?:25){0,3}"
"""A percent sign is escaped again where a URL stands within a URL."""
AMPERSAND = r"(?:&|%26|\\u0026)(?:amp;|#38;|#[xX]26;){0,3}"
HASH, END = "(?:#|%23)", "(?:;|%3[Bb])"
BACKSLASHES = r"\\{1,8}"
"""Each JSON text within a JSON text doubles them."""
SAME_IN_BASE64 = {"+": "-", "/": "_"}
NEVER = "(?!)"
"""What no text matches."""


@dataclass(frozen=True)
class Writings:
    """What finds some secrets in a text, made when it is first needed: it takes milliseconds for each secret."""

    secrets: tuple[str, ...]

    @functools.cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """The longest secret first: one may be a part of another."""
        return tuple(map(re.compile, _texts(self.secrets)))

    @functools.cached_property
    def anywhere(self) -> re.Pattern[str]:
        """What finds out whether a text has any of the secrets: one search, while blanking them takes many."""
        return re.compile("|".join(_texts(self.secrets)) or NEVER)

    @functools.cached_property
    def most_chars(self) -> int:
        """How long a match may be."""
        return max(map(_most_chars, forms_of(self.secrets)), default=0)


@functools.lru_cache(maxsize=4)
def writings_of(secrets: tuple[str, ...]) -> Writings:
    """Return what finds these secrets in any of their writings."""
    return Writings(secrets)


def forms_of(secrets: Iterable[str]) -> list[str]:
    """Return these secrets and what encoders make of them as a whole, the longest first."""
    words = {word for secret in secrets for word in _words(secret) if len(word) >= LEAST_CHARS}
    return sorted({form for word in words for form in (word, *_encoded(word))}, key=lambda form: (-len(form), form))


def char_patterns(text: str) -> tuple[re.Pattern[str], ...]:
    """Return what finds each character of a text in any of its writings."""
    return tuple(map(_compiled_char, text))


@functools.cache
def _compiled_char(char: str) -> re.Pattern[str]:
    return re.compile(_one_char(char))


def _words(secret: str) -> Iterator[str]:
    """Of a header such as `Bearer X` what follows the scheme is a secret too, and what a `Basic X` stands for."""
    yield secret
    scheme, _, rest = secret.partition(" ")
    yield rest
    if scheme.lower() == "basic":
        pair = _decoded(rest)
        yield from (pair, pair.partition(":")[2])


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text + "==").decode()
    except (binascii.Error, ValueError):
        return ""


def _encoded(word: str) -> Iterator[str]:
    """Yield the word in hexadecimal, and what Base64 makes of it wherever in a text it stands."""
    data = word.encode("utf-8", "surrogatepass")
    yield data.hex()
    yield base64.b64encode(data).decode().rstrip("=")
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        # The characters at both edges depend on what stands beside the word.
        inner = base64.b64encode(bytes(before) + data).decode()[skipped : (before + len(data)) * 8 // 6]
        if len(inner) >= LEAST_BASE64_CHARS:
            yield inner


def _texts(secrets: Iterable[str]) -> Iterator[str]:
    """Yield the text of a pattern for each form of these secrets."""
    return ("".join(map(_one_char, form)) for form in forms_of(secrets))


def _most_chars(form: str) -> int:
    return sum(1 if _is_never_escaped(char) else MOST_CHARS_OF_ONE for char in form)


def _is_never_escaped(char: str) -> bool:
    return char.isascii() and char.isalnum()


@functools.cache
def _one_char(char: str) -> str:
    if _is_never_escaped(char):
        return _any_case(char)
    return f"(?:{'|'.join([*_plain(char), *_in_json(char), _in_url(char), _in_html(char)])})"


def _plain(char: str) -> list[str]:
    return sorted({re.escape(one) for one in (char, char.lower(), char.upper(), SAME_IN_BASE64.get(char, char))})


def _in_json(char: str) -> Iterator[str]:
    if char.isascii():
        digits = _any_case(f"{ord(char):02x}")
        yield f"{BACKSLASHES}(?:{re.escape(char)}|u00{digits}|x{digits})"
        return
    units = char.encode("utf-16-be", "surrogatepass").hex()
    yield "".join(f"{BACKSLASHES}u{_any_case(units[at : at + 4])}" for at in range(0, len(units), 4))


def _in_url(char: str) -> str:
    escaped = "".join(PERCENT + _any_case(f"{byte:02x}") for byte in char.encode("utf-8", "surrogatepass"))
    return escaped if char != " " else rf"{escaped}|\+"


def _in_html(char: str) -> str:
    digits = f"[xX]0{{0,8}}{_any_case(f'{ord(char):x}')}"
    return f"{AMPERSAND}(?:{'|'.join([f'{HASH}(?:{digits}|0{{0,8}}{ord(char)})', *_names(char)])}){END}"


def _names(char: str) -> list[str]:
    return [re.escape(name[:-1]) for name, meaning in html5.items() if meaning == char and name.endswith(";")]


def _any_case(text: str) -> str:
    return "".join(f"[{one.lower()}{one.upper()}]" if one.isalpha() else one for one in text)

"""Text that others wrote, such as what a service answers: shown as what it is, on one line, and not as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable

from durable_harness.wording.secret_writings import Writings, writings_of

HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters, the escape of terminals among them
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # unseen, or turns the order
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"  # in no file: halves of a pair, no characters at all, tags
)
MOST_CHARS = 500
BLANK = "***"


class _Secrets:
    """What this process never shows."""

    writings: Writings = writings_of(())


SECRETS = _Secrets()


def hide(secrets: Iterable[str]) -> None:
    """Blank these texts in all that is shown from now on: services repeat keys and headers in what they answer.

    Of a header such as `Bearer X` what follows the scheme is a secret too, and each is one in any of its writings.
    """
    known = {*SECRETS.writings.secrets, *(secret for secret in secrets if secret)}
    SECRETS.writings = writings_of(tuple(sorted(known)))


def blanked(text: str) -> str:
    """Return text without the secrets of this process."""
    for pattern in SECRETS.writings.patterns:
        text = pattern.sub(BLANK, text)
    return text


def beginning(text: str, most_chars: int) -> str:
    """Return the beginning of `blanked` text without cutting a secret in two; blanks may make it shorter or longer."""
    longest = SECRETS.writings.most_chars
    if len(text) <= most_chars + longest:
        return blanked(text)
    # A secret may begin in the last characters and continue beyond them.
    piece = blanked(text[: most_chars + longest])
    return f"{piece[: max(0, len(piece) - longest)]}…"


def looked_at(most_chars: int) -> int:
    """Return how much of a text `beginning` needs to know where a secret ends, and whether there is more."""
    return most_chars + SECRETS.writings.most_chars + 1


def middle_cut(text: str, most_chars: int) -> str:
    """Return `blanked` text with its middle replaced by a count if it is longer: both ends help to recognize data."""
    whole = blanked(text)
    if len(whole) <= most_chars:
        return whole
    tail = most_chars // 3
    head = most_chars - tail
    return f"{whole[:head]} … {len(whole) - head - tail:,} more characters … {whole[-tail:]}"


def shown(text: str, most_chars: int = MOST_CHARS) -> str:
    r"""Return text on one line, at most `most_chars` long, with `\x1b` and the like for invisible characters."""
    # Characters that are cut off need not be looked at: a hostile text may have millions of them.
    cut = beginning(text, most_chars + 1)[: most_chars + 1]
    escaped = HIDDEN.sub(_escape, cut)
    return escaped if len(cut) <= most_chars and len(escaped) <= most_chars else escaped[: most_chars - 1] + "…"


def shown_lines(text: str) -> str:
    """Return text of any length with its line breaks and tabs, else as `shown` does."""
    return HIDDEN.sub(lambda found: found[0] if found[0] in "\n\t" else _escape(found), blanked(text))


def is_plain(text: str) -> bool:
    """Return whether a text has no hidden character in it."""
    return HIDDEN.search(text) is None


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code <= 0xFF:  # noqa: PLR2004 - two digits
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - four digits

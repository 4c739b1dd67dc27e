"""What must not leave this machine with an evidence file: keys, connection strings, tokens, passwords, headers.

Two ways, as neither is enough alone. Values that are known to be secret (of options, of the environment, of the app's
settings) are blanked wherever they stand, in any of their writings. And whatever stands where secrets stand, such as
behind `AccountKey=` or `Authorization:`, is blanked whatever it is.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from durable_harness.evidence.cuts import CutSecrets
from durable_harness.evidence.payload_redaction import payload_patterns
from durable_harness.operations.excerpts import redact_keys
from durable_harness.wording.foreign_text import BLANK, blanked
from durable_harness.wording.secret_writings import forms_of, writings_of

SECRET_WORDS = frozenset(
    {
        *("key", "keys", "apikey", "accountkey", "secret", "secrets", "password", "passwd", "pwd", "passphrase"),
        *("token", "tokens", "sas", "signature", "credential", "credentials", "authorization", "auth", "cookie"),
        *("headers", "header", "connection", "connectionstring", "conn", "dsn", "private", "bearer", "payload"),
    }
)
"""A setting with one of these words in its name has a secret for a value."""
PLAIN_ENDINGS = frozenset({"name", "names", "type", "timeout", "count", "path", "file", "enabled", "level"})
"""Last words of a name whose value is not a secret."""
LONG_ENDINGS = PLAIN_ENDINGS | {"id", "sha", "ref", "dir", "folder", "version", "platform", "hostname", "host"}
"""Last words of a name whose value may be a long word of letters and digits without being a secret."""
OPEN_IDS = frozenset({"session", "client", "account", "tenant", "user", "access"})
"""Words before `id` that make it an account's: such an id may be a secret."""
FOLDERS = frozenset({"PWD", "OLDPWD"})
"""Variables with the current folder of a shell, and the one before: no passwords."""
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
CONNECTION_STRING = re.compile(
    r"(?:[A-Za-z][\w ]*=[^;]*;){1,}[A-Za-z][\w ]*=|\bsig=|\b(?:Account|SharedAccess)\w*=", re.IGNORECASE
)
RANDOM = re.compile(r"(?=[^\s/:]*\d)(?=[^\s/:]*[A-Za-z])[A-Za-z0-9_+=.~-]{20,}")
"""A long word of letters and digits, as keys are."""
LEAST_CHARS = 6
_NAMES = (
    "AccountKey|AccessKey|SharedAccessKey|SharedAccessSignature|Password|Pwd|ClientSecret|client_secret|Secret|ApiKey"
    "|api_key|access_token|refresh_token|id_token|sig|token"
)
PLACES = (
    re.compile(rf"((?<![A-Za-z])(?:{_NAMES})(?:=|%3D))(?:(?!&amp;|\\u0026|%26)[^&\s\"'#<>;,)}}\]])+", re.IGNORECASE),
    re.compile(
        r"((?:proxy-authorization|authorization|x-functions-key|x-api-key|api-key|set-cookie|cookie|x-run-token)"
        r"[\"']?\s*[:=]\s*[\"']?)[^\r\n\"'<]+",
        re.IGNORECASE,
    ),
    re.compile(r"(\b(?:bearer|basic)\s+)[\w.~+/-]{8,}=*", re.IGNORECASE),
    re.compile(r"()\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@\"'<>:]*:[^\s/@\"'<>]*(?=@)", re.IGNORECASE),
    re.compile(
        r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]*?(?=-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    ),
)
"""Where secrets stand: in parameters, connection strings, headers, tokens, URLs and files of keys."""


def is_secret_name(name: str) -> bool:
    """Return whether the value of a setting of this name is to be taken for a secret."""
    if name in FOLDERS:
        return False
    words = [word.lower() for word in WORD.findall(name)]
    return bool(SECRET_WORDS.intersection(words)) and words[-1] not in PLAIN_ENDINGS


def is_secret_value(value: str, name: str = "") -> bool:
    """Return whether a value is a secret by its looks: a connection string, or a long random word.

    A name may say that it is something else that looks so: the id of a run, a revision, a file.
    """
    return bool(CONNECTION_STRING.search(value) or (RANDOM.fullmatch(value) and not _may_be_long(name)))


def _may_be_long(name: str) -> bool:
    words = [word.lower() for word in WORD.findall(name)]
    is_of_run = words[-1:] != ["id"] or (len(words) > 1 and words[-2] not in OPEN_IDS)
    return bool(words) and words[-1] in LONG_ENDINGS and is_of_run


def _is_folder(value: str) -> bool:
    """Whether a value is the path of a folder that is there: no secret, whatever it is called."""
    try:
        return os.path.isabs(value) and os.path.isdir(value)  # noqa: PTH117, PTH112 - a value may be no path at all
    except ValueError:
        return False


def secrets_in(values: Mapping[str, str]) -> list[str]:
    """Return the values that are secret by their names or looks, and the parts of connection strings that are."""
    found: list[str] = []
    for name, value in values.items():
        found.append(_user_info(value))
        if _is_folder(value):
            continue
        if is_secret_name(name) or is_secret_value(value, name):
            found += [value, *_parts(value)]
    return [secret for secret in dict.fromkeys(found) if len(secret) >= LEAST_CHARS]


class Redactor:
    """Blanks secrets in what is to be shown to others."""

    def __init__(self, secrets: Iterable[str] = (), payload: Any = None) -> None:
        """Make one that blanks these texts too, beside those that this process never shows, and a start's payload."""
        known = tuple(sorted({secret for secret in secrets if len(secret) >= LEAST_CHARS}))
        self._patterns = (*writings_of(known).patterns, *payload_patterns(payload))
        self._cuts = CutSecrets(forms_of(known))

    def text(self, text: str) -> str:
        """Return text of any length without secrets."""
        text = redact_keys(blanked(text))
        for pattern in self._patterns:
            text = pattern.sub(BLANK, text)
        text = self._cuts.blanked(text)
        for place in PLACES:
            text = place.sub(rf"\g<1>{BLANK}", text)
        return text

    def value(self, value: Any, name: str = "") -> Any:
        """Return a JSON value without secrets: those by their names, those by their looks, and those that are known."""
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(each, str(key)) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(each, name) for each in value]
        if isinstance(value, bool | int | float) or value is None:
            return value
        text = str(value)
        if text and (is_secret_name(name) or is_secret_value(text, name)):
            return BLANK
        return self.text(text)


def redacted_command(words: Iterable[str], redactor: Redactor) -> str:
    """Return a command line as it can be typed, without secrets."""
    return " ".join(word if BLANK in word else shlex.quote(word) for word in redacted_words(words, redactor))


def redacted_words(words: Iterable[str], redactor: Redactor) -> list[str]:
    """Return a command line without the values of options that are secret by their names, and other secrets."""
    shown: list[str] = []
    is_hidden = False
    for word in words:
        option, equals, _ = word.partition("=")
        is_secret = word.startswith("-") and is_secret_name(option)
        shown.append(BLANK if is_hidden else f"{option}={BLANK}" if is_secret and equals else redactor.text(word))
        is_hidden = is_secret and not equals
    return shown


def _user_info(value: str) -> str:
    try:
        return urlsplit(value).netloc.rpartition("@")[0] if "://" in value else ""
    except ValueError:
        return ""


def _parts(value: str) -> list[str]:
    """Return the secret values of a connection string."""
    pairs = (part.partition("=") for part in value.split(";"))
    return [each.strip() for name, _, each in pairs if is_secret_name(name.strip())]

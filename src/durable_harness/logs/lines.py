"""The lines that our services log: one record is one entry, whatever others wrote into it, and shows no secret."""

from __future__ import annotations

import functools
import logging
import sys
from typing import TextIO

from durable_harness.logs.categories import category_of, is_unlogged
from durable_harness.logs.json_lines import JsonFormatter, announcement
from durable_harness.logs.own_loggers import also_send_own_logs_to, send_own_logs_to
from durable_harness.settings.log_levels import EVERYTHING, LogLevels
from durable_harness.wording.foreign_text import HIDDEN, SECRETS, shown_lines

FORMAT = "[%(asctime)s] %(levelname)s %(name)s: %(message)s"
NOISY = ("asyncio", "azure.functions", "azure.functions.DurableFunctions", "py.warnings")
CHATTY = ("azure.durable_functions",)
"""SDK 2.x logs each turn and each start."""
HTTP_SERVER = "aiohttp.server"
TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)
CONTINUED = "\n    "


class LogFormatter(logging.Formatter):
    """Shows control characters instead of sending them to a terminal, and indents what follows a line break.

    So no instance id, URL or message of an exception can pass for another entry, move the cursor or change colours.
    """

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if HIDDEN.search(text) is None and SECRETS.writings.anywhere.search(text) is None:
            return text
        return shown_lines(text).replace("\n", CONTINUED)


def configure_logging(
    levels: LogLevels, *, is_verbose: bool = False, stream: TextIO | None = None, log_format: str = TEXT
) -> None:
    """Log to standard output, or elsewhere, at these levels, or all that there is."""
    level = logging.DEBUG if is_verbose else levels.least_of_all
    stream = stream or sys.stdout
    of_app, own = (
        _handler(stream, EVERYTHING if is_verbose else levels, log_format) for _ in range(2)
    )  # an app may change what it finds
    logging.basicConfig(level=level, handlers=[of_app], force=True)
    send_own_logs_to(own, level)
    logging.captureWarnings(capture=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.DEBUG if is_verbose else logging.ERROR)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.DEBUG if is_verbose else logging.WARNING)


def announce(text: str, log_format: str = TEXT, level: int = logging.INFO) -> None:
    """Print a line about the service that starts, in the format of its log. Text of others is `shown` already."""
    if log_format == JSON:
        stream, line = sys.stdout, announcement(text.strip(), level)
    elif level >= logging.WARNING:
        stream, line = sys.stderr, f"{logging.getLevelName(level).lower()}: {text}"
    else:
        stream, line = sys.stdout, text
    stream.write(f"{line}\n")
    stream.flush()


def _handler(stream: TextIO, levels: LogLevels, log_format: str) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if log_format == JSON else LogFormatter())
    _filter(handler, levels)
    return handler


def _filter(handler: logging.Handler, levels: LogLevels) -> None:
    # Most entries are logged whatever their category is; those that are not have few categories.
    enough, least = levels.enough_for_all, functools.lru_cache(levels.least)

    def is_worth_an_entry(record: logging.LogRecord) -> bool:
        if is_unlogged.get() or (record.name == HTTP_SERVER and _is_of_a_malformed_request(record)):
            return False
        return record.levelno >= enough or record.levelno >= least(category_of(record))

    handler.addFilter(is_worth_an_entry)


def log_to_also(handler: logging.Handler, levels: LogLevels, *, is_verbose: bool = False) -> None:
    """Add a handler, after `configure_logging`, that gets the same entries."""
    _filter(handler, EVERYTHING if is_verbose else levels)
    logging.getLogger().addHandler(handler)
    also_send_own_logs_to(handler)


def _is_of_a_malformed_request(record: logging.LogRecord) -> bool:
    """Whether aiohttp logs a request that is not HTTP: the log needs no entry, as its sender gets a 400."""
    error = record.exc_info[1] if record.exc_info else None
    return type(error).__module__ == "aiohttp.http_exceptions"

"""What services log: one record is one entry, whatever is in it, and no entry holds a key."""

import io
import logging

import pytest
from aiohttp.http_exceptions import BadStatusLine

from durable_harness.logs.lines import LogFormatter, configure_logging
from durable_harness.logs.own_loggers import own_logger, send_own_logs_to_all
from durable_harness.settings.log_levels import LogLevels
from durable_harness.wording.foreign_text import hide


def entry(message, *arguments, error=None):
    info = (type(error), error, None) if error else None
    record = logging.LogRecord("durable_harness.host", logging.ERROR, "", 0, message, arguments, info)
    return LogFormatter().format(record)


@pytest.mark.parametrize("character", ["\x1b", "\r", "\x07", "\x9b", "\u202e", "\u2066", "\x00"])
def test_control_characters_are_shown(character):
    """What would move a cursor, ring or turn the order of letters is written out."""
    line = entry("Activity '%s' failed", f"a{character}b")
    assert character not in line
    assert "a\\" in line


@pytest.mark.parametrize("place", ["message", "exception"])
def test_no_text_passes_for_another_entry(place):
    """A line break in an id, or in what an exception says, does not begin an entry."""
    forged = "x\n[2026-01-01 00:00:00,000] INFO durable_harness.host: all is well"
    lines = entry(forged) if place == "message" else entry("failed", error=ValueError(forged))
    assert [line.startswith("[") for line in lines.splitlines()] == [True] + [False] * (lines.count("\n"))


@pytest.mark.parametrize(("error", "count"), [(None, 1), (ValueError("the-master-key"), 2)])
def test_keys_are_blanked(error, count):
    """A key in a URL or in an exception is in no entry, whether it has one line or several."""
    hide(["the-master-key", ""])
    text = entry("GET /x?code=%s", "the-master-key", error=error)
    assert "the-master-key" not in text
    assert text.count("***") == count


@pytest.fixture
def configured():
    """Return what configures the log for a test; it returns where the log is then written."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []  # configuring closes those that are there, pytest's among them

    def configure(levels, **options):
        written = io.StringIO()
        configure_logging(levels, stream=written, **options)
        return written

    yield configure
    send_own_logs_to_all()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_what_is_no_http_is_no_entry(configured):
    """Bytes that are no request were answered with 400: aiohttp's traceback of them is left out, others are kept."""
    written = configured(LogLevels())
    for error in (BadStatusLine("x"), ValueError("ours")):
        try:
            raise error
        except (BadStatusLine, ValueError):
            own_logger("aiohttp.server").exception("Error handling request")
    assert "ours" in written.getvalue()
    assert "BadStatusLine" not in written.getvalue()


@pytest.mark.parametrize("is_verbose", [False, True])
def test_each_category_has_its_level(configured, is_verbose):
    """An entry is judged by the level of its category, below or above the default one; with --verbose all are there."""
    levels = LogLevels(logging.WARNING, {"chatty": logging.INFO, "quiet": logging.ERROR})
    written = configured(levels, is_verbose=is_verbose)
    for name in ("chatty", "quiet", "other"):
        for level in ("INFO", "WARNING", "ERROR"):
            logging.getLogger(name).log(getattr(logging, level), "%s of %s", level, name)
    found = {(name, level) for name in ("chatty", "quiet", "other") for level in ("INFO", "WARNING", "ERROR")}
    if not is_verbose:
        found -= {("quiet", "INFO"), ("quiet", "WARNING"), ("other", "INFO")}
    messages = [line.partition(": ")[2] for line in written.getvalue().splitlines()]
    assert sorted(messages) == sorted(f"{level} of {name}" for name, level in found)

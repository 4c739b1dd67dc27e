"""The newest lines of the log about one instance: which are kept, and how many."""

import logging

import pytest

from durable_harness.logs.categories import about, running_instance
from durable_harness.logs.instance_logs import MOST_CHARS, InstanceLogs
from durable_harness.logs.lines import configure_logging, log_to_also
from durable_harness.logs.own_loggers import own_logger, send_own_logs_to_all
from durable_harness.settings.log_levels import LogLevels
from durable_harness.wording.foreign_text import hide


@pytest.fixture
def logger():
    """Yield a logger of the app."""
    found = logging.getLogger("of_the_app_of_these_tests")
    found.setLevel(logging.INFO)
    found.propagate = False
    yield found
    found.handlers.clear()
    found.propagate = True


def kept(logger, **limits):
    logs = InstanceLogs(**limits)
    logger.addHandler(logs)
    return logs


def log_about(logger, instance_id, *texts):
    for text in texts:
        logger.info(text, extra=about("f", instance_id))


def texts(logs, instance_id):
    return [line.text for line in logs.lines_of(instance_id)]


def test_a_line_belongs_to_the_instance_that_it_names(logger):
    """Lines are found by the instance that they name; those of none are not kept."""
    logs = kept(logger)
    log_about(logger, "one", "of one")
    logger.info("of none")
    assert texts(logs, "one") == ["of one"]
    assert texts(logs, "two") == []


def test_a_line_belongs_to_the_instance_whose_code_runs(logger):
    """What code logs while it works for an instance is about that instance."""
    logs = kept(logger)
    token = running_instance.set("running")
    try:
        logger.info("it runs")
    finally:
        running_instance.reset(token)
    logger.info("it rests")
    assert texts(logs, "running") == ["it runs"]


def test_of_one_instance_the_newest_are_kept(logger):
    """An instance that logs without end keeps its newest lines only."""
    logs = kept(logger, most_of_one=3)
    log_about(logger, "one", *"abcde")
    assert texts(logs, "one") == ["c", "d", "e"]


def test_of_all_the_newest_are_kept(logger):
    """Beyond the limit the lines go first of the instance that was logged about longest ago."""
    logs = kept(logger, most_lines=4)
    log_about(logger, "old", "a", "b")
    log_about(logger, "other", "c", "d")
    log_about(logger, "new", "e", "f")
    assert texts(logs, "old") == []
    assert texts(logs, "other") == ["c", "d"]
    assert texts(logs, "new") == ["e", "f"]


def test_a_line_has_its_traceback_and_no_secret(logger):
    """The traceback of an exception is kept; secrets are blanked, and long lines are cut in the middle."""
    hide(["s3cret-of-this-test"])
    logs = kept(logger)
    try:
        {}["id"]
    except KeyError:
        logger.exception("it failed with s3cret-of-this-test", extra=about("f", "one"))
    log_about(logger, "one", "x" * 2 * MOST_CHARS)
    failed, long = texts(logs, "one")
    assert "KeyError: 'id'" in failed
    assert "s3cret" not in failed
    assert "more characters" in long


def test_what_does_not_fit_together_is_kept_as_it_is(logger):
    """An entry whose arguments do not fit its text is a line too."""
    logs = kept(logger)
    logging.raiseExceptions = False
    try:
        logger.info("%d", "no number", extra=about("f", "one"))
    finally:
        logging.raiseExceptions = True
    assert "no number" in texts(logs, "one")[0]


def test_the_levels_of_the_log_hold(capsys):
    """What is below the level of the log is not kept either; what the host reports of itself is, as the app's lines."""
    before = logging.getLogger().handlers[:]
    levels = LogLevels(logging.WARNING)
    logs = InstanceLogs()
    try:
        configure_logging(levels)
        log_to_also(logs, levels)
        for logger in (own_logger("durable_harness.host"), logging.getLogger("app_of_this_test")):
            logger.info("quiet", extra=about("f", "one"))
            logger.warning("loud", extra=about("f", "one"))
    finally:
        send_own_logs_to_all()
        logging.getLogger().handlers[:] = before
        logging.captureWarnings(capture=False)
    assert [(line.text, line.level) for line in logs.lines_of("one")] == [("loud", "WARNING")] * 2

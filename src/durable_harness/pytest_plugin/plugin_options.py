"""The options of the plugin and their twins in the ini file."""

from __future__ import annotations

import math
import os
import random
from typing import NamedTuple

import pytest

from durable_harness.key_names import FUNCTION_KEY_VARIABLE

STACKS = ("embedded", "emulator", "func", "remote")
ISOLATIONS = ("shared", "hub", "process")


class Option(NamedTuple):
    """An option of the command line and its twin in the ini file."""

    flag: str
    ini: str
    default: str
    help: str


OPTIONS = (
    Option(
        "--stack",
        "durable_stack",
        "embedded",
        "what the app under test runs on: embedded (nothing but Python), emulator (our host on a DTS emulator in a"
        " container), func (Core Tools on that emulator), remote (a deployment); several separated by commas",
    ),
    Option(
        "--app-dir",
        "durable_app_dir",
        ".",
        "folder of the function_app.py under test; in the ini file relative to the root directory (write --app-dir=DIR"
        " with the equals sign: pytest takes a folder after a space for one of tests when it looks for its ini file)",
    ),
    Option("--stack-url", "durable_stack_url", "", "URL of the deployment that --stack remote tests"),
    Option(
        "--stack-key",
        "durable_stack_key",
        "",
        f"function key of that deployment; {FUNCTION_KEY_VARIABLE} in the environment is the same",
    ),
    Option("--operation-timeout", "durable_operation_timeout", "30", "seconds in which an operation must have ended"),
    Option(
        "--twice-answer",
        "durable_twice_answer",
        "second",
        "the answer that counts of work delivered twice: second (the first one is lost) or first (it comes late)",
    ),
    Option(
        "--isolation",
        "durable_isolation",
        "shared",
        "what each test has to itself: nothing (shared, tests give their instances ids of their own), an empty task hub"
        " (hub), or a new host too, which imports the app again (process); on the embedded stack",
    ),
    Option(
        "--fault-seed",
        "durable_fault_seed",
        "1",
        "seed of durable_faults: a whole number, or random for another one in each run; failed tests report it",
    ),
)
REPLAY_FLAG, REPLAY_INI = "--always-replay", "durable_always_replay"
REPLAY_HELP = (
    "replay every orchestration from its beginning, twice in each turn, and fail it where it does not repeat itself; on"
    " the embedded and emulator stacks, whose host is ours"
)
REPLAYING_STACKS = ("embedded", "emulator")
TWICE_FLAG, TWICE_INI = "--twice", "durable_twice"
TWICE_HELP = (
    "deliver every activity and entity operation twice, as a service may, and report what that changes; on the embedded"
    " and emulator stacks"
)
ANSWER_FLAG = "--twice-answer"
TWICE_ANSWERS = ("second", "first")
REQUIRE_FLAG, REQUIRE_INI = "--require-emulator", "durable_require_emulator"
REQUIRE_HELP = (
    "fail instead of skipping where the emulator cannot run, and when no test ran on it; CI=true in the environment"
    " does the same if --stack names the emulator"
)


def add_options(parser: pytest.Parser) -> None:
    """Add the options to the command line and the ini file."""
    group = parser.getgroup("durable-harness", "durable-harness, tests of Durable Functions apps")
    for option in OPTIONS:
        group.addoption(option.flag, metavar="VALUE", help=f"{option.help} (default: {option.default or 'none'})")
        parser.addini(option.ini, f"{option.flag}: {option.help}", default=option.default)
    group.addoption(REPLAY_FLAG, action="store_true", help=REPLAY_HELP)
    parser.addini(REPLAY_INI, f"{REPLAY_FLAG}: {REPLAY_HELP}", type="bool", default=False)
    group.addoption(TWICE_FLAG, action="store_true", help=TWICE_HELP)
    parser.addini(TWICE_INI, f"{TWICE_FLAG}: {TWICE_HELP}", type="bool", default=False)
    group.addoption(REQUIRE_FLAG, action="store_true", help=REQUIRE_HELP)
    parser.addini(REQUIRE_INI, f"{REQUIRE_FLAG}: {REQUIRE_HELP}", type="bool", default=False)


def check_options(config: pytest.Config) -> None:
    """Raise UsageError for an unknown stack, and for an option that needs a host of ours."""
    names = stack_names(config)
    wrong = [name for name in names or [""] if name not in STACKS]
    if wrong:
        raise pytest.UsageError(f"--stack: got '{wrong[0]}', expected one of {', '.join(STACKS)}")
    isolation = setting(config, "--isolation")
    if isolation not in ISOLATIONS:
        raise pytest.UsageError(f"--isolation: got '{isolation}', expected one of {', '.join(ISOLATIONS)}")
    _check_timeout(setting(config, "--operation-timeout"))
    others = [name for name in names if name not in REPLAYING_STACKS]
    for flag in (REPLAY_FLAG, TWICE_FLAG):
        if config.getoption(flag) and others:
            raise pytest.UsageError(f"{flag}: the host of the {others[0]} stack is not ours and cannot do that")
    if twice_answer(config) not in TWICE_ANSWERS:
        allowed = " or ".join(TWICE_ANSWERS)
        raise pytest.UsageError(f"{ANSWER_FLAG}: got '{twice_answer(config)}', expected {allowed}")


def _check_timeout(given: str) -> None:
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise pytest.UsageError(f"--operation-timeout: got '{given}', expected a number of seconds above 0")


def replay_args(config: pytest.Config, stack: str) -> tuple[str, ...]:
    """Return the option of `durable-harness serve` that this run asks for on a stack."""
    is_asked_for = config.getoption(REPLAY_FLAG) or config.getini(REPLAY_INI)
    return (REPLAY_FLAG,) if is_asked_for and stack in REPLAYING_STACKS else ()


def wants_twice(config: pytest.Config) -> bool:
    """Return whether the whole run is to deliver work twice."""
    return bool(config.getoption(TWICE_FLAG) or config.getini(TWICE_INI))


def twice_answer(config: pytest.Config) -> str:
    """Return which of the two answers counts when work is delivered twice."""
    return setting(config, ANSWER_FLAG).strip()


def is_emulator_required(config: pytest.Config) -> bool:
    """Return whether a test must not be skipped because the emulator cannot run."""
    if config.getoption(REQUIRE_FLAG) or config.getini(REQUIRE_INI):
        return True
    return os.environ.get("CI", "").lower() == "true" and "emulator" in stack_names(config)


def stack_names(config: pytest.Config) -> list[str]:
    return [name.strip() for name in setting(config, "--stack").split(",") if name.strip()]


def fault_seed(config: pytest.Config) -> int:
    given = setting(config, "--fault-seed").strip()
    if given == "random":
        return random.SystemRandom().randrange(1_000_000)
    if not given.removeprefix("-").isdecimal():
        raise pytest.UsageError(f"--fault-seed: got '{given}', expected a whole number or random")
    return int(given)


def setting(config: pytest.Config, flag: str) -> str:
    """Return an option: from the command line, else from the ini file, else its default."""
    given = config.getoption(flag)
    return str(config.getini(_option(flag).ini) if given is None else given)


def _option(flag: str) -> Option:
    return next(option for option in OPTIONS if option.flag == flag)


def given_timeout_s(config: pytest.Config) -> float | None:
    """Return the limit that the user set; None for the default, which leaves a cold start more time."""
    given = setting(config, "--operation-timeout")
    is_default = config.getoption("--operation-timeout") is None and given == _option("--operation-timeout").default
    return None if is_default else float(given)

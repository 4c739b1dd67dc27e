"""The command `load`: Locust with the scenarios beside an app, or with those that come with this package.

All of Locust's options are passed on, so the arguments are not parsed here, only looked at.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import durable_harness
from durable_harness.cli.app_folder import FORMER_VARIABLE, VARIABLE, near_folder
from durable_harness.cli.load_help import load_parser
from durable_harness.errors import UsageError
from durable_harness.extras import MissingExtraError, require
from durable_harness.platforms.commands import become
from durable_harness.terminal.help import HelpFormatter
from durable_harness.typed_command import passed_on

NAME = "load"
FOLDER_NAME = "loadtests"
CONFIG_NAME = "locust.conf"
FROM_MASTER = "-"
"""What a worker names whose master sends it the scenarios."""
SCENARIOS_VARIABLE = "LOCUST_USER_CLASSES"
DEFAULT_SCENARIO = "Steady"
"""Of those that come with the package; of an app's own, all are run."""
RUN_TIME = "1m"
LOCUST = "from durable_harness.locust_start import main; main()"
"""Locust under the name by which it was called: that is how its complaints and its records call it."""
TEMPLATES = Path(__file__).parent / "templates"
HELP = "load an app with Locust and check the run against gates"
USAGE = "durable-harness load [FOLDER] [SCENARIO …] [options]"
ABOUT = f"""Load an app with Locust and check the run against gates.

It runs the scenarios in FOLDER/{FOLDER_NAME}, else {DEFAULT_SCENARIO} of those that come with durable-harness,
on the app in FOLDER (default: .) or on --host URL, for --run-time {RUN_TIME}. --web opens Locust's web page
instead. It is the same as `locust -f {FOLDER_NAME} --headless`; a scenario can add options of its own."""
EXAMPLES = """examples:
  durable-harness load path/to/your/app --run-time 30s --rate 20
  durable-harness load --host https://YOUR-APP.azurewebsites.net --function-key YOUR-KEY"""


class Command(NamedTuple):
    """Locust's command line, and what its environment has besides."""

    words: list[str]
    environment: Mapping[str, str]


def add_load_command(commands: Any) -> None:
    """Name the command in the help; `run_load` gets its arguments before they are parsed."""
    commands.add_parser(NAME, help=HELP, add_help=False)


def run_load(arguments: Sequence[str]) -> NoReturn:
    """Become Locust."""
    if {"-h", "--help"} & set(arguments):
        raise SystemExit(_show_help())
    require("load", NAME)
    command = locust_command(arguments, os.environ)
    check_locustfiles(_seen(command.words).locustfile or os.environ.get("LOCUST_LOCUSTFILE", ""))
    words = [sys.executable, "-c", LOCUST, *command.words]
    environment = {**os.environ, **command.environment, **passed_on([NAME, *arguments])}
    become(words, environment)


def _show_help() -> int:
    try:
        parser, note = load_parser(), ""
    except MissingExtraError as error:  # who asks may want to know whether to install it
        parser, note = (
            argparse.ArgumentParser(prog=NAME),
            f"\n\n{error}\n  With it, this help lists the options.",
        )
    parser.usage, parser.description, parser.epilog = USAGE, ABOUT, f"{EXAMPLES}{note}"
    parser.formatter_class = HelpFormatter
    parser.print_help()
    return 0


def locust_command(arguments: Sequence[str], environment: Mapping[str, str]) -> Command:
    """Return the arguments for Locust; raise UsageError for a folder that does not exist."""
    folder, rest = _split(arguments)
    seen = _seen(rest)
    if folder is not None and seen.app is not None:
        raise UsageError(f"--app {seen.app}: the folder {folder} is named too. Leave one of them out.")
    app = Path(folder or seen.app or environment.get(VARIABLE) or environment.get(FORMER_VARIABLE) or os.curdir)
    own = app / FOLDER_NAME
    words = [] if folder is None else ["--app", str(folder)]
    added: dict[str, str] = {}
    if seen.locustfile is None and "LOCUST_LOCUSTFILE" not in environment:
        words += ["--locustfile", str(own if own.is_dir() else _shipped())]
        if own.is_dir():
            words += _config(own, seen)
        else:
            words += [] if seen.gates or "DURABLE_HARNESS_GATES" in environment else _gates()
            added = {SCENARIOS_VARIABLE: environment.get(SCENARIOS_VARIABLE) or DEFAULT_SCENARIO}
    return Command(
        [
            *words,
            *_headless(seen, environment, has_config="--config" in words),
            *(word for word in rest if word != "--web"),
        ],
        added,
    )


def check_locustfiles(named: str) -> None:
    """Raise UsageError for a file of scenarios that is not there: Locust would end with its code for failures."""
    for name in filter(None, map(str.strip, named.split(","))):
        is_elsewhere = "://" in name or name == FROM_MASTER
        if not (is_elsewhere or Path(name).is_dir() or (Path(name).is_file() and name.endswith(".py"))):
            raise UsageError(
                f"--locustfile: got '{name}', expected a .py file with scenarios, or a folder of such files"
            )


def _split(arguments: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Return the folder that comes first, if one does, and the rest."""
    first = arguments[0] if arguments else "-"
    if first.startswith("-"):
        return None, list(arguments)
    if Path(first).is_dir():
        return Path(first), list(arguments[1:])
    if not first.isidentifier():
        expected = "the folder of a function app, the name of a scenario, or an option"
        raise UsageError(f"got '{first}', expected {expected}{near_folder(Path(first))}")
    return None, list(arguments)


def _seen(arguments: Sequence[str]) -> argparse.Namespace:
    """Look for the options that decide what is added; Locust reports mistakes in them."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--app", "--app-dir", dest="app", nargs="?")
    parser.add_argument("-f", "--locustfile", nargs="?")
    parser.add_argument("--config", nargs="?")
    parser.add_argument("--gates", nargs="?")
    parser.add_argument("-t", "--run-time", nargs="?")
    for name in ("--web", "--headless", "--autostart", "--worker", "--master"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("--web-port", "-P", nargs="?")
    parser.add_argument("--web-host", nargs="?")
    return parser.parse_known_args(list(arguments))[0]


def _headless(seen: argparse.Namespace, environment: Mapping[str, str], *, has_config: bool) -> list[str]:
    """Add the options with which Locust runs once and ends, unless its page is asked for."""
    if seen.web or seen.web_port or seen.web_host or seen.autostart or seen.worker:
        return []
    says_how_long = seen.run_time is not None or "LOCUST_RUN_TIME" in environment
    words = [] if seen.headless else ["--headless", "--only-summary"]
    return words if has_config or seen.config or says_how_long else [*words, "--run-time", RUN_TIME]


def _config(own: Path, seen: argparse.Namespace) -> list[str]:
    config = own / CONFIG_NAME
    return ["--config", str(config)] if config.is_file() and seen.config is None else []


def _gates() -> list[str]:
    """Gates that any app can be held to: those beside our scenarios suit the sample app."""
    return ["--gates", str(TEMPLATES / "gates.toml")]


def _shipped() -> Path:
    """Return the scenarios that come with the package; where it is installed from its source, they are beside it."""
    package = Path(durable_harness.__file__).parent
    inside = package / FOLDER_NAME
    return inside if inside.is_dir() else package.parents[1] / FOLDER_NAME

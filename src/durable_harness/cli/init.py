"""The command `init`: it looks at an app and writes what is missing to test and load it. Nothing is overwritten."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_harness.cli.app_folder import add_app_folder, app_folder
from durable_harness.errors import UsageError
from durable_harness.extras import require
from durable_harness.load.options.shared_options import START_METHOD, START_PATH
from durable_harness.terminal.help import add_command

if TYPE_CHECKING:
    from durable_harness.load.preflight import Starter


def add_init(commands: Any) -> None:
    """Add the command to the parsers of `durable-harness`."""
    parser = add_command(
        commands,
        "init",
        "write the scenarios, gates, test and CI workflow that an app lacks",
        "durable-harness init path/to/your/app",
    )
    add_app_folder(parser)
    for option in (START_PATH, START_METHOD):
        option.add_to(parser)
    parser.set_defaults(run=_init)


def _init(options: argparse.Namespace) -> None:
    require("load", "init")
    from durable_harness.experiments.kit import write_kit  # noqa: PLC0415 - other commands do not pay for it
    from durable_harness.experiments.tryouts import try_starters  # noqa: PLC0415 - same

    folder = app_folder(options)
    _say(f"looking at {folder}: the app is served, and {_named_starter(options) or 'each of its starters'} is tried")
    tried = try_starters(folder, _named_starter(options))
    if not tried.starters:
        raise UsageError("\n  ".join(["nothing was written:", *tried.app.describe(), f"{tried.app.how_to_name()}."]))
    for one in tried.starters:
        _say(f"  {one.describe()}")
    wrong = next((one for one in tried.starters if not one.is_route), None)
    if wrong is not None:
        hint = [f"{tried.app.how_to_name()}."] if any(one.needs for one in tried.app.starters) else []
        raise UsageError("\n  ".join([f"nothing was written: {wrong.why}", *tried.app.describe(), *hint]))
    starters = [one for one in tried.starters if one.is_starter]
    kit = write_kit(folder, starters)
    for path in kit.written:
        _say(f"wrote {_shown(path)}")
    for reason in kit.left:
        _say(f"left as it is: {reason}")
    is_marked = not any(one.works for one in starters) and any(path.suffix == ".py" for path in kit.written)
    for line in _next(folder, is_marked=is_marked):
        _say(line)


def _named_starter(options: argparse.Namespace) -> Starter | None:
    from durable_harness.experiments.tryouts import NAMED  # noqa: PLC0415 - as above
    from durable_harness.load.preflight import Starter  # noqa: PLC0415 - as above

    if not options.start_path:
        return None
    return Starter(options.start_path, NAMED, method=(options.start_method or "POST").upper())


def _next(folder: Path, *, is_marked: bool) -> list[str]:
    """Return what to do next; `is_marked` if what was written is marked as not to be run yet."""
    if is_marked:
        return [
            f"next: write in {_shown(folder / 'loadtests')} and in the test what the app takes, and remove the marks"
        ]
    enter = [] if folder.resolve() == Path.cwd() else [f"cd {_shown(folder)}"]
    first, *others = [*enter, "durable-harness load", "pytest"]
    return [f"next: {first}", *(f"      {command}" for command in others)]


def _shown(path: Path) -> str:
    return os.path.relpath(path)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

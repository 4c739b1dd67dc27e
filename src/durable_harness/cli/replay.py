"""The command `replay`: recorded histories against today's orchestrators."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_harness.cli.app_folder import add_app_option, app_folder
from durable_harness.cli.parsed_values import above_zero
from durable_harness.errors import AppLoadError, DifferentHistoryError, UsageError
from durable_harness.terminal.colours import show
from durable_harness.terminal.help import add_command
from durable_harness.wording.foreign_text import shown_lines

if TYPE_CHECKING:
    from durable_harness.host.app.functions import FunctionApp
    from durable_harness.replay import FileResult
    from durable_harness.replay.in_time import Watch


def add_replay(commands: Any) -> None:
    """Add the command that replays recorded histories."""
    parser = add_command(
        commands,
        "replay",
        "replay recorded histories against today's orchestrators",
        "durable-harness replay histories --app-dir path/to/your/app",
    )
    parser.add_argument("histories", nargs="+", type=Path, metavar="HISTORY.json", help="files, or folders of them")
    add_app_option(parser, "--app-dir")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument(
        "--timeout",
        type=above_zero,
        default=300.0,
        metavar="SECONDS",
        help="for the import of the app, and for each history; one that takes longer is different (default: 300)",
    )
    parser.set_defaults(run=_replay)


def _replay(options: argparse.Namespace) -> None:
    from durable_harness.replay import history_files  # noqa: PLC0415 - other commands pay nothing
    from durable_harness.replay.in_time import Watch, replay_in_time  # noqa: PLC0415 - same

    files = history_files(options.histories)
    in_any_folder = [(file, file.absolute()) for file in files]
    results: list[FileResult] = []
    try:
        with Watch() as watch, _loaded(options, watch) as app:
            for file, path in in_any_folder:
                result = replay_in_time(path, app, watch, options.timeout)
                results.append(dataclasses.replace(result, file=str(file)))
    except KeyboardInterrupt as interrupt:
        interrupt.args = (f"interrupted: {len(results)} of {len(files)} histories were replayed",)
        if results:
            _show(results, str(interrupt), as_json=options.json)
        raise
    _show(results, as_json=options.json)
    _judge(results)


@contextlib.contextmanager
def _loaded(options: argparse.Namespace, watch: Watch) -> Iterator[FunctionApp]:
    """Yield the app; raise AppLoadError if its import takes too long."""
    folder = app_folder(options)
    from durable_harness.replay import ReplayedApp  # noqa: PLC0415 - same
    from durable_harness.replay.in_time import TimeUp  # noqa: PLC0415 - same

    try:
        with ReplayedApp(folder, lambda: watch.limit(options.timeout)).loaded() as app:
            yield app
    except TimeUp as late:
        raise AppLoadError(f"The import of the app in {folder} does not end: {late}") from late


def _show(results: list[FileResult], interrupted: str = "", *, as_json: bool) -> None:
    from durable_harness.replay import as_json as to_json  # noqa: PLC0415 - other commands do not pay for it
    from durable_harness.replay import table  # noqa: PLC0415 - same

    if as_json:
        document = {**to_json(results), **({"interrupted": interrupted} if interrupted else {})}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        show(shown_lines("\n".join([*table(results), ""])))


def _judge(results: list[FileResult]) -> None:
    from durable_harness.replay import DIFFERENT, UNREADABLE  # noqa: PLC0415 - same

    different = sum(result.result == DIFFERENT for result in results)
    if different:
        raise DifferentHistoryError(f"{different} of {len(results)} recorded histories replay differently.")
    unreadable = [result.file for result in results if result.result == UNREADABLE]
    if unreadable:
        raise UsageError(f"not a recorded history that can be read: {', '.join(unreadable)}")

"""The command `record`: histories of instances, written to files."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from durable_harness.cli.app_folder import add_app_option, app_folder
from durable_harness.cli.parsed_values import above_zero
from durable_harness.errors import UsageError
from durable_harness.key_names import FUNCTION_KEY_VARIABLE
from durable_harness.network.base_urls import read_base_url
from durable_harness.platforms.files import different_names
from durable_harness.terminal.help import add_command
from durable_harness.wording.foreign_text import shown

DEFAULT_HOST = "http://localhost:7071"
DEFAULT_FOLDER = Path("tests/histories")
RECORD_TIMEOUT_S, FIRST_ANSWER_S = 30.0, 60.0
"""An app that scales to zero takes longer to answer first."""


def add_record(commands: Any) -> None:
    """Add the command that writes histories to files."""
    parser = add_command(
        commands,
        "record",
        "write the histories of instances to JSON files, for replay",
        "durable-harness record 5f0c2d --host http://localhost:7071 --out histories",
    )
    parser.add_argument("instances", nargs="+", metavar="INSTANCE_ID")
    parser.add_argument("--host", default=DEFAULT_HOST, metavar="URL", help=f"the app (default: {DEFAULT_HOST})")
    parser.add_argument(
        "--function-key",
        default=os.environ.get(FUNCTION_KEY_VARIABLE),
        metavar="KEY",
        help=f"its system or master key (default: {FUNCTION_KEY_VARIABLE})",
    )
    parser.add_argument(
        "--scheduler",
        metavar="WHICH",
        help="read the complete history from the scheduler: settings (the app's own) or a connection string",
    )
    add_app_option(parser, "--app-dir", use=", for --scheduler settings")
    parser.add_argument(
        "--timeout",
        type=above_zero,
        metavar="SECONDS",
        help="for each answer of the app or the scheduler"
        f" (default: {RECORD_TIMEOUT_S:g}, the first one of an app {FIRST_ANSWER_S:g})",
    )
    folder = f"folder of the files (default: {DEFAULT_FOLDER})"
    parser.add_argument("--out", type=Path, default=DEFAULT_FOLDER, metavar="DIR", help=folder)
    parser.set_defaults(run=_record)


def _record(options: argparse.Namespace) -> None:
    written = 0
    try:
        with _reader(options) as read:
            instances = list(dict.fromkeys(options.instances))
            for instance_id, name in zip(instances, different_names(instances), strict=True):
                _write_history(read(instance_id), options.out / f"{name}.json")
                written += 1
    except KeyboardInterrupt as interrupt:
        interrupt.args = (f"interrupted: {written} of {len(options.instances)} histories were written",)
        raise


def _write_history(document: dict[str, Any], path: Path) -> None:
    from durable_harness.protocol.history_file import write_document  # noqa: PLC0415 - same

    try:
        write_document(path, document)
    except OSError as error:
        raise UsageError(f"--out: {path} cannot be written: {error.strerror}.") from error
    lacks = f", without: {', '.join(document['lacks'])}" if document["lacks"] else ""
    print(shown(f"{path}: {document['orchestrator']}, {len(document['events'])} events{lacks}"))


@contextlib.contextmanager
def _reader(options: argparse.Namespace) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Yield the function that reads the history of an instance as a document to write."""
    if options.scheduler:
        yield _from_scheduler(options)
        return
    from durable_harness.stack import StackOptions, open_stack  # noqa: PLC0415 - same
    from durable_harness.testing.history_recording import document_of  # noqa: PLC0415 - same
    from durable_harness.testing.requesting import HttpClient  # noqa: PLC0415 - same
    from durable_harness.testing.webhook_client import Webhook  # noqa: PLC0415 - same

    first_s, each_s = (FIRST_ANSWER_S, RECORD_TIMEOUT_S) if options.timeout is None else (options.timeout,) * 2
    url = read_base_url(options.host, "--host", DEFAULT_HOST)
    host = StackOptions(url=url, function_key=options.function_key, answer_timeout_s=first_s)
    with open_stack("remote", Path(options.app), host) as stack:
        webhook = Webhook(HttpClient(stack.base_url, stack.function_key, each_s))
        yield lambda instance_id: document_of(stack, webhook, instance_id)


def _from_scheduler(options: argparse.Namespace) -> Callable[[str], dict[str, Any]]:
    from durable_harness.protocol.history_file import as_document  # noqa: PLC0415 - same
    from durable_harness.replay.from_scheduler import ANSWER_TIMEOUT_S, history_of  # noqa: PLC0415 - same
    from durable_harness.settings import load_app_settings  # noqa: PLC0415 - same

    settings = load_app_settings(app_folder(options).resolve())
    address = settings.scheduler_at(options.scheduler)
    hub = address.task_hub or settings.host.durable_task.hub_name
    timeout_s = options.timeout or ANSWER_TIMEOUT_S
    return lambda instance_id: as_document(history_of(address, hub, instance_id, timeout_s))

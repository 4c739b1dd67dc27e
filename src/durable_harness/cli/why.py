"""The command `why`: what an instance spent its time on, or waits for now."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from durable_harness.cli.parsed_values import above_zero
from durable_harness.cli.record import DEFAULT_HOST
from durable_harness.errors import UnreachableError, UsageError
from durable_harness.key_names import FUNCTION_KEY_VARIABLE
from durable_harness.network.base_urls import read_base_url
from durable_harness.terminal.colours import show
from durable_harness.terminal.help import add_command
from durable_harness.wording.foreign_text import shown_lines

if TYPE_CHECKING:
    from durable_harness.testing.requesting import HttpClient

TIMINGS_PATH = "/admin/durable-harness/timings"
ANSWER_TIMEOUT_S = 30.0


def add_why(commands: Any) -> None:
    """Add the command that explains an instance."""
    parser = add_command(
        commands,
        "why",
        "show where an instance spent its time, or what it waits for",
        "durable-harness why 5f0c2d --host http://localhost:7071",
    )
    parser.add_argument("instance", metavar="INSTANCE_ID")
    parser.add_argument("--host", default=DEFAULT_HOST, metavar="URL", help=f"the app (default: {DEFAULT_HOST})")
    parser.add_argument(
        "--function-key",
        default=os.environ.get(FUNCTION_KEY_VARIABLE),
        metavar="KEY",
        help=f"its master key, of a service that is not ours its system key (default: {FUNCTION_KEY_VARIABLE})",
    )
    parser.add_argument("--json", action="store_true", help="print the explanation as JSON")
    parser.add_argument(
        "--timeout",
        type=above_zero,
        default=ANSWER_TIMEOUT_S,
        metavar="SECONDS",
        help=f"for each answer (default: {ANSWER_TIMEOUT_S:g})",
    )
    parser.set_defaults(run=_why)


def _why(options: argparse.Namespace) -> None:
    from durable_harness.testing.requesting import HttpClient  # noqa: PLC0415 - other commands pay nothing
    from durable_harness.why import explain  # noqa: PLC0415 - same
    from durable_harness.why.text import as_lines  # noqa: PLC0415 - same

    client = HttpClient(read_base_url(options.host, "--host", DEFAULT_HOST), options.function_key, options.timeout)
    explained = explain(_document(client, options.instance))
    if options.json:
        print(json.dumps(explained.as_json(), indent=2, ensure_ascii=False))
    else:
        show(shown_lines("\n".join([*as_lines(explained), ""])))


def _document(client: HttpClient, instance_id: str) -> dict[str, Any]:
    """Return what a host of ours notes; of any other one what its durable HTTP API says."""
    status, document = _asked(client, f"{TIMINGS_PATH}?instance={quote(instance_id, safe='')}")
    if document is not None and "events" in document:
        return document
    if status in {401, 403}:
        raise UsageError(
            f"{client.base_url} refuses this key for {TIMINGS_PATH} ({status}). Give its master key by"
            f" --function-key or {FUNCTION_KEY_VARIABLE}."
        )
    return _from_webhook(client, instance_id)


def _from_webhook(client: HttpClient, instance_id: str) -> dict[str, Any]:
    from durable_harness.testing.webhook_client import Webhook  # noqa: PLC0415 - same
    from durable_harness.why.webhook_document import document_of  # noqa: PLC0415 - same

    webhook = Webhook(client)
    found = webhook.read(instance_id)
    if found is not None:
        return document_of(instance_id, found.status, found.history)
    if webhook.refusal is not None:
        raise UsageError(
            f"{client.base_url} refuses this key ({webhook.refusal}). Give its system key by --function-key or"
            f" {FUNCTION_KEY_VARIABLE}."
        )
    raise UsageError(
        f"{client.base_url} has no orchestration instance '{instance_id}'. It may have been purged, or it is of another"
        " task hub; --host names another app."
    )


def _asked(client: HttpClient, path: str) -> tuple[int, dict[str, Any] | None]:
    """Return the status of an answer and its JSON object, None without one. Raises UnreachableError without answer."""
    from durable_harness.operations import HttpResponse  # noqa: PLC0415 - same

    answer = client.request("GET", path)
    if not isinstance(answer, HttpResponse):
        raise UnreachableError(
            f"{client.base_url} does not answer: {answer.reason}\n"
            "  Start the app (durable-harness serve), or name it by --host."
        )
    return answer.status, answer.json_object() if answer.status == 200 else None  # noqa: PLR2004 - OK

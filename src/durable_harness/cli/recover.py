"""The command `recover`: what can be read of a damaged file, saved into a new one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from durable_harness.terminal.help import add_command

SHOWN_LEFT_OUT = 20


def add_recover(commands: Any) -> None:
    """Add the command to the parsers of `durable-harness`."""
    parser = add_command(
        commands,
        "recover",
        "copy what can be read of a damaged --data file into a new one",
        "durable-harness recover hub.db recovered.db",
    )
    parser.add_argument("damaged", type=Path, metavar="FILE", help="the damaged file; it is not changed")
    parser.add_argument("new", type=Path, metavar="NEW_FILE", help="a file that is not there yet, for --data")
    parser.set_defaults(run=_recover)


def _recover(options: argparse.Namespace) -> None:
    from durable_harness.scheduler.salvage import recover  # noqa: PLC0415 - other commands do not pay for it

    found = recover(options.damaged, options.new)
    print(
        f"Saved into {options.new}: {found.instances} instances ({found.under_way} under way),"
        f" {found.entities} entities, {found.operations} waiting entity operations, {found.lock_requests} waiting lock"
        " requests."
    )
    if found.problem is not None:
        print(
            f"The structure of {options.damaged} is damaged, so more may be missing than is named here: {found.problem}"
        )
    for line in _left_out(found.left_out, options.new.with_name(f"{options.new.name}.left-out.txt")):
        print(line)


def _left_out(lines: list[str], list_file: Path) -> list[str]:
    """Return what `recover` says it left out; a long list goes to a file."""
    if not lines:
        return ["Nothing was left out."]
    shown = [f"  {line}" for line in lines[:SHOWN_LEFT_OUT]]
    if len(lines) > SHOWN_LEFT_OUT:
        list_file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        shown.append(f"  and {len(lines) - SHOWN_LEFT_OUT} more: see {list_file}")
    return [f"Left out ({len(lines)}):", *shown]

"""The command line: one module for each command."""

from durable_harness.cli.command_line import main

__all__ = ["main"]

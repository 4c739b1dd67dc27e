"""Replaying recorded histories against today's code: does it still do what it did when they were recorded?"""

from durable_harness.replay.apps import ReplayedApp
from durable_harness.replay.history_replay import ReplayDifference, replay
from durable_harness.replay.replay_results import (
    DIFFERENT,
    OK,
    UNREADABLE,
    FileResult,
    as_json,
    history_files,
    replay_files,
    table,
)

__all__ = [
    "DIFFERENT",
    "OK",
    "UNREADABLE",
    "FileResult",
    "ReplayDifference",
    "ReplayedApp",
    "as_json",
    "history_files",
    "replay",
    "replay_files",
    "table",
]

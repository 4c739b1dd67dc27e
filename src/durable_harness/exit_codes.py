"""Every exit code of the commands. Errors, `--help` and the documentation take them from here."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """An exit code, with what it means in a few words (`meaning`) and in full (`detail`)."""

    DONE = 0, "done", "The command did what it was asked to, and every gate holds. Services end with it on a signal."
    FAILED = (
        1,
        "a gate failed (without gates: an operation), or the head is slower",
        (
            "A gate failed, the head is slower, or the capacity is too small. Without gates (`--gates none`): an"
            " operation or a request failed, as with Locust alone; Locust's `--exit-code-on-error` sets another code."
        ),
    )
    USAGE = (
        2,
        "usage or configuration",
        (
            "An option, a file or a setting is wrong, or the first operation before a load does not work. The message"
            " names the option, or the file and the key."
        ),
    )
    INVALID = (
        3,
        "the load run proves nothing, or the comparison cannot tell",
        (
            "No operation was started, a worker vanished, the generator did not keep up, or a comparison has too little"
            " data for an answer. A Locust worker ends with it when its master is gone."
        ),
    )
    UNREACHABLE = (
        4,
        "system under test or scheduler unreachable",
        "The system under test or its scheduler does not answer, or this machine lacks what a stack needs.",
    )
    APP_NOT_LOADED = (
        5,
        "the app does not load",
        (
            "The app does not import, its functions cannot be indexed, or its version of azure-functions-durable is not"
            " supported."
        ),
    )
    PORT_IN_USE = 6, "port in use", "Another process listens on the port. The message names it."
    DIFFERENT_HISTORY = (
        7,
        "a recorded history replays differently",
        "Today's orchestrator asks for something else than the recorded history has.",
    )
    DAMAGED_FILE = (
        8,
        "the file of a scheduler is damaged",
        "The file of `--data` is damaged. The message names it and what can be done.",
    )
    REPORT_MISSING = (
        9,
        "a report is missing",
        (
            "The command did what it was asked to, but a report, or what it printed, could not be written. The message"
            " names what is missing."
        ),
    )
    INTERRUPTED = (
        130,
        "interrupted by Ctrl-C",
        (
            "The command reports what was measured or done so far, and gives no verdict. Load runs end with it on"
            " SIGTERM too."
        ),
    )
    TERMINATED = 143, "interrupted by SIGTERM", "The same, by SIGTERM, which CI and containers send."

    meaning: str
    detail: str

    def __new__(cls, code: int, meaning: str, detail: str) -> ExitCode:  # noqa: PYI034 - an enum's members
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning, member.detail = meaning, detail
        return member


def help_text() -> str:
    """Return the codes as `--help` shows them, one on a line."""
    return "\n".join(["exit codes:", *(f"  {code.value:<4} {code.meaning}" for code in ExitCode)])

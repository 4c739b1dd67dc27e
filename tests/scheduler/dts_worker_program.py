"""A worker in a process of its own, to be killed: it writes what it begins to a file and hangs at a given place.

Arguments: address, task hub, the file, and "activity" or "orchestrator", where it shall hang, or "nowhere".
"""

import sys
import threading
from pathlib import Path

from durabletask.azuremanaged.worker import DurableTaskSchedulerWorker


def main(address, taskhub, diary, hang_in):
    """Run until killed."""

    def note(what):
        with Path(diary).open("a", encoding="utf-8") as file:
            file.write(f"{what}\n")

    def first(_ctx, _input):
        note("first")
        return 1

    def second(_ctx, _input):
        note("second")
        if hang_in == "activity":
            threading.Event().wait()
        return 2

    def job(ctx, _input):
        begun = yield ctx.call_activity(first)
        if hang_in == "orchestrator":
            note("orchestrator")
            threading.Event().wait()
        return begun + (yield ctx.call_activity(second))

    worker = DurableTaskSchedulerWorker(
        host_address=address, taskhub=taskhub, token_credential=None, secure_channel=False
    )
    worker.add_orchestrator(job)
    worker.add_activity(first)
    worker.add_activity(second)
    worker.start()
    note("ready")
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])

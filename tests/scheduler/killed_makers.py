"""Make stores again and again in processes that are killed at different moments, and use each file that is left.

Run as `python killed_makers.py FOLDER KILLS LATEST_MS`: the kills are spread evenly over the first LATEST_MS. It prints
how many different sets of files were left. It fails with the first error of a file that cannot be used.
"""

import os
import signal
import sys
import time
from pathlib import Path

from durable_harness.errors import HarnessError
from durable_harness.scheduler.storage.store import INSERT_TURN, Store


def kill_while_making(path, after_s):
    """Fork a process that makes a store, and kill it."""
    child = os.fork()
    if child == 0:
        Store(path)
        while True:
            signal.pause()
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def failure_of_the_next(path):
    """Return why the file cannot be used now, None if it can."""
    try:
        store = Store(path)
        store.write({INSERT_TURN: [(1, 1, b"turn")]})
        store.close()
    except HarnessError as error:
        return str(error)
    return None


def main():
    folder, kills, latest_ms = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    left = set()
    for number in range(kills):
        path = folder / f"{number}.db"
        kill_while_making(path, latest_ms / 1000 * number / kills)
        left.add(tuple(sorted(file.name.removeprefix(path.name) for file in folder.glob(f"{path.name}*"))))
        failure = failure_of_the_next(path)
        if failure is not None:
            sys.exit(failure)
    sys.stdout.write(f"{len(left)}\n")


if __name__ == "__main__":
    main()

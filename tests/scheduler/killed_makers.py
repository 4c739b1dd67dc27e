"""Make stores again and again in processes that are killed at different moments, and use each file that is left.

Run as `python killed_makers.py FOLDER KILLS`: the kills are spread evenly over the time that it takes to make a store
here. It prints how many different sets of files were left. It fails with the first error of a file that cannot be used.
"""

import os
import signal
import sys
import time
from pathlib import Path

from durable_harness.errors import HarnessError
from durable_harness.scheduler.storage.store import INSERT_TURN, Store

MEASURED = 5
BEYOND = 1.2
"""How far the last kill is behind the end of the making, as a factor: some stores are whole."""


def kill_while_making(path, after_s):
    """Fork a process that makes a store, and kill it after that time, or when the store is made if there is none.

    Returns the seconds from the fork to the kill.
    """
    is_made, made = os.pipe()
    began_s = time.monotonic()
    child = os.fork()
    if child == 0:
        Store(path)
        os.write(made, b".")
        while True:
            signal.pause()
    if after_s is None:
        os.read(is_made, 1)
    else:
        time.sleep(after_s)
    took_s = time.monotonic() - began_s
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(is_made)
    os.close(made)
    return took_s


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
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    latest_s = BEYOND * max(kill_while_making(folder / f"measured-{number}.db", None) for number in range(MEASURED))
    left = set()
    for number in range(kills):
        path = folder / f"{number}.db"
        kill_while_making(path, latest_s * number / kills)
        left.add(tuple(sorted(file.name.removeprefix(path.name) for file in folder.glob(f"{path.name}*"))))
        failure = failure_of_the_next(path)
        if failure is not None:
            sys.exit(failure)
    sys.stdout.write(f"{len(left)}\n")


if __name__ == "__main__":
    main()

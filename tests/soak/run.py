"""A soak: two systems under an open workload of mixed kinds while all sorts of trouble come, for half an hour.

    python tests/soak/run.py [--minutes 30] [--rate 100] [--without TROUBLE]

Exit codes: 0 if nothing that was accepted was lost, changed or counted twice, nothing that was refused ran, and memory
stayed flat in the last third, in which no process is killed; 1 if one of these failed; 2 for usage; 130 if it was
interrupted. What cannot be done on this machine is left out, and the output gives the reason. The figures are also in
build/soak/soak.json.
"""

import argparse
import asyncio
import json
import shutil
import signal
import sys
import time
from pathlib import Path

import troubles
from results import result_of, text_of
from running import Soak

TROUBLES = ("clock", "disk", "kills", "hostile")


def main():
    options = parse()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    left_out = what_to_leave_out(options.without)
    for name, why in left_out.items():
        log(f"without {name}: {why}")
    shutil.rmtree(options.output, ignore_errors=True)
    options.output.mkdir(parents=True)
    soak = Soak(options, left_out, log)
    try:
        asyncio.run(soak.run())
    except KeyboardInterrupt:
        log("INTERRUPTED: nothing is known of what was under way")
        return 130
    result = result_of(soak)
    (options.output / "soak.json").write_text(json.dumps(result, indent=2))
    log(text_of(result))
    return 0 if result["passed"] else 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="how long operations arrive (default: 30)")
    parser.add_argument("--rate", type=float, default=100.0, help="operations a second (default: 100)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="seed of the troubles (default: the time)")
    parser.add_argument("--without", action="append", default=[], choices=TROUBLES, help="leave a trouble out")
    parser.add_argument("--output", type=Path, default=Path("build/soak"), help="folder of the result and the logs")
    return parser.parse_args()


def what_to_leave_out(unwanted):
    """Return the troubles that do not come, each with the reason."""
    left_out = dict.fromkeys(unwanted, "left out by option")
    if not troubles.may_mount():
        left_out.setdefault("disk", "only root can mount a small disk")
    return left_out


def log(line):
    """Print a line at once, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

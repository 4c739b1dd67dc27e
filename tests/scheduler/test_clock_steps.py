"""A real process whose wall clock is set by a day while orchestrations wait."""

from pathlib import Path

import pytest
import requests
from dts_helpers import until

from durable_harness.stack import embedded_stack

APP = Path(__file__).parents[1] / "apps" / "waiting"
WEBHOOKS = "/runtime/webhooks/durabletask"
DAY_S = 24 * 3600
FOLDERS = ("/usr/lib", "/usr/local/lib", "/usr/lib64")


def libfaketime():
    found = [path for folder in FOLDERS for path in Path(folder).glob("**/faketime/libfaketimeMT.so.1")]
    return next(iter(found), None)


@pytest.mark.skipif(libfaketime() is None, reason="sets the wall clock of a process: install faketime (apt) to run it")
@pytest.mark.parametrize("step", ["-1d", "+1d"])
def test_steps_of_the_wall_clock_do_not_move_timers(tmp_path, step):
    """Timers of seconds, set before and after a step of a day, fire; one of an hour waits and holds up no others."""
    stamp = tmp_path / "stamp"
    stamp.write_text("+0")
    environment = {
        "LD_PRELOAD": str(libfaketime()),
        "FAKETIME_TIMESTAMP_FILE": str(stamp),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with embedded_stack(APP, environment=environment) as stack:
        url = stack.base_url + WEBHOOKS

        def begin(name, seconds):
            answer = requests.post(f"{url}/orchestrators/naps/{name}", json={"days": seconds / DAY_S}, timeout=30)
            assert answer.status_code == 202

        def status(name):
            return requests.get(f"{url}/instances/{name}", timeout=30).json()

        def seen_waiting(names):
            """Begin naps of two seconds until one is seen while it lasts: a busy machine may look too late."""
            for name in names:
                begin(name, 2)
                until(lambda name=name: status(name)["runtimeStatus"] != "Pending")
                if status(name)["runtimeStatus"] == "Running":
                    return name
            pytest.fail("no nap of two seconds was seen while it lasted")

        begin("hour", 3600)
        before = seen_waiting(["before", "before2", "before3", "before4"])
        stamp.write_text(step)
        begin("after", 1)
        until(lambda: status(before)["runtimeStatus"] == "Completed")
        until(lambda: status("after")["runtimeStatus"] == "Completed")
        assert status("hour")["runtimeStatus"] == "Running"
        later = status("after")["createdTime"] > status(before)["createdTime"]
        assert later is (step == "+1d")

"""A scenario whose workers are set up late: whatever the master sends at the beginning of a run is there before."""

import gevent
from locust import events
from locust.runners import WorkerRunner


# Before durable_harness is imported, which listens to the same event: listeners are called in this order.
@events.init.add_listener
def wait_for_the_run(environment, **_):
    """Keep `init` from further listeners until Locust was asked to spawn users, which follows the arrivals."""
    while isinstance(environment.runner, WorkerRunner) and not hasattr(environment.parsed_options, "harness_run_id"):
        gevent.sleep(0.01)


from durable_harness.load import ArrivalUser  # noqa: E402 - see above


class Late(ArrivalUser):
    """Arrives as the options specify."""

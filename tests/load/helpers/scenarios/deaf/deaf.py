"""A scenario whose workers never hear that a run begins."""

from locust import events
from locust.event import EventHook
from locust.runners import WorkerRunner

from durable_harness.load import ArrivalUser


@events.init.add_listener
def forget_who_listens(environment, **_):
    """Take away whatever listens to the beginning of a run."""
    if isinstance(environment.runner, WorkerRunner):
        environment.events.test_start = EventHook()


class Deaf(ArrivalUser):
    """Arrives as the options specify."""

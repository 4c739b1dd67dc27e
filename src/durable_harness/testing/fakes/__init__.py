"""Fakes in place of the app's functions: the `durable_activities` fixture."""

from durable_harness.testing.fakes.durable_activities import DurableActivities, activities_of
from durable_harness.testing.fakes.fake_answers import HttpAnswer
from durable_harness.testing.fakes.recorded_fake import Fake, FakeCall

__all__ = ["DurableActivities", "Fake", "FakeCall", "HttpAnswer", "activities_of"]

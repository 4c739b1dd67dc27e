"""The generator watches itself: a run in which it was the bottleneck measures the generator, and proves nothing."""

from durable_harness.load.watch.bounds import Bounds, invalid_reasons
from durable_harness.load.watch.generator_figures import GeneratorFigures, merged_figures
from durable_harness.load.watch.heart import Heart
from durable_harness.load.watch.usage_sampling import UsageWatch

__all__ = ["Bounds", "GeneratorFigures", "Heart", "UsageWatch", "invalid_reasons", "merged_figures"]

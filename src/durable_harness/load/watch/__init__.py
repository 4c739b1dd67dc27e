"""The generator watches itself: a run in which it was the bottleneck measures the generator, and proves nothing."""

from durable_harness.load.watch.bounds import Bounds, invalid_reasons
from durable_harness.load.watch.figures import GeneratorFigures, merged_figures
from durable_harness.load.watch.heart import Heart

__all__ = ["Bounds", "GeneratorFigures", "Heart", "invalid_reasons", "merged_figures"]

"""What an orchestration spent its time on: the critical path through its history and the notes of scheduler and host.

Pure functions over the document that `GET /admin/durable-harness/timings` answers with, or that a history of any other
service is turned into. Nothing here asks, measures or guesses: what the document does not have is not known.
"""

from durable_harness.why.explanation import Explanation, explain
from durable_harness.why.segments import LABELS, Part, Segment
from durable_harness.why.waiting import waiting_for

__all__ = ["LABELS", "Explanation", "Part", "Segment", "explain", "waiting_for"]

"""What the fields of the JSON reports and the columns of the records mean: the documentation is made from these tables.

A path names a field: `operations.completed`, `gates[].limit` for those of each item of a list. A field whose own fields
are not listed is described as a whole. Fields of files that only differ in their names have one entry.
"""

from durable_harness.report_fields.experiments import CAPACITY, COMPARISON, SELF_CHECK, TREND
from durable_harness.report_fields.load_run_fields import OPERATIONS, SUMMARY

__all__ = ["CAPACITY", "COMPARISON", "OPERATIONS", "SELF_CHECK", "SUMMARY", "TREND"]

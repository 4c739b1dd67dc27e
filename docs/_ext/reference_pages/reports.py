"""The fields of the JSON reports and the columns of the records, from `durable_harness.report_fields`."""

from durable_harness import report_fields
from durable_harness.gate.records import SCHEMA
from reference_pages.markdown import plain, table

DOCUMENTS = (
    ("summary.json", "of a load run", report_fields.SUMMARY),
    ("comparison.json", "of `ab` and `compare`", report_fields.COMPARISON),
    ("capacity.json", "of `capacity`", report_fields.CAPACITY),
    ("self-check.json", "of `ab --aa`", report_fields.SELF_CHECK),
    ("trend.json", "of `trend`", report_fields.TREND),
)


def write() -> str:
    """Return a table for each file."""
    return "\n\n".join([*(_document(*one) for one in DOCUMENTS), _records()])


def _document(name: str, whose: str, fields: dict[str, str]) -> str:
    rows = [(f"`{path}`", plain(meaning)) for path, meaning in fields.items()]
    return f"## {name}\n\nThe report {whose}.\n\n{table(('Field', 'Meaning'), rows)}"


def _records() -> str:
    rows = [(f"`{field.name}`", f"{field.type}", plain(report_fields.OPERATIONS[field.name])) for field in SCHEMA]
    about = (
        "A load run's records: a row for each operation. Columns in `_s` are seconds since the epoch; null is unknown."
    )
    return f"## operations/*.parquet\n\n{about}\n\n{table(('Column', 'Type', 'Meaning'), rows)}"

"""`python -m durable_harness`."""

import os

if "COVERAGE_PROCESS_CONFIG" in os.environ:  # not every installation of coverage sees to it at Python's start
    import coverage

    coverage.process_startup()

from durable_harness.cli import main

raise SystemExit(main())

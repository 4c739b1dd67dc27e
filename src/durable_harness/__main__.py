"""`python -m durable_harness`."""

from durable_harness.cli import main

raise SystemExit(main())

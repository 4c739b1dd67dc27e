"""What the command line needs before it knows which command is asked for."""

import subprocess
import sys

HEAVY = ("numpy", "hdrh", "pyarrow", "gevent", "locust", "grpc", "aiohttp")


def test_the_command_line_starts_without_optional_packages():
    """`serve` and `scheduler` run where only the base package is installed: no import of an extra comes before them."""
    code = (
        "import sys; from durable_harness.cli.command_line import make_parser; make_parser();"
        f" print([n for n in {HEAVY} if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

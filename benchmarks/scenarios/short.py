"""Operations that arrive evenly and ask for the work that the options specify; nothing else."""

from typing import Any

from durable_harness.load import ArrivalUser


class Short(ArrivalUser):
    def check_output(self, sent: Any, output: Any) -> None:  # noqa: ARG002 - the server of the benchmark has none
        return None

"""Operations that arrive evenly and ask for the work that the options say; nothing else."""

from durable_harness.load import ArrivalUser


class Short(ArrivalUser):
    pass

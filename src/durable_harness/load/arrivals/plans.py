"""When the operations of an open workload arrive, without waiting for earlier ones: rate profiles and their spacing.

    Paced(RateProfile.constant(12))                       every 1/12 s
    Paced(RateProfile.constant(12), poisson=True)         12 a second on average, independent of each other
    Paced(RateProfile.ramp(1, 50, over_s=60))             ever faster for a minute
    Paced(RateProfile.steps([10, 20, 40], each_s=30))     a staircase
    Paced(RateProfile.spike(5, 40, after_s=15, lasting_s=5))
    Batches(30, every_s=15)                               30 at the same moment
    Replayed((0.0, 0.4, 0.41))                            as they once came

The same profile and the same seed give the same arrivals, in any process.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random


class ArrivalProcess(ABC):
    """A sequence of moments that depends on nothing but a seed. Subclass it for arrivals of your own.

        class Hourly(ArrivalProcess):
            def times_s(self, random):
                return itertools.count(0.0, 3600.0)

    `ArrivalUser.arrivals` returns one.
    """

    @abstractmethod
    def times_s(self, random: Random) -> Iterator[float]:
        """Yield the moments of arrivals; some processes never end.

        Args:
            random: the only source of chance, seeded with `--seed`.

        Yields:
            Seconds since the run began, in ascending order.
        """


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a profile: a rate that changes evenly from one value to another.

    Attributes:
        from_rate: arrivals per second at its beginning.
        to_rate: arrivals per second at its end.
        length_s: how many seconds it lasts; infinite if not given.
    """

    from_rate: float
    to_rate: float
    length_s: float = math.inf

    @property
    def arrivals(self) -> float:
        """How many arrivals it has on average."""
        mean = (self.from_rate + self.to_rate) / 2
        return mean * self.length_s if mean else 0.0

    def time_of(self, count: float) -> float:
        """Return after how many of its seconds it has had a number of arrivals on average.

        Args:
            count: the number of arrivals.
        """
        slope = 0.0 if math.isinf(self.length_s) else (self.to_rate - self.from_rate) / self.length_s
        root = math.sqrt(max(0.0, self.from_rate**2 + 2 * slope * count))
        # This form of the quadratic's solution is exact for a flat piece too.
        return 2 * count / (self.from_rate + root) if count else 0.0


@dataclass(frozen=True, slots=True)
class RateProfile:
    """Arrivals per second over time, made of pieces that follow each other. After the last one nothing arrives.

        RateProfile.ramp(1, 50, over_s=60)
        RateProfile((Piece(5, 5, 30), Piece(20, 20, 30)))  # ends after 60 s

    `constant`, `ramp`, `steps` and `spike` make the usual profiles.
    """

    pieces: tuple[Piece, ...]

    @classmethod
    def constant(cls, rate: float) -> RateProfile:
        """Return a profile with one rate that does not end.

        Args:
            rate: arrivals per second.
        """
        return cls((Piece(rate, rate),))

    @classmethod
    def ramp(cls, from_rate: float, to_rate: float, over_s: float) -> RateProfile:
        """Return a profile that changes evenly from one rate to another, which then stays.

        Args:
            from_rate: arrivals per second at the beginning.
            to_rate: arrivals per second from `over_s` on.
            over_s: seconds from the one to the other.
        """
        return cls((Piece(from_rate, to_rate, over_s), Piece(to_rate, to_rate)))

    @classmethod
    def steps(cls, rates: Sequence[float], each_s: float) -> RateProfile:
        """Return a profile with one rate after the other; the last one stays.

        Args:
            rates: arrivals per second.
            each_s: seconds that each of them lasts.
        """
        held = [Piece(rate, rate, each_s) for rate in rates[:-1]]
        return cls((*held, Piece(rates[-1], rates[-1])))

    @classmethod
    def spike(cls, base: float, peak: float, after_s: float, lasting_s: float) -> RateProfile:
        """Return a profile whose rate jumps to a peak for a while, and then returns to what it was.

        Args:
            base: arrivals per second before and after the peak.
            peak: arrivals per second in it.
            after_s: seconds until it begins.
            lasting_s: seconds that it lasts.
        """
        return cls((Piece(base, base, after_s), Piece(peak, peak, lasting_s), Piece(base, base)))

    def time_of(self, count: float) -> float | None:
        """Return after how many seconds a number of arrivals have come on average; None if there never are that many.

        Args:
            count: the number of arrivals.
        """
        began_s = 0.0
        for piece in self.pieces:
            # A piece of n arrivals has those counted 0 to n - 1: the next piece begins with its own first one.
            if count < piece.arrivals:
                return began_s + piece.time_of(count)
            count -= piece.arrivals
            began_s += piece.length_s
        return None

    def __str__(self) -> str:
        return ",".join(_written(piece) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Paced(ArrivalProcess):
    """Arrivals at the rates of a profile.

    Attributes:
        profile: the rates.
        poisson: whether gaps are random, as between arrivals of independent people, rather than even.
    """

    profile: RateProfile
    poisson: bool = False

    def times_s(self, random: Random) -> Iterator[float]:
        gaps = (
            iter(lambda: random.expovariate(1.0), None) if self.poisson else itertools.chain([0], itertools.repeat(1))
        )
        for count in itertools.accumulate(gaps):
            time_s = self.profile.time_of(count)
            if time_s is None:
                return
            yield time_s


@dataclass(frozen=True, slots=True)
class Batches(ArrivalProcess):
    """Many arrivals at the same moment, at the beginning of the run and then at even intervals.

    Attributes:
        size: how many arrive at once.
        every_s: seconds from one batch to the next.
    """

    size: int
    every_s: float

    def times_s(self, random: Random) -> Iterator[float]:  # noqa: ARG002 - nothing is left to chance
        for batch in itertools.count():
            yield from itertools.repeat(batch * self.every_s, self.size)


@dataclass(frozen=True, slots=True)
class Replayed(ArrivalProcess):
    """Arrivals at given moments; `read_arrivals` reads them from a file or from an earlier run.

    Attributes:
        moments_s: seconds since the run began, in ascending order.
    """

    moments_s: tuple[float, ...]

    def times_s(self, random: Random) -> Iterator[float]:  # noqa: ARG002 - nothing is left to chance
        return iter(self.moments_s)


def read_profile(text: str) -> RateProfile:
    """Read `12`, `5..50/60` or `5/15,40/5,5`: rates per second and, after a slash, how many seconds they last.

    The last rate needs no seconds, and then does not end.

    Raises:
        ValueError: the text is not such a profile. The message shows what is expected.
    """
    parts = str(text).split(",")
    pieces = tuple(_read_piece(part.strip(), is_last=place == len(parts)) for place, part in enumerate(parts, 1))
    if not any(piece.arrivals for piece in pieces):
        raise ValueError(f"got '{text}', expected a rate above 0 somewhere")
    last = pieces[-1]
    if last.from_rate != last.to_rate:
        return RateProfile((*pieces, Piece(last.to_rate, last.to_rate)))
    return RateProfile(pieces)


FORMS = "operations per second like 12, 5..50/60 (a ramp of 60 s) or 5/15,40/5,5 (15 s of 5, 5 s of 40, then 5)"


def _read_piece(text: str, *, is_last: bool) -> Piece:
    rates, slash, length = text.partition("/")
    low, dots, high = rates.partition("..")
    try:
        piece = Piece(float(low), float(high if dots else low), float(length) if slash else math.inf)
    except ValueError:
        raise ValueError(f"got '{text}', expected {FORMS}") from None
    values = (piece.from_rate, piece.to_rate, piece.length_s if slash else 1.0)
    if not all(math.isfinite(value) and value >= 0 for value in values) or values[2] == 0:
        raise ValueError(f"got '{text}', expected {FORMS}")
    if not slash and (dots or not is_last):
        raise ValueError(f"got '{text}', expected its seconds after a slash: only the last rate may have no end")
    return piece


def _written(piece: Piece) -> str:
    rate = f"{piece.from_rate:g}"
    rate += "" if piece.to_rate == piece.from_rate else f"..{piece.to_rate:g}"
    return rate if math.isinf(piece.length_s) else f"{rate}/{piece.length_s:g}"

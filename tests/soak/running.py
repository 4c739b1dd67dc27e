"""One soak: systems, clients and troubles together, from the first arrival until all has ended."""

import asyncio
import contextlib
import os
import random
from collections import Counter

import aiohttp
import troubles
from clients import WEBHOOKS, Client, arrive
from systems import System, clock_environment

DISK_MB = 512
READY_S = 60
SETTLES_S = 180
CANCELLED_S = 30
SAMPLE_S = 2
PROGRESS_S = 60
WHOLE_MINUTES = 30
MEAN_S = {"clock": 20.0, "disk": 40.0, "kills": 10.0}
"""The mean time between two troubles of a kind in a soak of 30 minutes; in a shorter one it is shorter."""
MOST_HASTE = 0.1
SHOWN_IN_FLIGHT = 100


class Soak:
    """What runs and what is known of it. `seconds` has the times when the arrivals ended and when the kills did."""

    def __init__(self, options, left_out, log):
        self.options, self.left_out = options, left_out
        self.counts, self.seconds, self.exits = Counter(), {}, {}
        self.systems, self.clients = [], []
        self._log = log
        self._chance = random.Random(options.seed)
        self._offset_file = (options.output / "clock-offset").resolve()
        self._began = 0.0

    async def run(self):
        """Run everything; whatever happens, no process and no disk is left behind."""
        self._began = asyncio.get_running_loop().time()
        with contextlib.ExitStack() as opened:
            self._start(opened)
            timeout, connector = aiohttp.ClientTimeout(total=30), aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
                self.clients = [Client(system, session) for system in self.systems]
                for system in self.systems:
                    await _ready(system, session)
                await self._load()
                for client in self.clients:
                    await client.check_what_is_left()
            self.exits = {victim.name: victim.end() for system in self.systems for victim in system.victims}

    def _start(self, opened):
        folder, env = self.options.output, dict(os.environ)
        if "clock" not in self.left_out:
            self._offset_file.write_text("+0\n")
            env |= clock_environment(self._offset_file)
        for name, is_split in (("one process", False), ("two processes", True)):
            disk = opened.enter_context(self._disk(folder / f"{name}-disk"))
            self.systems.append(System(name, folder, disk, env, is_split=is_split))
        opened.callback(self._end)

    def _disk(self, path):
        if "disk" not in self.left_out:
            return troubles.SmallDisk(path, DISK_MB)
        path.mkdir()
        return contextlib.nullcontext(path)

    def _end(self):
        for system in self.systems:
            for victim in system.victims:
                if victim.process.poll() is None:
                    victim.process.kill()
                    victim.process.wait()

    async def _load(self):
        """Start the operations while the troubles happen, then wait for their ends."""
        background = [asyncio.ensure_future(run) for run in (self._sample(), self._report(), self._revive())]
        under_way = [asyncio.ensure_future(run) for run in self._troubles()]
        operations = await arrive(self.clients, self.options.rate, 60 * self.options.minutes)
        self.seconds["arrivals"] = self._now()
        await _cancel(under_way)
        if operations:
            await asyncio.wait(operations, timeout=SETTLES_S)
        for client in self.clients:
            for instance_id in list(client.ledger.in_flight)[:SHOWN_IN_FLIGHT]:
                client.ledger.note(f"{instance_id} did not end within {SETTLES_S} s after the last trouble")
        await _cancel([*background, *operations])

    def _troubles(self):
        quiet_from_s = 60 * self.options.minutes * 2 / 3
        self.seconds["quiet_from"] = self._now() + quiet_from_s
        pace = min(1.0, max(MOST_HASTE, self.options.minutes / WHOLE_MINUTES))
        mean_s = {name: pace * seconds for name, seconds in MEAN_S.items()}
        runs = {
            "kills": troubles.kill(self.systems, self._chance, quiet_from_s, mean_s["kills"], self.counts),
            "clock": troubles.step_the_clock(self._offset_file, self._chance, mean_s["clock"], self.counts),
            "disk": troubles.fill_disks(self.systems, self._chance, mean_s["disk"], self.counts),
            "hostile": troubles.Hostile(self.systems, self._chance, self.counts).run(),
        }
        for name in self.left_out:
            runs.pop(name).close()
        return list(runs.values())

    def _now(self):
        return asyncio.get_running_loop().time() - self._began

    async def _sample(self):
        while True:
            for system in self.systems:
                for victim in system.victims:
                    victim.sample(self._now())
            await asyncio.sleep(SAMPLE_S)

    async def _revive(self):
        """Start again whatever ended by itself."""
        while True:
            await asyncio.sleep(0.5)
            for system in self.systems:
                self.counts["ended by itself"] += sum(victim.revive() for victim in system.victims)

    async def _report(self):
        while True:
            await asyncio.sleep(PROGRESS_S)
            ledgers = [client.ledger for client in self.clients]
            self._log(
                f"{self._now() / 60:4.0f} min: {sum(ledger.counts['ended'] for ledger in ledgers):,} ended, "
                f"{sum(len(ledger.in_flight) for ledger in ledgers)} in flight, {self.counts['kills']} kills, "
                f"{self.counts['clock steps']} clock steps, {self.counts['disks filled']} disks filled, "
                f"{sum(ledger.counts['problems'] for ledger in ledgers)} problems"
            )


async def _cancel(tasks):
    """Cancel tasks; raise what one of them raised, or the name of one that does not end."""
    for task in tasks:
        task.cancel()
    if not tasks:
        return
    ended, unended = await asyncio.wait(tasks, timeout=CANCELLED_S)
    if unended:
        raise TimeoutError(f"{len(unended)} tasks do not end {CANCELLED_S} s after their cancellation: {unended}")
    for task in ended:
        if not task.cancelled():
            task.result()


async def _ready(system, session):
    async with asyncio.timeout(READY_S):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{system.base_url}{WEBHOOKS}/instances?top=1") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.2)

"""What happens to the systems meanwhile: kills, steps of the clock, a full disk, clients that mean harm."""

import asyncio
import contextlib
import errno
import os
import subprocess

STEPS_S = (86_400, -86_400, 3_600, -3_600, 0, 7 * 86_400, -30, 30)
FULL_S = (2.0, 8.0)
BLOCK = bytes(1 << 20)


async def kill(systems, chance, until_s, mean_s, counts):
    """Kill a process of a system at random moments; none after `until_s`, so that memory can be watched."""
    loop = asyncio.get_running_loop()
    end = loop.time() + until_s
    victims = [victim for system in systems for victim in system.victims]
    while True:
        await asyncio.sleep(chance.expovariate(1 / mean_s))
        if loop.time() > end:
            return
        await asyncio.to_thread(chance.choice(victims).kill)
        counts["kills"] += 1


async def step_the_clock(offset_file, chance, mean_s, counts):
    """Set the wall clock of all processes back or ahead, by up to a week."""
    while True:
        await asyncio.sleep(chance.expovariate(1 / mean_s))
        offset_file.write_text(f"{chance.choice(STEPS_S)}\n")
        counts["clock steps"] += 1


async def fill_disks(systems, chance, mean_s, counts):
    """Fill the disk of a system, and free it after some seconds."""
    while True:
        await asyncio.sleep(chance.expovariate(1 / mean_s))
        filler = chance.choice(systems).disk / "filler"
        try:
            await asyncio.to_thread(_fill, filler)
            counts["disks filled"] += 1
            await asyncio.sleep(chance.uniform(*FULL_S))
        finally:
            filler.unlink(missing_ok=True)


def _fill(path):
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(BLOCK)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


class SmallDisk:
    """A file system in memory of a certain size, which only root can mount."""

    def __init__(self, path, size_mb):
        self.path, self._size_mb = path, size_mb

    def __enter__(self):
        self.path.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self._size_mb}m", "tmpfs", str(self.path)]
        subprocess.run(command, check=True)
        return self.path

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)


def may_mount():
    return os.geteuid() == 0


class Hostile:
    """Clients that mean harm, on every port of the systems. None of their calls names an operation of ours."""

    def __init__(self, systems, chance, counts):
        self._ports = [port for system in systems for port in system.ports.values()]
        self._http = [system.ports["http"] for system in systems]
        self._chance, self._counts = chance, counts

    async def run(self):
        """Attack until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self._noise, 0.2))
            group.create_task(self._repeat(self._odd_request, 0.05))
            for _ in range(20):
                group.create_task(self._repeat(self._slow, 1.0))

    async def _repeat(self, attack, pause_s):
        while True:
            # Refused or cut off, as these clients deserve; a process that was just killed refuses them too.
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                await attack()
            await asyncio.sleep(self._chance.uniform(0, 2 * pause_s))

    async def _noise(self):
        """Send bytes that are no request."""
        async with self._connected(self._chance.choice(self._ports)) as (_, writer):
            writer.write(self._chance.randbytes(self._chance.choice([1, 100, 10_000, 200_000])))
            await writer.drain()
            self._counts["noise"] += 1

    async def _slow(self):
        """Send a request a byte at a time, then leave in the middle of it."""
        async with self._connected(self._chance.choice(self._ports)) as (_, writer):
            for byte in b"POST /runtime/webhooks/durabletask/orchestrators/events HTTP/1.1\r\nHost: x\r\n":
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(self._chance.uniform(0, 0.5))
            self._counts["slow"] += 1

    async def _odd_request(self):
        """Send a whole request that must be refused, and read its answer."""
        method, path, headers, body = self._chance.choice(ODD)
        async with self._connected(self._chance.choice(self._http)) as (reader, writer):
            lines = [
                f"{method} {path} HTTP/1.1",
                "Host: 127.0.0.1",
                f"Content-Length: {len(body)}",
                "Connection: close",
            ]
            head = "\r\n".join([*lines, *headers, "", ""]).encode("latin-1")
            writer.write(head + body)
            await writer.drain()
            async with asyncio.timeout(30):
                answer = await reader.read()
            status = answer[9:12].decode("latin-1")
            self._counts[f"odd {status or 'cut off'}"] += 1
            if status == "500":
                self._counts[f"odd 500 of {method} {path[:80]}"] += 1

    @contextlib.asynccontextmanager
    async def _connected(self, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


BASE = "/runtime/webhooks/durabletask"
ODD_ID = "odd"
ODD = (
    ("POST", f"{BASE}/orchestrators/no_such/{ODD_ID}", [], b"{}"),
    ("POST", f"{BASE}/orchestrators/activities/{ODD_ID}", [], b"[" * 5000),
    ("POST", f"{BASE}/orchestrators/activities/{ODD_ID}", [], b'{"a": '),
    ("POST", f"{BASE}/orchestrators/activities/{ODD_ID}", ["Content-Encoding: gzip"], b"\x1f\x8b" + bytes(1000)),
    ("POST", f"{BASE}/orchestrators/activities/{ODD_ID}?timeout=nan&pollingInterval=1", [], b"1"),
    ("POST", f"{BASE}/orchestrators/activities/{'x' * 2000}", [], b"1"),
    ("POST", f"{BASE}/orchestrators/activities/{ODD_ID}", [], b'"' + b"x" * 3_000_000 + b'"'),
    ("POST", f"{BASE}/instances/no-such/raiseEvent/%00", [], b"1"),
    ("POST", f"{BASE}/instances/%ff%fe/terminate?reason=%00", [], b""),
    ("GET", f"{BASE}/instances?top=-1", [], b""),
    ("GET", f"{BASE}/instances?createdTimeFrom=tomorrow", [], b""),
    ("GET", f"{BASE}/instances", ["x-ms-continuation-token: !!!"], b""),
    ("GET", f"{BASE}/entities/%40/%40", [], b""),
    ("BREW", "/", [], b""),
    ("GET", "/" + "%2e%2e/" * 200 + "etc/passwd", [], b""),
    ("GET", "/", ["X: " + "y" * 60_000], b""),
)

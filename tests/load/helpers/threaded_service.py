"""A small HTTP service on a free port, from a thread of its own; each kind has its own answers."""

import asyncio
import threading

from aiohttp import web


class ThreadedService:
    """Serves what `add_routes` adds, from the end of `__init__` until `close`."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    def add_routes(self, router):
        """Add the routes that the service answers."""
        raise NotImplementedError

    async def _open(self):
        app = web.Application()
        self.add_routes(app.router)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"

    def close(self):
        """Serve nothing any longer."""
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

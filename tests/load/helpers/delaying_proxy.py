"""A proxy of TCP that keeps every piece of both directions for a while, as a long way does."""

import asyncio
import contextlib
import threading


class DelayingProxy:
    """Listens on a free port of the loopback and passes everything on to a server, `delay_s` later, until closed."""

    def __init__(self, server_port, delay_s):
        self._server_port, self._delay_s = server_port, delay_s
        self._writers = []
        self._loop = asyncio.new_event_loop()
        self._listening = self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port = self._listening.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def close(self):
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _end(self):
        self._listening.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)
        await self._listening.wait_closed()

    async def _connected(self, reader, writer):
        self._writers.append(writer)
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._writers.append(there_writer)
        await asyncio.gather(self._pass_on(reader, there_writer), self._pass_on(there_reader, writer))

    async def _pass_on(self, reader, writer):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                self._loop.call_later(self._delay_s, writer.write, data)
            await asyncio.sleep(self._delay_s)
        writer.close()

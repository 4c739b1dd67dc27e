"""Responses with the headers that they were given, and no other content type.

aiohttp adds `application/octet-stream` in a private method, and has no public way to leave it out. Nothing else of the
host overrides a private name of aiohttp.
"""

from __future__ import annotations

from aiohttp import web


class UntypedStream(web.StreamResponse):
    """A streamed response to which aiohttp adds no content type."""

    async def _prepare_headers(self) -> None:
        has_type = "Content-Type" in self.headers
        await super()._prepare_headers()
        if not has_type:
            self.headers.pop("Content-Type", None)


class UntypedResponse(UntypedStream, web.Response):
    """A response with a whole body to which aiohttp adds no content type."""

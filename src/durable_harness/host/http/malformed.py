"""Requests that a web server refuses before anything reads them, as Kestrel does in Azure: 400, whatever the route."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import web

from durable_harness.redirects import DEFAULT_PORTS

HOST = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=-]*(:\d{0,5})?|\[[0-9A-Fa-f:.]+\](:\d{0,5})?")
NUL = re.compile("%00|\x00")
HALF_OF_PAIR = re.compile("[\ud800-\udfff]")
"""aiohttp keeps bytes that are no UTF-8 as halves of surrogate pairs, which nothing that follows can encode."""


def problem_of(request: web.BaseRequest) -> str:
    """Return what is wrong with a request's line or headers, "" if nothing is."""
    target = request.raw_path
    if not target.isascii() or NUL.search(target.partition("?")[0]):
        return "The URL must be ASCII, other characters percent-encoded, without NUL in its path."
    headers = "".join(part for header in request.headers.items() for part in header)
    if not headers.isascii() and HALF_OF_PAIR.search(headers):
        return "A header is not UTF-8 text."
    hosts = request.headers.getall("Host", ())
    if len(hosts) > 1 or not all(HOST.fullmatch(host) for host in hosts):
        return "The Host header must be one host name or address, with a port or without."
    if not target.startswith("/") and not _is_own(target, hosts):
        return "The request line names a URL of another host than the Host header does."
    return ""


def _is_own(target: str, hosts: Sequence[str]) -> bool:
    """Whether the target of a request line is one for all (`*`) or a whole URL of the host that was asked for."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    return target == "*" or (
        parts.scheme in DEFAULT_PORTS and [parts.netloc.lower()] == [host.lower() for host in hosts]
    )

"""Whose requests an endpoint of this machine answers, by the headers that browsers send and scripts cannot forge.

Any page that a user visits can send requests to this machine: simple ones unasked (a form's POST, an image's GET) and,
once the page's own name has been pointed at 127.0.0.1 (DNS rebinding), any at all, answers included. The browser then
names the page's site in `Origin` or `Sec-Fetch-Site`, and always names in `Host` what it was asked for. So a request
that another site caused is refused, and so is one whose `Host` is a name that a stranger could have pointed here.
Programs send no `Origin` and use names of this machine or of its network.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import socket
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from durable_harness.wording.foreign_text import shown

HOSTS_VARIABLE = "DURABLE_HARNESS_ALLOWED_HOSTS"
PRIVATE_DOMAINS = frozenset({"localhost", "local", "internal", "svc", "test"})
"""Last labels that public DNS does not serve: mDNS, `host.docker.internal`, services of a cluster, names of tests."""

Handler = Callable[[web.BaseRequest], Coroutine[Any, Any, web.StreamResponse]]


def programs_only(handler: Handler) -> Handler:
    """Answer programs on this machine; refuse every browser with 403, and every name that is not the loopback's."""

    async def guarded(request: web.BaseRequest) -> web.StreamResponse:
        for host in request.headers.getall("Host", ()):
            if not _is_loopback(host):
                return _refused(
                    f"The host name '{host}' is not this machine's: this endpoint answers to 127.0.0.1 and localhost."
                )
        for name in ("Origin", "Sec-Fetch-Site"):
            if name in request.headers:
                return _refused(f"This endpoint is for programs: a request with {name} comes from a browser.")
        return await handler(request)

    return guarded


def own_pages_only(handler: Handler) -> Handler:
    """Answer programs and the endpoint's own pages; refuse with 403 what pages of other sites ask for."""

    async def guarded(request: web.BaseRequest) -> web.StreamResponse:
        problem = foreign(request)
        return _refused(problem) if problem else await handler(request)

    return guarded


def foreign(
    request: web.BaseRequest, allowed_origins: Collection[str] = (), allowed_hosts: Collection[str] = ()
) -> str:
    """Return why a request may be another site's doing, "" if it is not.

    `allowed_origins` are sites that may. `allowed_hosts` are names of this endpoint beside those that no stranger can
    point at this machine.
    """
    hosts = request.headers.getall("Host", ())
    return foreign_call(request.method, hosts, request.headers, allowed_origins, allowed_hosts)


def foreign_call(
    method: str,
    hosts: Iterable[str],
    headers: Mapping[str, str],
    allowed_origins: Collection[str] = (),
    allowed_hosts: Collection[str] = (),
) -> str:
    """Return what `foreign` does, of a request that came to any server; `headers` are found in any case."""
    own = ""
    for own in hosts:
        name = _name(own)
        if not is_private_name(name) and name not in allowed_hosts:
            return (
                f"The host name '{own}' may be anyone's: this endpoint answers to localhost, addresses and names that"
                f" public DNS does not know. Name it in {HOSTS_VARIABLE} if it is yours."
            )
    origin = headers.get("Origin")
    if origin is not None:
        is_own = origin.lower().partition("://")[2] == own.lower()
        return "" if is_own or origin in allowed_origins else f"Pages of '{origin}' may not call this endpoint."
    if _is_asked_for_by_another_site(method, headers):
        return "Pages of other sites may not call this endpoint."
    return ""


def is_private_name(name: str | None) -> bool:
    """Return whether a host name is safe: no stranger can point it at this machine."""
    if not name:
        return False
    return (
        _is_address(name)
        or "." not in name
        or name.rpartition(".")[2] in PRIVATE_DOMAINS
        or name == socket.gethostname().lower()
        or not {name, "*"}.isdisjoint(_allowed_hosts())
    )


def _allowed_hosts() -> set[str]:
    return {name.strip().lower() for name in os.environ.get(HOSTS_VARIABLE, "").split(",")}


@functools.lru_cache
def _is_loopback(host: str) -> bool:
    name = _name(host) or ""
    return name == "localhost" or (_is_address(name) and ipaddress.ip_address(name).is_loopback)


def _is_asked_for_by_another_site(method: str, headers: Mapping[str, str]) -> bool:
    """Browsers send no Origin with a GET for an image or a script; a link that a person follows is no such thing."""
    site = headers.get("Sec-Fetch-Site", "none")
    is_followed_link = method == "GET" and headers.get("Sec-Fetch-Mode") == "navigate"
    return site not in {"same-origin", "none"} and not is_followed_link


def _name(host: str) -> str | None:
    try:
        parts = urlsplit(f"//{host}")
        is_plain = parts.netloc == host and "@" not in host
    except ValueError:
        return None
    return parts.hostname.removesuffix(".") if is_plain and parts.hostname else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refused(problem: str) -> web.Response:
    return web.Response(status=403, text=shown(problem))

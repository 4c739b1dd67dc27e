"""The gRPC servers that the scheduler stands on: what clients see of them, broken ones too, by the client of grpc."""

import asyncio
import contextlib
import functools
import subprocess
import sys

import grpc
import pytest
from grpc._cython import cygrpc

from durable_harness.rpc import choice, fast
from durable_harness.rpc.calls import Method
from durable_harness.rpc.fast import RpcServer
from durable_harness.rpc.methods import SERVER_OPTIONS
from durable_harness.rpc.plain import PlainRpcServer

TIMEOUT_S = 10
STREAM_MESSAGES = 1000


def on_a_loop(test):
    """Run a test that is a coroutine."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        asyncio.run(test(*args, **kwargs))

    return run


async def in_time(awaitable):
    async with asyncio.timeout(TIMEOUT_S):
        return await awaitable


async def echo(call):
    call.finish(dict(call.metadata).get("before", "").encode() + call.body)


async def count(call):
    for number in range(STREAM_MESSAGES):
        await call.send(str(number).encode())
    call.finish()


async def fail(_call):
    raise ValueError("of no use")


async def forget(_call):
    """Return without an answer."""


class Waiting:
    """A handler that waits forever, and shows when it began and when it was cancelled."""

    def __init__(self):
        self.began, self.cancelled = asyncio.Event(), asyncio.Event()

    async def __call__(self, _call):
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@pytest.fixture(params=[RpcServer, PlainRpcServer], autouse=True)
def server(request):
    """Run each test on the fast server and on the plain one."""
    SERVERS[:] = [request.param]


SERVERS = []
FAST_ONLY = pytest.mark.parametrize("server", [RpcServer], indirect=True)
"""For calls that grpc's own server does not answer."""


def new_server(**methods):
    return SERVERS[0]({f"/Test/{name}": method for name, method in methods.items()}, SERVER_OPTIONS)


@contextlib.asynccontextmanager
async def serving(**methods):
    """Serve methods under their names and give a channel to them."""
    server = new_server(**methods)
    port = server.start("127.0.0.1:0")
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await in_time(server.stop(grace_s=0))


async def status_of(call):
    """Wait for a call that fails; return its status code and details."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await in_time(call)
    return caught.value.code(), caught.value.details()


@on_a_loop
async def test_a_call_is_answered_from_its_metadata_and_body():
    """A handler sees the client's metadata and request, and its answer arrives with status OK."""
    async with serving(Echo=Method(echo)) as channel:
        call = channel.unary_unary("/Test/Echo")
        assert await call(b"body", metadata=[("before", "meta")], timeout=TIMEOUT_S) == b"metabody"
        assert await call(b"", timeout=TIMEOUT_S) == b""


@on_a_loop
async def test_a_stream_keeps_the_order_of_its_messages_and_ends():
    """Many messages, sent faster than they leave, arrive complete and in order before the status."""
    async with serving(Count=Method(count, is_lasting=True)) as channel:
        stream = channel.unary_stream("/Test/Count")(b"", timeout=TIMEOUT_S)
        assert [int(message) async for message in stream] == list(range(STREAM_MESSAGES))
        assert await stream.code() is grpc.StatusCode.OK


@on_a_loop
async def test_a_client_that_does_not_read_holds_the_sender_up():
    """What a client does not take is not produced without end: the handler waits, and continues when it is read."""
    sent = 0

    async def pour(call):
        nonlocal sent
        for sent in range(1, 1001):  # noqa: B007 - shows how far the handler came
            await call.send(bytes(100_000))
        call.finish()

    async with serving(Pour=Method(pour, is_lasting=True)) as channel:
        stream = channel.unary_stream("/Test/Pour")(b"", timeout=TIMEOUT_S)
        messages = aiter(stream)
        await anext(messages)
        seen = -1
        while seen != sent:
            seen = sent
            await asyncio.sleep(0.1)
        assert 0 < sent < 1000
        assert len([message async for message in messages]) == 999
        assert sent == 1000


@on_a_loop
@pytest.mark.parametrize("details", ["half \ud800", "ü" * 1_000_000, "x" * 1_000_000])
async def test_details_that_no_status_can_carry_still_end_the_call(details):
    """A status arrives although its details have no UTF-8, or are longer than a client takes."""

    async def refuse(call):
        call.finish(code=grpc.StatusCode.ABORTED, details=details)

    async with serving(Refuse=Method(refuse)) as channel:
        code, arrived = await status_of(channel.unary_unary("/Test/Refuse")(b"", timeout=TIMEOUT_S))
        assert code is grpc.StatusCode.ABORTED
        assert arrived[:5] == details[:5]


@on_a_loop
async def test_an_unknown_method_is_refused():
    """A method that is not served is UNIMPLEMENTED."""
    async with serving() as channel:
        code, _ = await status_of(channel.unary_unary("/Test/Nothing")(b""))
        assert code is grpc.StatusCode.UNIMPLEMENTED


@FAST_ONLY
@on_a_loop
async def test_a_method_that_is_no_text_is_refused():
    """Bytes that are no UTF-8 for a method end that call; the server serves on."""
    async with serving(Echo=Method(echo)) as channel:
        code, _ = await status_of(channel.unary_unary(b"/Test/\xff\xfe")(b""))
        assert code is grpc.StatusCode.UNIMPLEMENTED
        assert await channel.unary_unary("/Test/Echo")(b"on", timeout=TIMEOUT_S) == b"on"


@on_a_loop
async def test_a_burst_of_calls_is_answered_whole():
    """Of thousands of calls in one burst none is dropped, and each gets its own answer."""
    async with serving(Echo=Method(echo)) as channel:
        call = channel.unary_unary("/Test/Echo")
        bodies = [str(number).encode() for number in range(3000)]
        assert await asyncio.gather(*(call(body, timeout=TIMEOUT_S) for body in bodies)) == bodies


@FAST_ONLY
@pytest.mark.parametrize("is_lasting", [False, True])
@on_a_loop
async def test_a_call_without_a_request_is_refused(is_lasting):
    """A client that ends its side of the call before a request gets INVALID_ARGUMENT, not silence."""
    async with serving(Echo=Method(echo, is_lasting)) as channel:
        code, _ = await status_of(channel.stream_unary("/Test/Echo")(iter([])))
        assert code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("is_lasting", [False, True])
@on_a_loop
async def test_a_handler_that_breaks_is_an_internal_error(is_lasting, caplog):
    """An exception of a handler is logged and answered as INTERNAL; the server serves on."""
    async with serving(Fail=Method(fail, is_lasting), Echo=Method(echo, is_lasting)) as channel:
        assert await status_of(channel.unary_unary("/Test/Fail")(b"")) == (
            grpc.StatusCode.INTERNAL,
            "ValueError: of no use",
        )
        assert "/Test/Fail failed" in caplog.text
        assert await channel.unary_unary("/Test/Echo")(b"on", timeout=TIMEOUT_S) == b"on"


@pytest.mark.parametrize("is_lasting", [False, True])
@on_a_loop
async def test_a_handler_that_gives_no_answer_ends_the_call(is_lasting):
    """No client waits forever for a handler that returned without an answer."""
    async with serving(Forget=Method(forget, is_lasting)) as channel:
        code, _ = await status_of(channel.unary_unary("/Test/Forget")(b""))
        assert code is grpc.StatusCode.CANCELLED


@pytest.mark.parametrize("give_up", ["cancel", "deadline", "connection"])
@on_a_loop
async def test_a_lasting_call_is_cancelled_when_its_client_gives_up(give_up):
    """A client that cancels, runs out of time or goes away cancels the handler at once."""
    waiting = Waiting()
    async with serving(Wait=Method(waiting, is_lasting=True)) as channel:
        call = channel.unary_unary("/Test/Wait")(b"", timeout=0.2 if give_up == "deadline" else None)
        if give_up != "deadline":
            await in_time(waiting.began.wait())
        if give_up == "cancel":
            call.cancel()
        elif give_up == "connection":
            await channel.close()
        await in_time(waiting.cancelled.wait())


@pytest.mark.parametrize("is_lasting", [False, True])
@on_a_loop
async def test_a_stop_cancels_what_outlasts_its_grace(is_lasting):
    """A stopping server ends calls of either kind that continue beyond the grace, and then itself."""
    waiting = Waiting()
    server = new_server(Wait=Method(waiting, is_lasting))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.start('127.0.0.1:0')}") as channel:
        call = channel.unary_unary("/Test/Wait")(b"")
        await in_time(waiting.began.wait())
        await in_time(server.stop(grace_s=0.01))
        assert waiting.cancelled.is_set()
        code, _ = await status_of(call)
        assert code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


@on_a_loop
async def test_a_stop_lets_calls_end_within_its_grace():
    """A call that ends within the grace gets its answer from a stopping server."""
    began, released = asyncio.Event(), asyncio.Event()

    async def answer(call):
        began.set()
        await released.wait()
        call.finish(b"answer")

    server = new_server(Answer=Method(answer))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.start('127.0.0.1:0')}") as channel:
        call = channel.unary_unary("/Test/Answer")(b"")
        await in_time(began.wait())
        stopping = asyncio.ensure_future(server.stop(grace_s=TIMEOUT_S))
        released.set()
        assert await in_time(call) == b"answer"
    await in_time(stopping)


@on_a_loop
async def test_a_taken_port_is_an_error():
    """Two servers never share a port."""
    first = new_server()
    port = first.start("127.0.0.1:0")
    with pytest.raises(RuntimeError, match=f"listen on 127.0.0.1:{port}"):
        new_server().start(f"127.0.0.1:{port}")
    await first.stop(grace_s=0)


def forget_the_check():
    choice.is_fast_usable.cache_clear()
    choice.begin_check.cache_clear()


@FAST_ONLY
def test_the_fast_server_is_chosen():
    """With the grpc that is installed the scheduler stands on the fast server."""
    forget_the_check()
    assert choice.is_fast_usable()


NEVER_STOPS = """
from grpc._cython import cygrpc
from durable_harness.rpc import choice, fast

class Server(cygrpc.Server):
    def shutdown(self, queue, _reported):
        super().shutdown(queue, lambda _event: None)

class Changed:
    Server = Server
    def __getattr__(self, name):
        return getattr(cygrpc, name)

choice.CHECK_LIMIT_S = 0.5
fast.cygrpc = Changed()
print(choice.is_fast_usable())
"""


@FAST_ONLY
def test_a_server_that_never_stops_does_not_keep_the_process():
    """If the private part of grpc has changed so that the checked server hangs, the process ends anyway."""
    ended = subprocess.run([sys.executable, "-c", NEVER_STOPS], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "False\n"), ended.stderr


class Changed:
    """The private module of a grpc to come, in which one name is gone or something else."""

    def __init__(self, name, replacement):
        setattr(self, name, replacement)

    def __getattr__(self, name):
        return getattr(cygrpc, name)


BREAKS = {
    "a name is gone": ("SendStatusFromServerOperation", None),
    "a constructor takes other arguments": ("CompletionQueue", lambda _size: None),
    "an answer is sent without its message": ("SendMessageOperation", cygrpc.SendInitialMetadataOperation),
}


@FAST_ONLY
@pytest.mark.parametrize("name", BREAKS)
@on_a_loop
async def test_another_grpc_gets_the_plain_server(monkeypatch, caplog, name):
    """If the private part of grpc has changed, a warning says so and the plain server answers."""
    monkeypatch.setattr(choice, "CHECK_LIMIT_S", 2)
    monkeypatch.setattr(fast, "cygrpc", Changed(*BREAKS[name]))
    forget_the_check()
    try:
        server = choice.new_server({})
    finally:
        forget_the_check()
    assert type(server) is PlainRpcServer
    assert "A slower one is used" in caplog.text
    port = server.start("127.0.0.1:0")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        code, _ = await status_of(channel.unary_unary("/Test/Nothing")(b""))
    assert code is grpc.StatusCode.UNIMPLEMENTED
    await server.stop(grace_s=0)


@on_a_loop
async def test_the_plain_server_can_be_asked_for(monkeypatch):
    """A variable chooses the plain server, for users whose fast one fails later."""
    monkeypatch.setenv(choice.PLAIN_VARIABLE, "1")
    server = choice.new_server({})
    assert type(server) is PlainRpcServer
    await server.stop(grace_s=0)

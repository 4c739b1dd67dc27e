"""Calls of a scheduler elsewhere: what another vendor's does not know is done here, other errors are passed on."""

import asyncio
import json

import grpc
import pytest

from durable_harness.errors import UnreachableError
from durable_harness.host.work import remote
from durable_harness.host.work.remote import GrpcScheduler, make_credential
from durable_harness.protocol import RpcError, RpcStatus, pb
from durable_harness.settings import SchedulerAddress

NOW_NS = 1_800_000_000_000_000_000
PLAIN = SchedulerAddress("http://localhost:9", "None")
STATUS = grpc.StatusCode


def failure(code, detail="broken"):
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), detail)


class Call:
    """A call whose answers, or whose error, a test gives."""

    def __init__(self, *answers):
        self.answers = answers
        self.was_cancelled = False
        self.metadata = []

    def __call__(self, _request, metadata=None, **_):
        self.metadata = metadata
        return self

    def __await__(self):
        if isinstance(self.answers[0], Exception):
            raise self.answers[0]
        return self.answers[0]
        yield

    async def __aiter__(self):
        for answer in self.answers:
            if isinstance(answer, Exception):
                raise answer
            yield answer

    def cancel(self):
        self.was_cancelled = True


def with_scheduler(story, address=PLAIN):
    """Run a story with a client whose calls a test replaces; nothing is connected."""

    async def run():
        scheduler = GrpcScheduler(address, "hub")
        try:
            return await story(scheduler)
        finally:
            await scheduler.close()

    return asyncio.run(run())


def test_a_sleep_is_on_the_clock_of_our_scheduler():
    """The first answer ends the sleep, and the call with it."""

    async def story(scheduler):
        scheduler._sleep = Call(b"", b"never read")
        await scheduler.sleep("token", 3600)
        assert scheduler._sleep.was_cancelled

    with_scheduler(story)


@pytest.mark.parametrize("answers", [(), (failure(STATUS.UNIMPLEMENTED),)])
def test_a_sleep_elsewhere_is_on_this_clock(monkeypatch, answers):
    """A scheduler that does not know the method, or ends the call, does not shorten the sleep."""
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    async def story(scheduler):
        scheduler._sleep = Call(*answers)
        monkeypatch.setattr(remote.asyncio, "sleep", sleep)
        await scheduler.sleep("token", 3600)
        monkeypatch.undo()

    with_scheduler(story)
    assert slept == [3600]


@pytest.mark.parametrize("name", ["sleep", "alarm"])
def test_another_failure_of_the_clock_is_passed_on(name):
    """A scheduler that is gone does not turn into this machine's clock."""

    async def story(scheduler):
        scheduler._sleep = scheduler._set_alarm = Call(failure(STATUS.UNAVAILABLE, "gone"))
        asked = scheduler.sleep("token", 1) if name == "sleep" else anext(scheduler.alarm("timer", NOW_NS))
        with pytest.raises(RpcError, match="gone") as refused:
            await asked
        assert refused.value.status is RpcStatus.UNAVAILABLE

    with_scheduler(story)


def test_an_alarm_is_set_at_our_scheduler():
    """The moments of an alarm are those of the scheduler's clock."""

    async def story(scheduler):
        scheduler._set_alarm = Call(json.dumps({"nowNs": 5}).encode())
        assert await anext(scheduler.alarm("timer", NOW_NS)) == 5

    with_scheduler(story)


def test_an_alarm_elsewhere_is_on_this_clock():
    """A scheduler that does not know alarms is asked once; then this machine's clock rings."""

    async def story(scheduler):
        scheduler._set_alarm = Call(failure(STATUS.UNIMPLEMENTED))
        assert await anext(scheduler.alarm("timer", 1)) > 1
        scheduler._set_alarm = None
        assert await anext(scheduler.alarm("timer", 1)) > 1

    with_scheduler(story)


@pytest.mark.parametrize(
    ("code", "status"), [(STATUS.NOT_FOUND, RpcStatus.NOT_FOUND), (STATUS.DATA_LOSS, RpcStatus.INTERNAL)]
)
def test_a_refused_call_has_its_status(code, status):
    """A status that the protocol does not have is an internal error; without details its name is the message."""

    async def story(scheduler):
        scheduler._stub.GetInstance = Call(failure(code, ""))
        with pytest.raises(RpcError, match=code.name) as refused:
            await scheduler.get_instance(pb.GetInstanceRequest(instanceId="i"))
        assert refused.value.status is status
        with pytest.raises(AttributeError):
            scheduler.get_nothing  # noqa: B018 - the look-up itself is what fails

    with_scheduler(story)


def test_timings_that_are_refused_are_an_error():
    """Only a method that is unknown is replaced by the history; another refusal is passed on."""

    async def story(scheduler):
        scheduler._timings = Call(failure(STATUS.RESOURCE_EXHAUSTED, "full"))
        with pytest.raises(RpcError, match="full"):
            await scheduler.instance_timings("i")
        scheduler._measure = Call(failure(STATUS.UNAVAILABLE, "gone"))
        with pytest.raises(RpcError, match="gone"):
            await scheduler.measure_instances(["i"])

    with_scheduler(story)


def test_a_stream_that_breaks_is_an_error():
    """Work items that arrived are passed on; then the status of the stream is raised, and its call ended."""

    async def story(scheduler):
        call = scheduler._stub.GetWorkItems = Call(pb.WorkItem(completionToken="t"), failure(STATUS.UNAVAILABLE))
        items = scheduler.get_work_items(pb.GetWorkItemsRequest(), keeps_executions=True)
        assert (await anext(items)).completionToken == "t"
        with pytest.raises(RpcError):
            await anext(items)
        assert call.was_cancelled
        return dict(call.metadata)

    assert with_scheduler(story)[remote.KEEPS_EXECUTIONS_HEADER] == "true"


class Tokens:
    def __init__(self, token):
        self.token = token

    async def get_access_token(self):
        return self.token


@pytest.mark.parametrize("has_token", [True, False])
def test_a_token_goes_with_each_call(has_token):
    """The token of a credential is in the headers; without one the call is sent as it is."""

    async def story(scheduler):
        token = type("Token", (), {"token": "secret"}) if has_token else None
        scheduler._tokens = Tokens(token)
        return dict(await scheduler._headers())

    headers = with_scheduler(story, SchedulerAddress("https://a.durabletask.io", "None"))
    assert headers["taskhub"] == "hub"
    assert headers.get("authorization") == ("Bearer secret" if has_token else None)


@pytest.mark.parametrize(
    ("detail", "code", "way"),
    [
        ("down", STATUS.UNAVAILABLE, "Start the emulator, or correct the connection string, or leave"),
        ("no hub", STATUS.NOT_FOUND, "Start the emulator with .*=default,hub or "),
        (f"set {remote.HUBS_VARIABLE}", STATUS.NOT_FOUND, "\n  Or name a hub that it has"),
    ],
)
def test_who_does_not_answer_is_named_with_a_way_out(detail, code, way):
    """The error has the address, the hub, what came and what to do."""

    async def story(scheduler):
        scheduler._stub.Hello = Call(failure(code, detail))
        await scheduler.connect()

    message = rf"(?s)localhost:9 \(task hub 'hub'\) does not answer: {code.name}: {detail}.*{way}"
    with pytest.raises(UnreachableError, match=message):
        with_scheduler(story)


@pytest.mark.parametrize(
    ("authentication", "client_id", "kind", "options"),
    [
        ("DefaultAzure", None, "DefaultAzureCredential", {}),
        ("DefaultAzure", "me", "DefaultAzureCredential", {"managed_identity_client_id": "me"}),
        ("ManagedIdentity", "me", "ManagedIdentityCredential", {"client_id": "me"}),
        ("ManagedIdentity", None, "ManagedIdentityCredential", {}),
        (
            "WorkloadIdentity",
            "me",
            "WorkloadIdentityCredential",
            {"client_id": "me", "tenant_id": "t", "additionally_allowed_tenants": ["*"]},
        ),
        ("AzureCLI", "me", "AzureCliCredential", {}),
    ],
)
def test_a_credential_is_what_the_connection_string_names(monkeypatch, authentication, client_id, kind, options):
    """Each kind of authentication has its class of azure-identity, with the options that the string gives."""
    identity = pytest.importorskip("azure.identity.aio")
    monkeypatch.setattr(identity, kind, lambda **given: (kind, given))
    address = SchedulerAddress(
        "https://a", authentication, client_id=client_id, tenant_id="t", additionally_allowed_tenants=("*",)
    )
    assert make_credential(address) == (kind, options)


def test_a_person_at_a_browser_cannot_sign_in():
    """A credential that asks a person is refused with those that need none."""
    pytest.importorskip("azure.identity.aio")
    with pytest.raises(UnreachableError, match="Authentication=InteractiveBrowser needs a person at a browser"):
        make_credential(SchedulerAddress("https://a", "InteractiveBrowser"))
    assert make_credential(PLAIN) is None

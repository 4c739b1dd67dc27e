"""Serving an app in this process: our host, working for the embedded scheduler or for one elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from durable_harness.control import Call, FaultyScheduler, Rules
from durable_harness.dashboard import Dashboard, DashboardOptions
from durable_harness.dashboard.page_urls import instance_url
from durable_harness.errors import HarnessError, UsageError
from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.host import FunctionsHost, HostOptions, bind_public
from durable_harness.host.http.keys import HOST_VARIABLE, MASTER_VARIABLE, Keys, read_keys
from durable_harness.host.http.server import WebOptions
from durable_harness.host.outside import CaughtConnections
from durable_harness.host.sdk.generation import Generation
from durable_harness.host.sdk_choice import generation_for, load_durable_app
from durable_harness.host.twice.watching import watch
from durable_harness.logs.instance_logs import InstanceLogs
from durable_harness.logs.lines import TEXT, announce, configure_logging, log_to_also
from durable_harness.protocol import Scheduler
from durable_harness.protocol.alarms import AlarmClock
from durable_harness.scheduler import SchedulerOptions, SchedulerService
from durable_harness.settings import AppSettings, load_app_settings
from durable_harness.settings.credentials import credentials_in
from durable_harness.settings.log_levels import LogLevels
from durable_harness.stack.control_calls import clock_calls, instance_calls, served_control
from durable_harness.stack.dashboards import (
    BoundDashboard,
    DashboardPort,
    bind_dashboard,
    served_dashboard,
)
from durable_harness.stack.fake_calls import fake_calls
from durable_harness.stack.fault_calls import fault_calls
from durable_harness.stack.function_list import function_list
from durable_harness.stack.leaving import leave_if_held_up
from durable_harness.stack.lifetime import Lifetime, run_until_stopped, write_ready_file
from durable_harness.stack.outside_calls import outside_calls
from durable_harness.stack.shown import source_of
from durable_harness.stack.twice_calls import TwiceOptions, described_twice, twice_calls, twice_records
from durable_harness.twice_report import lines_of
from durable_harness.wording.foreign_text import hide, shown, shown_lines

LOOPBACK_ADDRESSES = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class ServeOptions:
    """The options of `durable-harness serve`. `scheduler` is "embedded", "settings" or a connection string."""

    app_dir: Path
    port: int | None = None
    address: str = "127.0.0.1"
    cors: str | None = None
    cors_credentials: bool = False
    functions: tuple[str, ...] | None = None
    enable_auth: bool = False
    https: bool = False
    certificate: Path | None = None
    password: str | None = field(default=None, repr=False)
    scheduler: str = "embedded"
    embedded: SchedulerOptions = field(default_factory=SchedulerOptions)
    log_format: str = TEXT
    log_level: str | None = None
    """The least level of all entries; None for the levels of host.json."""
    verbose: bool = False
    ready_file: Path | None = None
    parent_pid: int | None = None
    test_control: bool = False
    catch_http: bool = False
    """Whether a test may answer in place of outside services."""
    always_replay: bool = False
    twice: TwiceOptions = field(default_factory=TwiceOptions)
    dashboard_port: DashboardPort | None = None
    dashboard: DashboardOptions = field(default_factory=DashboardOptions)


def serve(options: ServeOptions) -> None:
    """Serve an app until SIGINT or SIGTERM, in the app's folder. Raises a HarnessError where it cannot start."""
    options = _from_here(options)
    settings = load_app_settings(options.app_dir)
    os.chdir(settings.app_dir)
    configure_logging(_log_levels(options, settings), is_verbose=options.verbose, log_format=options.log_format)
    for warning in settings.warnings:
        announce(shown(warning), options.log_format, logging.WARNING)
    sdk = generation_for(settings.app_dir)
    try:
        run_until_stopped(
            lambda lifetime: _serving(options, settings, sdk, lifetime), options.parent_pid, as_in_azure=True
        )
    except HarnessError as error:
        leave_if_held_up(error.exit_code, f"error: {shown_lines(str(error))}\n")
        raise
    leave_if_held_up()


def _from_here(options: ServeOptions) -> ServeOptions:
    """Return options whose paths mean the caller's folder also when the process has left it."""
    embedded = options.embedded
    if embedded.data is not None:
        embedded = dataclasses.replace(embedded, data=embedded.data.absolute())
    return dataclasses.replace(
        options,
        embedded=embedded,
        certificate=options.certificate and options.certificate.absolute(),
        ready_file=options.ready_file and options.ready_file.absolute(),
    )


def _log_levels(options: ServeOptions, settings: AppSettings) -> LogLevels:
    """Return the levels of host.json, unless a level for all was asked for."""
    if options.log_level is None:
        return settings.host.log_levels
    return LogLevels(logging.getLevelNamesMapping()[options.log_level.upper()])


@contextlib.asynccontextmanager
async def _serving(
    options: ServeOptions, settings: AppSettings, sdk: Generation, lifetime: Lifetime
) -> AsyncIterator[None]:
    async with _connected(options, settings, lifetime) as (scheduler, described, calls, finish, alarms, shown):
        host_options = _host_options(options, settings)
        caught = _caught_connections() if options.catch_http else None
        public = bind_public(host_options)
        watched = watch() if options.twice.is_watching else None  # before the app has what it calls services by
        with lifetime.ending_blocks():
            app = _load(options, settings, public)
        dashboard = bind_dashboard(options.address, options.dashboard_port) if shown is not None else None
        is_between = options.test_control or watched is not None
        faulty = FaultyScheduler(scheduler, Rules()) if is_between else None
        twice = twice_records(options.twice, faulty, watched)
        host = FunctionsHost(app, sdk, settings, faulty or scheduler, host_options, alarms=alarms, twice=twice)
        hide([*host.secrets, *credentials_in(settings.environ.values())])
        logs = InstanceLogs()
        log_to_also(logs, _log_levels(options, settings), is_verbose=options.verbose)
        await host.start(public)
        source = source_of(shown, host, logs, may_move_time=options.test_control)
        pages, hub = Dashboard(source), settings.host.durable_task.hub_name
        link = None if dashboard is None else partial(_shown_at, dashboard.url, hub)
        host.show_traces(lambda instance_id: pages.trace(hub, instance_id), link)
        try:
            async with (
                served_dashboard(dashboard, source, options.dashboard),
                served_control(_control_calls(options, calls, faulty, host, caught)) as control,
            ):
                _announce(host, described, options, control, dashboard)
                _warn_of_closed_hubs(shown, options, hub)
                yield
        finally:
            await host.triggers.close()  # while what its functions call still answers
            await finish()
            await host.stop()
            _report_twice(host, options)


def _control_calls(
    options: ServeOptions,
    of_scheduler: dict[str, Call],
    faulty: FaultyScheduler | None,
    host: FunctionsHost,
    caught: CaughtConnections | None,
) -> dict[str, Call] | None:
    """Return all that a test may call in this process, None if it was not started for tests."""
    if not options.test_control or faulty is None:
        return None
    of_host = {**fault_calls(faulty, host), **fake_calls(host.fakes, host.app, host.chat), **outside_calls(caught)}
    calls = {**of_scheduler, **of_host}
    return calls if host.twice is None else {**calls, **twice_calls(faulty.deliveries, host.twice, host.app)}


def _caught_connections() -> CaughtConnections:
    """Return the connections of this process, caught before the app is imported: it may open some at once."""
    caught = CaughtConnections()
    caught.install(asyncio.get_running_loop())
    return caught


def _load(options: ServeOptions, settings: AppSettings, public: list[socket.socket]) -> FunctionApp:
    """Load the app; where that fails, close the sockets, which will not be served."""
    try:
        return load_durable_app(settings.app_dir, options.functions, settings.host.functions)
    except BaseException:
        for listening in public:
            listening.close()
        raise


class Connected(NamedTuple):
    """A scheduler that can be worked for."""

    scheduler: Scheduler
    described: str
    calls: dict[str, Call]
    """What a test may call of it."""
    finish: Callable[[], Awaitable[None]]
    """Called before the host stops: it answers the requests that were taken, and takes no more."""
    alarms: AlarmClock
    """The clock that timer functions follow."""
    shown: SchedulerService | None
    """What a dashboard of this process shows; None for a scheduler elsewhere, which has its own."""


@contextlib.asynccontextmanager
async def _connected(options: ServeOptions, settings: AppSettings, lifetime: Lifetime) -> AsyncIterator[Connected]:
    hub = settings.host.durable_task.hub_name
    if options.scheduler == "embedded":
        service = SchedulerService(dataclasses.replace(options.embedded, hubs=(hub,)))
        service.on_failure(lifetime.fail)
        kept = f"kept in {options.embedded.data}" if options.embedded.data else "kept in memory"
        try:
            calls = {**clock_calls(service), **instance_calls(service)}
            described = f"embedded, task hub '{hub}', {kept}"
            yield Connected(*(service.hub(hub), described, calls, service.finish, service.alarms, service))
        finally:
            await service.close()
        return
    from durable_harness.host.work.remote import GrpcScheduler  # noqa: PLC0415 - gRPC is not needed for the embedded one

    address = settings.scheduler_at(options.scheduler)
    remote = GrpcScheduler(address, address.task_hub or hub)
    try:
        await remote.connect()
        yield Connected(remote, f"{address.endpoint}, task hub '{remote.task_hub}'", {}, _nothing, remote, None)
    finally:
        await remote.close()


async def _nothing() -> None:
    """What is to be done before a host stops that works for a scheduler elsewhere."""


def _host_options(options: ServeOptions, settings: AppSettings) -> HostOptions:
    local = settings.local
    port = options.port if options.port is not None else local.port
    cors = options.cors if options.cors is not None else local.cors or ""
    web = WebOptions(
        cors_origins=tuple(origin.strip() for origin in cors.split(",") if origin.strip()),
        cors_credentials=options.cors_credentials or local.cors_credentials,
        keys=read_keys(os.environ, are_checked=options.enable_auth),
        has_any_name=options.address not in LOOPBACK_ADDRESSES,
    )
    port = port if port is not None else HostOptions.port
    max_payload_bytes = options.embedded.max_payload_bytes if options.scheduler == "embedded" else 0
    return HostOptions(
        options.address,
        port,
        web,
        _tls(options),
        max_payload_bytes=max_payload_bytes,
        always_replay=options.always_replay,
        timers_file=_timers_file(options),
    )


def _timers_file(options: ServeOptions) -> Path | None:
    """Return where last runs of timers are kept: beside the file of the embedded scheduler, if it has one."""
    data = options.embedded.data if options.scheduler == "embedded" else None
    return data.with_name(f"{data.name}.timers.json") if data is not None else None


def _tls(options: ServeOptions) -> ssl.SSLContext | None:
    if not options.https:
        if options.certificate:
            raise UsageError("--cert is for HTTPS: add --useHttps.")
        return None
    from durable_harness.host.http.tls import server_context  # noqa: PLC0415 - only where HTTPS is asked for

    return server_context(options.certificate, options.password)


def _shown_at(dashboard_url: str, hub: str, instance_id: str) -> str:
    return f"{dashboard_url.rstrip('/')}{instance_url(hub, instance_id)}"


def _announce(
    host: FunctionsHost,
    described: str,
    options: ServeOptions,
    control: dict[str, Any] | None,
    dashboard: BoundDashboard | None,
) -> None:
    def say(text: str, level: int = logging.INFO) -> None:
        announce(text, options.log_format, level)

    say(f"durable-harness: app {host.app.directory}, scheduler {described}")
    if options.enable_auth and options.ready_file is not None:
        say(f"keys: in {options.ready_file}")  # and not here: what others start prints into a log
    elif options.enable_auth:
        say("\n".join(key_lines(host.options.web.keys, os.environ)))
    if options.twice.counts is not None:
        say(described_twice(options.twice.counts))
    _warn(host, say)
    for function in host.app.disabled:
        say(shown(f"Function {function.name} is disabled, by {function.disabled_by}."))
    notes = host.triggers.notes(host.shown_url)
    say(shown_lines(function_list(host.app, host.shown_url, host.settings.host.route_prefix, notes)))
    if dashboard is not None:
        say(f"Dashboard: {dashboard.url}\n")
    if not options.verbose:
        say("For detailed output, run with --verbose.")
    facts = {
        "baseUrl": host.base_url,
        "rpcBaseUrl": host.endpoints.rpc_base_url,
        **_key_facts(host.options.web.keys),
        "control": control,
        "dashboardUrl": dashboard.url if dashboard is not None else None,
    }
    write_ready_file(options.ready_file, facts)


def _warn_of_closed_hubs(service: SchedulerService | None, options: ServeOptions, hub: str) -> None:
    """Warn that the file holds instances of other hubs: a renamed hub looks like lost work."""
    if service is None or not service.closed_hubs:
        return
    names, data = ",".join(closed.name for closed in service.closed_hubs), options.embedded.data
    text = (
        f"{data} also holds what is not served here, as this app has the task hub '{hub}': task hub"
        f"{'s' if len(service.closed_hubs) > 1 else ''} {', '.join(map(str, service.closed_hubs))}."
        f" Name one as hubName in host.json to continue with it, or look at it with"
        f" `durable-harness scheduler --data {data} --task-hubs {names}`."
    )
    announce(shown_lines(text), options.log_format, logging.WARNING)


def _report_twice(host: FunctionsHost, options: ServeOptions) -> None:
    """Report at the end what became of work that was delivered twice, unless tests ask for that themselves."""
    if options.twice.counts is not None and host.twice is not None and host.twice.count:
        lines = "\n".join(lines_of(host.twice.report()))
        announce(f"durable-harness: delivered twice\n{lines}", options.log_format)


def _warn(host: FunctionsHost, say: Callable[[str, int], None]) -> None:
    """Print what the person who starts the host should know."""
    for warning in host.app.warnings:
        say(shown(warning), logging.WARNING)
    for broken in host.app.broken:
        say(f"{shown_lines(broken.problem)}\n  The other functions run.", logging.ERROR)
    for variable in host.options.web.keys.of_no_function(f.name for f in host.app.all):
        say(f"{variable}: there is no such function.", logging.WARNING)
    for warning in host.triggers.warnings():
        say(shown(warning), logging.WARNING)


def key_lines(keys: Keys, given: Mapping[str, str]) -> Iterator[str]:
    """Yield the generated keys; a key that the user set is known already."""
    for variable, what, key in (
        (HOST_VARIABLE, "host key, for the functions", keys.host),
        (MASTER_VARIABLE, "master key, for webhooks and admin endpoints too", keys.master),
    ):
        yield f"{what}: {f'as {variable} says' if given.get(variable) else key}"


def _key_facts(keys: Keys) -> dict[str, str | None]:
    """Return the key that the process that started this one has to send; None if no key is checked."""
    if not keys.are_checked:
        return {"functionKey": None, "hostKey": None, "masterKey": None, "systemKey": None}
    return {"functionKey": keys.master, "hostKey": keys.host, "masterKey": keys.master, "systemKey": keys.system}

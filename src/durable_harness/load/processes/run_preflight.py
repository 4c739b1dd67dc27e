"""Before the load of a run: how the app starts operations, and one operation as a trial.

Nothing of it is part of a run: no figure, no row in Locust's table, no record.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from durable_harness.load.http import Asker
from durable_harness.load.http.client import MAX_ANSWER_BYTES
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.options.start import FOUND_METHOD, FOUND_PATH, as_plain_text
from durable_harness.load.options.target import Target
from durable_harness.load.preflight import App, ask_for_app, chosen_starter, fly, problem_of
from durable_harness.load.processes.process import LocustProcess
from durable_harness.operations import OperationPlan, key_headers
from durable_harness.operations.description import SAMPLE_START_PATH

if TYPE_CHECKING:
    from locust.env import Environment


def look_before_load(process: LocustProcess, target: Target, options: LoadOptions) -> None:
    """Choose the app's starter if no option names one, and run one operation to show that operations work.

    Raises UsageError if there is no starter, or a choice, or if the operation does not end as it should, and
    UnreachableError if nothing answers.
    """
    parsed = process.environment.parsed_options
    parsed.payload = as_plain_text(options.start.payload)  # workers on other machines do not have the file
    setattr(parsed, FOUND_PATH, None)
    setattr(parsed, FOUND_METHOD, None)
    if target.pid is None and not options.preflight:
        return
    with Asker(verify_tls=not options.generator.insecure, max_answer_bytes=MAX_ANSWER_BYTES) as asker:
        app = _app(asker, target, options)
        scenarios = _scenarios(process.environment)
        if app is not None and any(not scenario.names_start(options) for scenario in scenarios):
            starter = chosen_starter(app, SAMPLE_START_PATH, options.start.method)
            setattr(parsed, FOUND_PATH, starter.path)
            setattr(parsed, FOUND_METHOD, starter.method)
            found = replace(options.start, found_path=starter.path, found_method=starter.method)
            options = replace(options, start=found)
            _show_line(f"operations start by {starter}")
        if options.preflight:
            _try(process, options, asker, app, str(target.log_path or ""))


def _app(asker: Asker, target: Target, options: LoadOptions) -> App | None:
    """Return what the host lists of its app; None if it lists nothing, as a service that is not a durable app."""
    if options.service_file is not None:
        return None
    return ask_for_app(asker, target.base_url, key_headers(options.function_key or target.function_key))


def _try(process: LocustProcess, options: LoadOptions, asker: Asker, app: App | None, log: str) -> None:
    """Make one operation of each start that the scenarios have."""
    process.rehearsed = options
    try:
        for scenario, plan in _plans(process.environment, options):
            flight = fly(plan, asker, waits=scenario.leaves_operations_alone())
            process.tried.add(flight.record.instance_id or "")
            problem = problem_of(flight, app, log)
            if problem is not None:
                raise problem
    finally:
        process.rehearsed = None


def _plans(environment: Environment, options: LoadOptions) -> Iterator[tuple[Any, OperationPlan]]:
    """Yield a scenario and the plan of its first operation for each start; those first that wait for its end."""
    seen: set[tuple[str, str]] = set()
    for scenario in sorted(_scenarios(environment), key=lambda one: not one.leaves_operations_alone()):
        start = scenario.described_by(options).start
        if (start.method, start.path) in seen:
            continue
        try:
            plan = scenario.first_plan(environment, options)
        except Exception as error:  # noqa: BLE001 - what a scenario raises that is not being run yet
            _show_line(f"{scenario.__name__}: no operation was tried before the load, its code raised {error!r}")
            continue
        seen.add((start.method, start.path))
        yield scenario, plan


def _scenarios(environment: Environment) -> list[Any]:
    """Return the user classes of the run that start operations."""
    return [user_class for user_class in environment.user_classes if hasattr(user_class, "first_plan")]


def _show_line(line: str) -> None:
    sys.stderr.write(f"locust: {line}\n")
    sys.stderr.flush()

"""What a host has for the triggers and bindings of an app that no service serves here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.invocation import Invoker
from durable_harness.host.triggers.bound import FunctionBindings
from durable_harness.host.triggers.by_hand import Runs
from durable_harness.host.triggers.converting import UnusableValueError
from durable_harness.host.triggers.expressions import may_become
from durable_harness.host.triggers.inputs import Inputs, described, is_output, is_unserved_input, names_of
from durable_harness.host.triggers.monitor import Monitor
from durable_harness.host.triggers.outputs import Outputs
from durable_harness.host.triggers.returned import DURABLE_TRIGGERS, RETURNED
from durable_harness.host.triggers.targets import SETTING, target_of
from durable_harness.host.triggers.timers import Timers
from durable_harness.host.triggers.unrunnable import reasons_of, sdk_bindings, sdk_type_reason
from durable_harness.host.twice.twice_records import TwiceRecords
from durable_harness.protocol.alarms import AlarmClock


class Triggers:
    """The captured outputs and given inputs of one host, and the runs of its functions by hand."""

    runs: Runs

    def __init__(self, app: FunctionApp, clock: AlarmClock, monitor: Monitor) -> None:
        self._app = app
        self._clock = clock
        self._monitor = monitor
        self.timers = Timers(app)
        self.inputs = Inputs()
        self.outputs = Outputs()

    def bindings(self, client: Callable[[Mapping[str, object]], object]) -> FunctionBindings:
        """Return the values of functions' bindings; `client` makes that of a durable client."""
        return FunctionBindings(client, self.inputs, self.outputs)

    def use(self, invoker: Invoker, twice: TwiceRecords | None = None) -> None:
        """Run functions by this; activities twice if their work is delivered twice."""
        self.runs = Runs(self._app, invoker, self._clock, twice)

    async def start(self) -> None:
        """Start the timers."""
        await self.timers.start(self._clock, self.runs, self._monitor)

    async def close(self) -> None:
        """Stop the timers, and wait for what runs."""
        await self.timers.close()
        await self.runs.close()

    def output_bindings(self) -> list[dict[str, str]]:
        """Return the output bindings of the app that are captured."""
        return [
            {
                "function": function.name,
                "name": str(binding["name"]),
                "type": str(binding["type"]),
                "target": target_of(binding),
            }
            for function in self._app.all
            for binding in function.bindings
            if (is_output(binding) or binding["name"] == RETURNED) and str(binding["type"]).lower() != "http"
        ]

    def warnings(self) -> list[str]:
        """Return what a person who starts the app should know about triggers and bindings that are not served."""
        timers = [f"Timer '{name}' does not fire: {problem}." for name, problem in self.timers.problems.items()]
        unrunnable = [
            f"Function '{function.name}' fails whenever it runs: {reason}"
            for function in self._app.functions
            for reason in reasons_of(function)
        ]
        return [*timers, *unset_settings(self._app), *unrunnable] + [
            f"Function '{function.name}' needs {described(binding, target_of(binding))}: this host has no such service,"
            " and the function fails unless a test gives the value (operations.give)."
            for function, binding in unserved_inputs(self._app.functions)
        ]

    def notes(self, base_url: str) -> dict[str, str]:
        """Return for each function that is neither HTTP nor durable what makes it run."""
        return {
            function.name: self.timers.schedules.get(function.name)
            or (
                "cannot run here"
                if any(reasons_of(function))
                else f"runs by hand only: POST {base_url}/admin/functions/{function.name}"
            )
            for function in self._app.others
            if function.trigger_type.lower() not in DURABLE_TRIGGERS
        }

    def check_input_name(self, name: str) -> None:
        """Raise UnusableValueError unless some input binding that this host does not serve may be meant."""
        unserved = list(unserved_inputs(self._app.all))
        for function, binding in unserved:
            if name.lower() in names_of(function, binding) or may_become(target_of(binding), name):
                return
        for function, binding, type_name in sdk_bindings(self._app.all):
            if name.lower() in names_of(function, binding) or may_become(target_of(binding), name):
                reason = sdk_type_reason(function, str(binding["name"]), type_name)
                raise UnusableValueError(f"No value can be given for '{name}' of function '{function.name}': {reason}")
        known = ", ".join(sorted(f"{function.name}.{binding['name']}" for function, binding in unserved)) or "none"
        raise UnusableValueError(
            f"No function has an input binding '{name}' that needs a value. Those that do: {known}. Name the parameter,"
            " function.parameter, or where the binding leads."
        )


def unset_settings(app: FunctionApp) -> Iterator[str]:
    """Yield a warning for each binding that leads to a setting which is not set."""
    for function in app.functions:
        for binding in function.bindings:
            for name in SETTING.findall(target_of(binding)):
                yield (
                    f"Function '{function.name}', binding '{binding['name']}' ({binding['type']}): the setting '{name}'"
                    f" of %{name}% is not set, so the name stays as it is; in Azure the function does not start."
                )


def unserved_inputs(functions: Iterable[Function]) -> Iterator[tuple[Function, Mapping[str, object]]]:
    """Yield the input bindings that have a value only if a test gives one."""
    for function in functions:
        for binding in function.bindings:
            if is_unserved_input(function, binding):
                yield function, binding

"""The settings of a run, as its report shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from durable_harness.gate.report import COMPLETION_ORIGIN
from durable_harness.load.engine.open_load import open_scenarios
from durable_harness.load.options.load_options import LoadOptions

if TYPE_CHECKING:
    from locust.env import Environment


def run_settings(environment: Environment, options: LoadOptions, processes: str, app: str = "") -> Mapping[str, str]:
    """Return the settings of a run by their names in its report.

    `processes` names those that made the load; `app` is the app that the run served itself, empty if it served none.
    """
    parsed = environment.parsed_options
    run_time = f"{parsed.run_time} s" if parsed.run_time else "until stopped"
    return {
        **({"app": app} if app else {}),
        "users": str(environment.runner.target_user_count),
        "run time": run_time,
        "processes": processes,
        COMPLETION_ORIGIN: _describe_origins(environment),
        **options.for_report(),
        **_by_scenario(environment, options),
    }


def _describe_origins(environment: Environment) -> str:
    """Return what completion counts from: it differs between open and closed workloads."""
    opened = open_scenarios(environment)
    closed = [cls.__name__ for cls in environment.user_classes if cls.__name__ not in opened]
    intended = f"the intended start ({', '.join(sorted(opened))})" if opened else ""
    sent = f"sending the start ({', '.join(sorted(closed))})" if closed else ""
    return "; ".join(filter(None, (intended, sent)))


def _by_scenario(environment: Environment, options: LoadOptions) -> dict[str, str]:
    """Return what scenarios may decide for themselves, by scenario where that differs."""
    by_setting: dict[str, dict[str, list[str]]] = {}
    for user_class in sorted(environment.user_classes, key=lambda user_class: user_class.__name__):
        describe = getattr(user_class, "describe", None)
        for name, text in (describe(options) if describe else {}).items():
            by_setting.setdefault(name, {}).setdefault(text, []).append(user_class.__name__)
    return {name: _one_or_each(texts) for name, texts in by_setting.items()}


def _one_or_each(texts: Mapping[str, list[str]]) -> str:
    """Return the only text, or each with the scenarios that it is of."""
    if len(texts) == 1:
        return next(iter(texts))
    return "; ".join(f"{text} ({', '.join(names)})" for text, names in texts.items())

"""The process that coordinates a run: it opens the system under test, shows progress, judges and reports."""

from __future__ import annotations

import logging
import sys
import time
import uuid
from abc import abstractmethod
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
from locust import stats
from locust.env import Environment
from locust.exception import StopTest

from durable_harness.errors import INTERRUPTED, NOTHING_MEASURED, HarnessError, UsageError
from durable_harness.gate.report import render_text
from durable_harness.gate.writing import WrittenReports
from durable_harness.load.audit import OperationUrls
from durable_harness.load.distributed.joining import JOINING
from durable_harness.load.engine.open_load import check_scenarios, open_scenarios
from durable_harness.load.lifecycle.exit_code import RunExitCode
from durable_harness.load.lifecycle.locust_signals import ProcessExit, raise_in_main
from durable_harness.load.lifecycle.startup import end_forked_workers
from durable_harness.load.lifecycle.web_port import check_web_port
from durable_harness.load.metrics.families import Reading
from durable_harness.load.metrics.metrics_service import watched
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.options.target import STACK_LOG, open_target, public_url
from durable_harness.load.processes.early_ends import AbortWatch, EndWatch, LastArrivalWatch
from durable_harness.load.processes.inquiry import Inquiry
from durable_harness.load.processes.judging import JudgingProcess
from durable_harness.load.processes.process import RunPhase
from durable_harness.load.processes.run_preflight import look_before_load
from durable_harness.load.results.progress import Progress
from durable_harness.load.results.record_files import clear_operations
from durable_harness.load.results.reporting import (
    HTML_NAME,
    clear_previous,
    clear_reports,
    prepare_folder,
    set_aside,
    write_report,
)
from durable_harness.load.results.run_evidence import EvidenceOfRun, RunFacts, hide_what_is_known
from durable_harness.load.results.twice_in_run import with_twice_report
from durable_harness.load.watch import UsageWatch
from durable_harness.load.web import Guard, LiveRun, StartForm, add_pages
from durable_harness.load.web.form_style import form_style
from durable_harness.load.web.home import Home
from durable_harness.platforms.clocks import monotonic
from durable_harness.platforms.encodings import PLAIN
from durable_harness.terminal.colours import show

logger = logging.getLogger(__name__)

SIGNAL_S = 0.01
"""How long the event loop takes at most to handle a signal that has come; 0 would not let it look."""
TOO_LATE = "the run had its verdict before the signal came, which changes neither its reports nor its exit code"


class Coordinator(JudgingProcess):
    """Common to a Locust that runs alone and to a master."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.run_id = ""
        self._closing = ExitStack()
        self._exit_code = RunExitCode(environment)
        self._stack_log: Path | None = None
        """The log of a stack that this process has begun to start."""
        self._progress: Progress | None = None
        self._last_words = ""
        self._elapsed_s = self._began_epoch_s = 0.0
        self._verdict: str | None = None
        self._html_report: Path | None = None
        self._has_late_signal = False

    @abstractmethod
    def are_arrivals_over(self) -> bool:
        """Return whether the last arrival of all open scenarios has come."""

    @abstractmethod
    def operation_urls(self) -> list[OperationUrls]:
        """Return the URLs of an operation of each scenario."""

    def set_up(self) -> None:
        options = LoadOptions.read(self.environment.parsed_options)
        check_scenarios(self.environment.user_classes, options if self._starts_by_itself else None)
        prepare_folder(options.report_dir)
        self._evidence = EvidenceOfRun(options.evidence)
        hide_what_is_known(options)
        previous = None
        try:
            options.check_scenarios(self.loaded_scenarios())
            if self.environment.web_ui is not None:
                check_web_port(self.environment.web_ui.host, self.environment.web_ui.port)
            if self._starts_by_itself:
                # Not even a run that never begins may leave an old report in its place.
                previous = set_aside(options.report_dir)
                prepare_folder(options.report_dir)
            self._open(options)
        except HarnessError as error:
            self._write_evidence(options, WrittenReports((), ()), {"ended": f"before the load: {error}"})
            if previous is not None:
                sys.stderr.write(f"locust: the earlier run that was in {options.report_dir} is now in {previous}\n")
            raise

    def _open(self, options: LoadOptions) -> None:
        """Open the system under test, the pages and the metrics of the run."""
        self._stack_log = None if self.environment.host else options.report_dir / STACK_LOG
        self._watched = self._closing.enter_context(watched(options.metrics, self._read_metrics))
        self.target = self._closing.enter_context(open_target(self.environment.host, options))
        self.environment.host = self.target.base_url
        if self.target.function_key and not options.function_key:
            self.environment.parsed_options.function_key = self.target.function_key
        look_before_load(self, self.target, options)
        self.home = Home(self.target.base_url)
        if self.environment.web_ui is not None:
            base_path = (getattr(self.environment.parsed_options, "web_base_path", None) or "").rstrip("/")
            add_pages(self.environment.web_ui, base_path, self._live, lambda: self._html_report, self._form_style)
            form = StartForm(self.environment, self._check_run)
            Guard(base_path, form, self._secrets).watch(self.environment.web_ui.app)

    def read_options(self) -> LoadOptions:
        try:
            options = LoadOptions.read(self.environment.parsed_options)
            check_scenarios(self.environment.user_classes, options)
            self.environment.host = self.home.read(self.environment.host, options, self.environment.user_classes)
        except UsageError as error:
            # Only the web form can get here with a bad value; StopTest is how Locust shows it on the page.
            raise StopTest(str(error)) from error
        return options

    def _check_run(self, parsed: Namespace, user_classes: Iterable[type]) -> None:
        """Raise UsageError for a run that the web form may not start now."""
        base_url = self.home.read(parsed.host, LoadOptions.read(parsed), user_classes)
        if self.phase is not RunPhase.IDLE and base_url != self.environment.host:
            raise UsageError(f"A run against {public_url(self.environment.host)} is still running: stop it first.")

    def _secrets(self) -> Iterator[str]:
        """Yield the texts that no page may show."""
        yield self.environment.parsed_options.function_key or ""
        yield from self.environment.parsed_options.headers.splitlines()
        yield JOINING.token
        home = getattr(self, "home", None)  # there is none before the system under test is known
        yield urlsplit(home.base_url if home else self.environment.host or "").netloc.rpartition("@")[0]

    def begin(self, options: LoadOptions) -> None:
        self.options = options
        self.run_id = uuid.uuid4().hex
        clear_operations(options.report_dir)
        clear_reports(options.report_dir)
        clear_previous(options.report_dir)
        self._inquiry = Inquiry(self.environment, options, self.run_id, self.operation_urls)
        self._exit_code.reset()
        self._last_words = ""
        self._began_epoch_s, self._load_until_epoch_s = time.time(), None
        self._began, self._verdict, self._html_report = monotonic(), None, None
        if self._is_headless or sys.stderr.isatty():
            self._progress = Progress(self.total, self.environment.parsed_options.run_time)
        self._watches = list(self._watch_for_ends(options))
        self._usage_watch = UsageWatch(self.target.pid if self.target else None)

    def take_signal(self) -> None:
        """End the process; at once if it has only this run to make, and that has not begun."""
        if self.run_id or self.phase is not RunPhase.IDLE or not self._starts_by_itself:
            self._acknowledge_late_signal()
            super().take_signal()
        elif not self.is_leaving:
            self.is_leaving = True
            sys.stderr.write(f"locust: {NOTHING_MEASURED}\n")
            end_forked_workers()
            self.tear_down()
            self.signals.ignore()
            raise_in_main(ProcessExit(INTERRUPTED))

    def _acknowledge_late_signal(self) -> None:
        """Report once that a signal is too late to interrupt the run, whose reports are being written or are there."""
        if self._is_headless and self._verdict is not None and not self._has_late_signal:
            self._has_late_signal = True
            sys.stderr.write(f"locust: {TOO_LATE}\n")
            sys.stderr.flush()

    def hurry(self) -> None:
        self._inquiry.cut_short()

    def _on_test_stopping(self, **event: object) -> None:
        """Stop looking for a reason to end the run: it ends, and a second end would cut its winding up short."""
        self._load_until_epoch_s = self._load_until_epoch_s or time.time()
        for watch in self._watches:
            watch.close()
        super()._on_test_stopping(**event)

    def end(self) -> None:
        self._usage_watch.stop()
        if self._progress is not None:
            self._progress.close()
        report = self._judge()
        self._verdict = f"{report.verdict}: {report.verdict_sentence}"
        written = write_report(report, self.options.report_dir)
        twice = ""
        if self.options.twice and self.target is not None:
            twice, written = with_twice_report(written, self.target.base_url, self.options.report_dir)
        written = self._write_evidence(self.options, written, {"run_id": self.run_id, "ended": self._verdict})
        self._exit_code.decide(written.exit_code(self._code_of(report)), self._verdict)
        self._elapsed_s = monotonic() - self._began
        html_report = self.options.report_dir / HTML_NAME
        self._html_report = html_report if html_report in written.paths else None
        self._last_words = f"\n{render_text(report)}{self._with_log(written).sentence()}{twice}"
        if not self._is_headless:
            self._say_last_words()
        self._watched.run_is_over()
        # Nothing else ran meanwhile: a signal that came is handled now, or else Locust quits without a word about it.
        gevent.sleep(SIGNAL_S)

    def _write_evidence(
        self, options: LoadOptions, written: WrittenReports, about: Mapping[str, Any]
    ) -> WrittenReports:
        served_here = not self.environment.host or (self.target is not None and self.target.pid is not None)
        facts = RunFacts(
            *(self.environment.parsed_options, self._secrets()), served_here=served_here, has_begun=bool(self.run_id)
        )
        return self._evidence.added_to(written, options, about, self._stack_log, facts)

    def tear_down(self) -> None:
        self._closing.close()

    def _on_quit(self, **_: object) -> None:
        """Print the report last, after Locust's tables."""
        super()._on_quit()
        self._say_last_words()
        if self.environment.parsed_options.csv_prefix:
            # Locust closes these files without the last second. Its writer sleeps for this long, and did so before us.
            gevent.sleep(stats.CSV_STATS_INTERVAL_SEC)

    def _read_metrics(self) -> Reading:
        """Return the current status of the run, or the end of the last one, for monitoring."""
        identity = {"run_id": self.run_id, "target": public_url(self.environment.host or "")}
        return Reading(self.total(), identity, self._began_epoch_s)

    def _live(self) -> LiveRun:
        """Return the current status of the run, or the end of the last one, for the live page."""
        has_run, is_over = bool(self.run_id), self.phase is RunPhase.IDLE
        return LiveRun(
            tally=self.total(),
            gates=self._gates() if has_run else (),
            phase=self.phase.value,
            elapsed_s=self._elapsed_s if is_over or not has_run else monotonic() - self._began,
            run_time_s=self.environment.parsed_options.run_time if has_run else None,
            target=public_url(self.environment.host or ""),
            processes=self.describe_processes(),
            verdict=self._verdict,
            warm_up_s=self.options.warm_up_s if has_run else 0.0,
            load_until_epoch_s=(self._load_until_epoch_s or time.time()) if has_run else None,
            report_file=str(self.options.report_dir / HTML_NAME) if has_run else "",
        )

    def _say_last_words(self) -> None:
        # A terminal's encoding may lack characters that reports have.
        encoding = sys.stdout.encoding or "utf-8"
        show(self._last_words.encode(encoding, PLAIN).decode(encoding))
        sys.stdout.flush()
        self._last_words = ""

    def _with_log(self, written: WrittenReports) -> WrittenReports:
        """Name the embedded stack's log too: that is where the cause of a failure is found."""
        log_path = self.target.log_path if self.target else None
        return written._replace(paths=(*written.paths, log_path)) if log_path else written

    @property
    def _is_headless(self) -> bool:
        return bool(self.environment.parsed_options.headless)

    @property
    def _starts_by_itself(self) -> bool:
        """Whether Locust makes one run, and starts it by itself."""
        return self._is_headless or bool(self.environment.parsed_options.autostart)

    def _watch_for_ends(self, options: LoadOptions) -> Iterator[EndWatch]:
        """Begin to watch for what ends a run before its time."""
        if (rule := options.abort_rule()) is not None:
            span_s = (options.warm_up_s, self.environment.parsed_options.run_time)
            yield AbortWatch(rule, self._gates(), self.total, span_s, self._stop)
        if len(open_scenarios(self.environment)) == len(self.environment.user_classes):
            # A closed scenario would continue forever.
            yield LastArrivalWatch(self.are_arrivals_over, self._stop)

    def _stop(self) -> None:
        """End the run; a headless Locust with it."""
        runner = self.environment.runner
        (runner.quit if self._is_headless else runner.stop)()

    def _form_style(self) -> str:
        opened, picker = open_scenarios(self.environment), self.environment.web_ui.userclass_picker_is_active
        has_closed = len(opened) < len(self.environment.user_classes)
        return form_style(has_open=bool(opened) or picker, has_closed=has_closed or picker)

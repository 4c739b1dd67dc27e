"""The command line as Core Tools spells it, and the settings about its worker processes."""

import pytest

from durable_harness.cli import main, serve
from durable_harness.errors import ConfigurationError
from durable_harness.settings.worker_processes import notes_on_workers


@pytest.fixture
def started(monkeypatch):
    """Return a function that runs a command line and returns its exit code and the options that the host was given."""

    def run(line):
        seen = []
        monkeypatch.setattr(serve, "_serve", seen.append)
        return main(line.split()), seen[0] if seen else None

    return run


@pytest.mark.parametrize("verb", ["start", "run", "host start"])
@pytest.mark.parametrize("first", ["func ", ""])
def test_all_spellings_start_the_host(started, first, verb):
    """`func start`, its older spellings and those without `func` start the host with the options of both."""
    code, options = started(f"{first}{verb} --port 7072 --script-root app --python --no-build -t 30 --cors *")
    assert code == 0
    assert (options.port, options.app, options.cors) == (7072, "app", "*")
    assert (options.scheduler, options.log_level, options.is_service) == ("embedded", None, True)


def test_arguments_of_the_language_worker_are_not_used(started, capsys):
    """What follows `--language-worker --` is for another process in Azure: it is taken, named and not used."""
    code, options = started("func start --port 0 --language-worker -- -m debugpy --port 5678")
    assert (code, options.port) == (0, 0)
    assert "not used: -m debugpy --port 5678" in capsys.readouterr().err
    code, _ = started("func start --language-worker=-Xdev")
    assert (code, "not used: -Xdev" in capsys.readouterr().err) == (0, True)


def test_two_dashes_alone_are_no_option(started, capsys):
    """Without --language-worker, arguments after `--` are a mistake like any others that are unknown."""
    assert started("func start -- -Xdev") == (2, None)
    assert "-Xdev" in capsys.readouterr().err


@pytest.mark.parametrize("language", ["csharp", "javascript", "dotnet-isolated"])
def test_another_language_is_refused(started, capsys, language):
    """A switch for a language that the host cannot run ends with 2 and says which one it can."""
    assert started(f"start --{language}")[0] == 2
    assert f"--{language}: this host runs Python apps" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environ", "noted"),
    [
        ({}, ""),
        ({"FUNCTIONS_WORKER_PROCESS_COUNT": "1", "PYTHON_THREADPOOL_THREAD_COUNT": "4"}, ""),
        (
            {"FUNCTIONS_WORKER_PROCESS_COUNT": "4"},
            "FUNCTIONS_WORKER_PROCESS_COUNT=4: this host runs all functions in one",
        ),
        ({"PYTHON_THREADPOOL_THREAD_COUNT": "many"}, "PYTHON_THREADPOOL_THREAD_COUNT=many"),
    ],
)
def test_ignored_worker_settings_are_reported(environ, noted):
    """More than one worker process, and a number of threads that is none, are named with what happens instead."""
    notes = list(notes_on_workers(environ))
    assert [note.startswith(noted) for note in notes] == [True] * bool(noted)


@pytest.mark.parametrize("count", ["0", "11", "-1", "two", "1.5"])
def test_a_wrong_number_of_worker_processes_is_refused(count):
    """The number of worker processes is from 1 to 10, as in Azure."""
    with pytest.raises(ConfigurationError, match="from 1 to 10"):
        list(notes_on_workers({"FUNCTIONS_WORKER_PROCESS_COUNT": count}))

"""What `durable-harness load` calls Locust with."""

import pytest

from durable_harness.cli.load import locust_command
from durable_harness.errors import UsageError


@pytest.fixture
def app(tmp_path):
    """Return a folder with an app and scenarios beside it."""
    (tmp_path / "loadtests").mkdir()
    return tmp_path


def words(*arguments, **environment):
    """Return Locust's command line."""
    return locust_command(arguments, environment).words


def test_scenarios_beside_the_app_are_taken(app):
    """The folder of the app is loaded with its own scenarios, all of them, headless for a minute."""
    command = locust_command([str(app)], {})
    expected = ["--app", str(app), "--locustfile", str(app / "loadtests")]
    assert command.words == [*expected, "--headless", "--only-summary", "--run-time", "1m"]
    assert command.environment == {}


def test_without_scenarios_ours_are_taken(tmp_path):
    """An app without scenarios gets the steady one of the package, and gates that suit any app."""
    command = locust_command([str(tmp_path)], {})
    locustfile = command.words[command.words.index("--locustfile") + 1]
    gates = command.words[command.words.index("--gates") + 1]
    assert locustfile.endswith("loadtests")
    assert gates.endswith("templates/gates.toml")
    assert command.environment == {"LOCUST_USER_CLASSES": "Steady"}


def test_options_of_the_user_win_over_that(tmp_path):
    """A locustfile, gates, a run time and a scenario are passed on, and nothing is added for them."""
    given = ["-f", "x.py", "--gates", "none", "-t", "5s", "--headless", "Mixed"]
    assert words(str(tmp_path), *given) == ["--app", str(tmp_path), *given]
    assert "--gates" not in words("--gates=none", "-t5s")[2:-3]


def test_the_web_page_is_asked_for():
    """--web, and whatever else is about Locust's page, leaves Locust in its own way to run."""
    for arguments in (["--web"], ["--web-port", "8090"], ["--autostart"]):
        line = words(*arguments)
        assert "--headless" not in line
        assert "--web" not in line


def test_a_config_file_beside_the_scenarios_is_read(app):
    """An app's locust.conf holds, its run time too, unless another one is named."""
    (app / "loadtests" / "locust.conf").write_text("run-time = 2m\n")
    config = str(app / "loadtests" / "locust.conf")
    assert words(str(app))[-4:] == ["--config", config, "--headless", "--only-summary"]
    assert config not in words(str(app), "--config", "other.conf")


def test_the_environment_names_an_app(app):
    """DURABLE_HARNESS_APP, and its former name, name the folder of the scenarios."""
    for variable in ("DURABLE_HARNESS_APP", "DURABLE_HARNESS_APP_DIR"):
        assert str(app / "loadtests") in words(**{variable: str(app)})


@pytest.mark.parametrize(
    ("arguments", "message"), [(["./nowhere"], "got './nowhere'"), ([".", "--app", "x"], "--app x")]
)
def test_a_folder_that_is_none_is_refused(arguments, message):
    """A path that is no folder, or two folders, end with what is expected."""
    with pytest.raises(UsageError, match=message):
        locust_command(arguments, {})

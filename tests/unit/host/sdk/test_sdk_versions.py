"""Which azure-functions-durable is installed, which one an app needs, and what a user reads if they differ."""

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from durable_harness.errors import AppLoadError, UnsupportedSdkError
from durable_harness.host import sdk_choice
from durable_harness.host.sdk import installed, needed

ONE, TWO = Version("1.7.0"), Version("2.0.0rc3")


def app_that_needs(tmp_path, *lines):
    (tmp_path / "requirements.txt").write_text("\n".join(lines))
    return tmp_path


@pytest.mark.parametrize(
    ("requirement", "version"),
    [
        ("azure-functions-durable>=2.0.0rc1", TWO),
        ("azure-functions-durable", ONE),
        ("azure-functions-durable", TWO),
        ("azure-functions-durable>=1.2,<3", TWO),
        ("azure-functions-durable==1.2.9", ONE),
        ("azure-functions-durable>1.2.9,<1.3", ONE),
        ("azure-functions-durable>=9", TWO),
        ("azure-functions-durable<2; python_version < '3'", TWO),
        ("# azure-functions-durable<2", TWO),
        ("-r other.txt", TWO),
        ("azure-functions-durable-extra<2", TWO),
        ("azure-functions-durable[x]>=2; python_version >= '3'", TWO),
        ("azure-functions-durable @ https://example.test/azure_functions_durable-1.2.9-py3-none-any.whl", TWO),
        ("azure-functions-durable << 2", TWO),
        ("requests==1.0", TWO),
    ],
)
def test_a_requirement_that_allows_this_sdk_is_no_error(tmp_path, requirement, version):
    """Only a requirement that excludes every version of the installed generation, and not of the other, is an error."""
    installed.check_wanted(app_that_needs(tmp_path, requirement), version)


@pytest.mark.parametrize(
    ("requirement", "version", "needs"),
    [
        ("azure-functions-durable<2", TWO, "1.x"),
        ("azure-functions-durable==1.2.9", TWO, "1.x"),
        ("azure-functions-durable~=1.3", TWO, "1.x"),
        ("Azure_Functions.Durable >=1.3.3, !=1.4.0, <1.8  # for now", TWO, "1.x"),
        ("azure-functions-durable==1.7.0 --hash=sha256:00", TWO, "1.x"),
        ("azure-functions-durable==1.7.0 \\", TWO, "1.x"),
        ("azure-functions-durable>=2.0.0b1", ONE, "2.x"),
        ("azure-functions-durable==2.0.0rc3", ONE, "2.x"),
        ("azure-functions-durable>=2", ONE, "2.x"),
        ("azure-functions-durable[x]<2", TWO, "1.x"),
        ("azure-functions-durable (<2)", TWO, "1.x"),
        ("azure-functions-durable<2; python_version >= '3'", TWO, "1.x"),
    ],
)
def test_an_app_that_requires_the_other_generation_is_refused(tmp_path, requirement, version, needs):
    """The message names what the app needs, where it says so, what is installed, and how to install the other one."""
    with pytest.raises(UnsupportedSdkError) as caught:
        installed.check_wanted(app_that_needs(tmp_path, "aiohttp", requirement), version)
    message = str(caught.value)
    assert f"needs azure-functions-durable {needs} (requirements.txt has " in message
    assert f"but {version} is installed" in message
    assert "pip install" in message
    assert ("--pre" in message) == (needs == "2.x")
    assert caught.value.exit_code == 5


def test_an_app_without_requirements_is_not_judged_by_them(tmp_path):
    """A folder without a requirements.txt needs whatever is installed."""
    installed.check_wanted(tmp_path, TWO)


@pytest.mark.parametrize("version", ["1.2.9", "1.3.2", "1.8.0", "2.1.0", "3.0.0", "0.1"])
def test_a_version_outside_the_ranges_is_refused(monkeypatch, version):
    """A version that this host was not made for ends the start: it names the version and both ranges."""
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: version)
    with pytest.raises(UnsupportedSdkError, match=rf"durable {version} is .*\n.*>=1\.3\.3,<1\.8 and >=2\.0\.0b2,<2\.1"):
        installed.installed_version()


@pytest.mark.parametrize("version", ["1.3.3", "1.7.0", "1.7.5", "2.0.0b2", "2.0.0rc3", "2.0.0", "2.0.4"])
def test_versions_in_a_range_are_taken(monkeypatch, version):
    """The ranges have their lower bounds in them, and pre-releases of 2.0."""
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: version)
    assert installed.installed_version() == Version(version)


def test_no_sdk_at_all_is_named(monkeypatch):
    """Without the SDK the message states what to install."""

    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(UnsupportedSdkError, match="azure-functions-durable is not installed"):
        installed.installed_version()


@pytest.mark.parametrize(
    ("code", "other", "name"),
    [
        ("import azure.durable_functions.models.nothing_there", 1, "models"),
        ("from azure.durable_functions.entity.nothing_there import x", 1, "entity"),
        ("import azure.durable_functions.internal.nothing_there", 2, "internal"),
        ("import azure.durable_functions as df; df.configure_large_payloads", 2, "configure_large_payloads"),
        ("import azure.durable_functions as df; df.DFApp().configure_history_export_", 2, None),
        (
            "from azure.durable_functions import durable_openai_agent_orchestrator",
            1,
            "durable_openai_agent_orchestrator",
        ),
        ("import no_such_package", 2, None),
        ("[].client", 2, None),
        ("1 / 0", 1, None),
    ],
)
def test_a_missing_name_reveals_which_sdk_the_app_is_for(code, other, name):
    """A name that only the other generation has is distinguished from a plain mistake."""
    with pytest.raises(Exception) as caught:
        exec(code, {})
    found = needed.needed_generation(caught.value, 3 - other)
    assert found == (None if name is None else (other, name))


def test_an_app_written_for_the_other_generation_is_refused(tmp_path, monkeypatch):
    """An app that fails because of the SDK's generation ends with a message: what it uses, needs, and what is there."""
    version = installed.installed_version()
    other = 3 - version.major
    missing = {1: "models", 2: "worker"}[other]
    (tmp_path / "function_app.py").write_text(f"import azure.durable_functions.{missing}.nothing_there as x\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(UnsupportedSdkError) as caught:
        sdk_choice.load_durable_app(tmp_path)
    assert f"needs azure-functions-durable {other}.x (it uses {missing}" in str(caught.value)
    assert f"but {version} is installed" in str(caught.value)
    assert 'File "function_app.py", line 1' in str(caught.value)


@pytest.mark.sdk1
@pytest.mark.parametrize(
    "function",
    [
        "@app.orchestration_trigger(context_name='context')\ndef native(ctx, value): ...",
        "@app.entity_trigger(context_name='context')\ndef native(ctx, value): ...",
    ],
    ids=["orchestrator", "entity"],
)
def test_functions_of_two_parameters_need_2(tmp_path, monkeypatch, function):
    """1.x would load durabletask's own form of a function, and fail each of its instances."""
    script = f"import azure.durable_functions as df\napp = df.DFApp()\n{function}\n"
    (tmp_path / "function_app.py").write_text(script)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(
        UnsupportedSdkError, match=r"needs azure-functions-durable 2\.x \(its function native takes two"
    ):
        sdk_choice.load_durable_app(tmp_path)


def test_other_mistakes_of_an_app_stay_what_they_are(tmp_path, monkeypatch):
    """An app that does not import for a reason of its own is reported with that reason."""
    (tmp_path / "function_app.py").write_text("import no_such_package\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(AppLoadError, match="no_such_package") as caught:
        sdk_choice.load_durable_app(tmp_path)
    assert not isinstance(caught.value, UnsupportedSdkError)


def test_the_sdk_is_not_imported_before_its_version_is_known(tmp_path):
    """A requirement for the other generation ends the command although the package itself could not be imported."""
    other = {1: "2", 2: "1"}[installed.installed_version().major]
    broken = tmp_path / "path" / "azure" / "durable_functions"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise SystemExit('imported too early')")
    app_that_needs(tmp_path, f"azure-functions-durable=={other}.*")
    (tmp_path / "function_app.py").write_text("")
    code = (
        f"import sys, azure; azure.__path__ = [{str(broken.parent)!r}, *azure.__path__];"
        " from durable_harness.cli import main; sys.exit(main(['serve', '--port', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (5, ""), done.stderr
    assert f"error: The app needs azure-functions-durable {other}.x" in done.stderr


def test_older_azure_functions_installs_on_every_python():
    """Agent Framework takes azure-functions below 2: on Python 3.13 that is 1.25, the newest that allows it."""
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]
    ours = [Requirement(text) for text in project["dependencies"]]
    for python, newest in (("3.11", "1.26.0"), ("3.12", "1.26.0"), ("3.13", "1.25.0"), ("3.14", "1.25.0")):
        (azure,) = [r for r in ours if r.name == "azure-functions" and r.marker.evaluate({"python_version": python})]
        assert newest in azure.specifier

"""Settings: what host.json, local.settings.json and connection strings contain, and what they may not."""

import json
import logging
import re

import pytest

from durable_harness.errors import ConfigurationError, UsageError
from durable_harness.settings import (
    load_app_settings,
    parse_connection_string,
    read_host_json,
    read_local_settings,
)
from durable_harness.settings.json_file import PIECE, as_plain_json
from durable_harness.settings.log_levels import read_log_levels

GOOD_HOST = {
    "version": "2.0",
    "extensions": {
        "http": {"routePrefix": "v1/api/", "maxOutstandingRequests": 7},
        "durableTask": {
            "hubName": "orders",
            "maxConcurrentActivityFunctions": 3,
            "storageProvider": {"type": "AzureManaged", "connectionStringName": "DTS"},
        },
    },
    "functionTimeout": "1.02:03:04",
}
ADDRESS = "Endpoint=http://localhost:8080;Authentication=None"


@pytest.fixture
def app_dir(tmp_path):
    """An app directory whose files a test writes with `write(host=…, local=…)`."""

    def write(host=None, local=None):
        for name, content in (("host.json", host), ("local.settings.json", local)):
            if content is not None:
                text = content if isinstance(content, str) else json.dumps(content)
                (tmp_path / name).write_text(text)
        return tmp_path

    return write


def test_host_json_is_read_whole(app_dir):
    """Every setting that the host honours is read, whatever the case of its key and value."""
    settings = read_host_json(app_dir(host=GOOD_HOST), {})
    assert (settings.route_prefix, settings.max_outstanding_requests) == ("v1/api", 7)
    assert settings.function_timeout_s == ((24 + 2) * 60 + 3) * 60 + 4
    durable = settings.durable_task
    assert (durable.hub_name, durable.provider, durable.connection_string_name) == ("orders", "azureManaged", "DTS")
    assert (durable.max_concurrent_activities, durable.max_concurrent_orchestrators) == (3, None)


def test_without_host_json_the_defaults_count(app_dir):
    """An app without host.json gets the defaults of the Functions host."""
    settings = read_host_json(app_dir(), {})
    assert (settings.route_prefix, settings.function_timeout_s, settings.functions) == ("api", 1800, None)
    assert settings.durable_task.hub_name == "TestHubName"


def test_the_environment_overrides_host_json(app_dir):
    """AzureFunctionsJobHost__a__b sets a.b, and functions__N makes the list of functions to load."""
    environ = {
        "AzureFunctionsJobHost__extensions__durableTask__hubName": "other",
        "AzureFunctionsJobHost__functions__1": "b",
        "AzureFunctionsJobHost__functions__0": "a",
    }
    settings = read_host_json(app_dir(host=GOOD_HOST), environ)
    assert settings.durable_task.hub_name == "other"
    assert settings.functions == ("a", "b")


def test_a_hub_name_in_percent_signs_is_an_app_setting(app_dir):
    """%NAME% stands for the app setting NAME, and for itself where there is none."""
    host = {"version": "2.0", "extensions": {"durableTask": {"hubName": "%HUB%"}}}
    assert read_host_json(app_dir(host=host), {"HUB": "orders"}).durable_task.hub_name == "orders"
    assert read_host_json(app_dir(host=host), {}).durable_task.hub_name == "%HUB%"


def test_minus_one_means_no_function_timeout(app_dir):
    """functionTimeout -1 lets functions run forever."""
    assert read_host_json(app_dir(host={"version": "2.0", "functionTimeout": "-1"}), {}).function_timeout_s is None


def durable(**settings):
    return {"version": "2.0", "extensions": {"durableTask": settings}}


@pytest.mark.parametrize(
    ("host", "key", "expected"),
    [
        ({}, "version", '"2.0"'),
        ({"version": "1.0"}, "version", "'1.0'"),
        ("{", "", "line 1, column 2"),
        ("[]", "", "one JSON object"),
        (durable(hubName=""), "extensions.durableTask.hubName", "empty"),
        (durable(storageProvider={"type": "redis"}), "extensions.durableTask.storageProvider.type", "azureManaged"),
        (durable(storageProvider="dts"), "extensions.durableTask.storageProvider", "object"),
        (durable(maxConcurrentActivityFunctions=0), "extensions.durableTask.maxConcurrentActivityFunctions", "above 0"),
        (durable(maxConcurrentActivityFunctions="x"), "maxConcurrentActivityFunctions", "whole number"),
        (durable(maxConcurrentOrchestratorFunctions=True), "maxConcurrentOrchestratorFunctions", "whole number"),
        (durable(overridableExistingInstanceStates="None"), "overridableExistingInstanceStates", "AnyState"),
        (durable(localRpcEndpointEnabled="maybe"), "localRpcEndpointEnabled", "true or false"),
        ({"version": "2.0", "functions": "pay"}, "functions", "list of names"),
        ({"version": "2.0", "logging": {"logLevel": {"Function": "Verbose"}}}, "logging.logLevel.Function", "Trace"),
        ({"version": "2.0", "logging": {"logLevel": "Debug"}}, "logging.logLevel", "object"),
        ({"version": "2.0", "functionTimeout": "ten"}, "functionTimeout", "hh:mm:ss"),
        ({"version": "2.0", "functionTimeout": "00:00:00"}, "functionTimeout", "one second or more"),
        ({"version": "2.0", "extensions": {"http": {"maxConcurrentRequests": 0}}}, "maxConcurrentRequests", "-1"),
    ],
)
def test_a_wrong_host_json_is_explained(app_dir, host, key, expected):
    """A wrong value is an error that names the file, the key and what is allowed."""
    with pytest.raises(ConfigurationError) as caught:
        read_host_json(app_dir(host=host), {})
    message = str(caught.value)
    assert message.startswith("host.json")
    assert key in message
    assert expected in message


def test_app_settings_become_environment_variables(app_dir):
    """Values and ConnectionStrings are exported, but a variable that is set already wins, with a warning."""
    local = {
        "Values": {"TAKEN": "file", "FREE": "file", "NUMBER": 5, "": "x", "NOTHING": None},
        "ConnectionStrings": {"Main": "text", "Long": {"ConnectionString": "long"}},
    }
    environ = {"TAKEN": "environment"}
    settings = load_app_settings(app_dir(host={"version": "2.0"}, local=local), environ)
    assert environ["TAKEN"] == "environment"
    assert (environ["FREE"], environ["NUMBER"]) == ("file", "5")
    assert (environ["ConnectionStrings:Main"], environ["ConnectionStrings:Long"]) == ("text", "long")
    assert any("TAKEN" in warning for warning in settings.warnings)
    assert any("NOTHING" in warning for warning in settings.warnings)


def test_host_options_are_read_from_local_settings(app_dir):
    """The Host section gives defaults for port and CORS."""
    local = {"Host": {"LocalHttpPort": 7777, "CORS": "*", "CORSCredentials": True}}
    settings = read_local_settings(app_dir(local=local))
    assert (settings.port, settings.cors, settings.cors_credentials) == (7777, "*", True)


def test_credentials_are_not_allowed_by_the_word_false(app_dir):
    """A switch given as text has the meaning of its text."""
    assert not read_local_settings(app_dir(local={"Host": {"CORSCredentials": "false"}})).cors_credentials


@pytest.mark.parametrize(
    ("local", "message"),
    [
        ("nonsense", "line 1"),
        ({"IsEncrypted": True}, "encrypted"),
        ({"Values": []}, "Values"),
        ({"Values": {"A": {"b": 1}}}, "Values.A"),
        ({"Host": {"LocalHttpPort": "many"}}, "LocalHttpPort"),
        ({"Host": {"CORS": ["*"]}}, "CORS"),
        ({"Host": {"CORSCredentials": "yes"}}, "CORSCredentials"),
    ],
)
def test_wrong_local_settings_are_explained(app_dir, local, message):
    """A local.settings.json that cannot be used is an error that names it and the key."""
    with pytest.raises(ConfigurationError, match=re.escape(message)) as caught:
        read_local_settings(app_dir(local=local))
    assert "local.settings.json" in str(caught.value)


def test_the_scheduler_of_an_app_is_found(app_dir):
    """The connection string is taken from the app setting that host.json names, by either name of the key."""
    local = {"Values": {"DTS": ADDRESS}}
    newer = durable(storageProvider={"type": "azureManaged", "connectionName": "DTS"})
    for host in (GOOD_HOST, newer):
        settings = load_app_settings(app_dir(host=host, local=local), {})
        assert settings.scheduler_at("settings").target == "localhost:8080"


@pytest.mark.parametrize(
    ("local", "message"),
    [({}, "DTS"), ({"Values": {"DTS": ""}}, "DTS"), ({"Values": {"DTS": "Endpoint"}}, "key=value")],
)
def test_an_app_without_its_scheduler_setting_is_refused(app_dir, local, message):
    """Where the setting is absent, empty or malformed, an error names it, but only if that scheduler is asked for."""
    settings = load_app_settings(app_dir(host=GOOD_HOST, local=local), {})
    with pytest.raises(ConfigurationError, match=message):
        settings.scheduler_at("settings")
    assert settings.scheduler_at(ADDRESS).target == "localhost:8080"


def test_an_app_of_another_storage_has_no_scheduler_of_its_own(app_dir):
    """`--scheduler settings` is refused for an app whose host.json names no Durable Task Scheduler."""
    with pytest.raises(UsageError, match="not azureManaged"):
        load_app_settings(app_dir(host={"version": "2.0"}), {}).scheduler_at("settings")


COMMENTED = """// settings of the shop
{
  "Values": { /* all of
  them */
    "URL": "http://localhost//a/*b*/", // not a comment in here
    "QUOTED": "say \\"hi\\", // please",
    "LIST": "[1,]",  /* a comma */
  },  // and another
}
"""


def test_comments_and_trailing_commas_are_read(app_dir):
    """Both files are read with comments and trailing commas, which mean themselves inside of text."""
    folder = app_dir(host='{"version": "2.0", /* here */ "functions": ["a", "b",],}', local=COMMENTED)
    values = read_local_settings(folder).values
    assert values == {"URL": "http://localhost//a/*b*/", "QUOTED": 'say "hi", // please', "LIST": "[1,]"}
    assert read_host_json(folder, {}).functions == ("a", "b")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{ // one\n  "a": 1 "b": 2 }', "line 2, column 10"),
        ('{"a": /* two\nlines */ }', "line 2, column 10"),
        ('{"a": 1,, }', "line 1, column 9"),
        ("{,}", "line 1, column 2"),
        ("[1,]]", "line 1, column 5"),
        ('{"a": 1} /* open', "line 1, column 10"),
        ("{'a': 1}", "line 1, column 2"),
    ],
)
def test_comments_do_not_move_the_place_of_an_error(app_dir, text, place):
    """What is wrong in a file is named by its own line and column, whatever was left out before it."""
    with pytest.raises(ConfigurationError, match=place):
        read_local_settings(app_dir(local=text))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("[1, /* a */ 2 /* b */ ]", "[1,         2         ]"),
        ("[1 /* a */, // b\n]", f"[1{14 * ' '}\n]"),
        ("[/* a */, 1]", "[       , 1]"),
        ("[1,\u00a0]", "[1 \u00a0]"),
        ('["a/*", "*/b",]', '["a/*", "*/b" ]'),
    ],
)
def test_only_comments_and_trailing_commas_are_left_out(text, plain):
    """A comma before a value stays, whatever the comments around it, and white space is as it was."""
    assert as_plain_json(text) == plain


HOSTILE = ["/*", "/* *", '"\\', '\\"', ",", ", ", "[1,", "//", "/", "/*,*/", "[,]", "\n//", ",/**/ "]


@pytest.mark.parametrize("part", HOSTILE)
@pytest.mark.parametrize("first", ["", '"', "[1,"])
def test_a_settings_file_is_read_in_one_pass(first, part):
    """Each piece begins where the one before it ended: nothing is looked for in vain, so the work is linear."""
    text = first + 100_000 * part
    ends = [0, *(found.end() for found in PIECE.finditer(text))]
    assert [found.start() for found in PIECE.finditer(text)] == ends[:-1]
    assert ends[-1] == len(text) == len(as_plain_json(text))


def test_the_environment_is_that_of_core_tools(app_dir):
    """An app finds AZURE_FUNCTIONS_ENVIRONMENT and its own folder, unless the environment or Values override it."""
    folder = app_dir(host={"version": "2.0"})
    fresh, given, staged = {}, {"AZURE_FUNCTIONS_ENVIRONMENT": "Production"}, {}
    load_app_settings(folder, fresh)
    load_app_settings(folder, given)
    load_app_settings(app_dir(local={"Values": {"AZURE_FUNCTIONS_ENVIRONMENT": "Staging"}}), staged)
    assert fresh == {"AZURE_FUNCTIONS_ENVIRONMENT": "Development", "AzureWebJobsScriptRoot": str(folder)}
    assert given["AZURE_FUNCTIONS_ENVIRONMENT"] == "Production"
    assert staged["AZURE_FUNCTIONS_ENVIRONMENT"] == "Staging"


@pytest.mark.parametrize(
    ("environ", "read"),
    [
        ({"AzureFunctionsJobHost__functionTimeout": "00:01:00"}, lambda s: s.function_timeout_s == 60),
        ({"azurefunctionsjobhost__EXTENSIONS__Http__RoutePrefix": "v2"}, lambda s: s.route_prefix == "v2"),
        ({"AzureFunctionsJobHost:extensions:http:routePrefix": "v3"}, lambda s: s.route_prefix == "v3"),
        (
            {"AzureFunctionsJobHost__functions__1": "b", "AzureFunctionsJobHost__functions__0": "a"},
            lambda s: s.functions == ("a", "b"),
        ),
        (
            {"AzureFunctionsJobHost__extensions__durableTask__storageProvider__workItemFilteringEnabled": "true"},
            lambda s: s.durable_task.work_item_filtering,
        ),
        (
            {"AzureFunctionsJobHost__extensions__durableTask__localRpcEndpointEnabled": "False"},
            lambda s: not s.durable_task.local_rpc_enabled,
        ),
        (
            {"AzureFunctionsJobHost__logging__logLevel__Function.pay": "None"},
            lambda s: s.log_levels.least("Function.pay") > 50,
        ),
        ({"AzureFunctionsJobHostX__functionTimeout": "00:01:00"}, lambda s: s.function_timeout_s != 60),
    ],
)
def test_every_key_can_be_overridden(app_dir, environ, read):
    """A variable AzureFunctionsJobHost__a__b replaces the key a.b, whatever its kind and in any case."""
    assert read(read_host_json(app_dir(host=GOOD_HOST), environ))


def test_an_empty_list_of_functions_means_all(app_dir):
    """`"functions": []` loads every function, as its reference specifies."""
    assert read_host_json(app_dir(host={"version": "2.0", "functions": []}), {}).functions is None


def test_filtering_is_for_the_scheduler_that_has_it(app_dir):
    """workItemFilteringEnabled counts for azureManaged only."""
    for kind, expected in (("azureManaged", True), ("mssql", False)):
        host = durable(storageProvider={"type": kind, "connectionStringName": "X", "workItemFilteringEnabled": True})
        assert read_host_json(app_dir(host=host), {}).durable_task.work_item_filtering is expected


def test_keys_without_effect_are_named(app_dir):
    """Known keys that this host does not honour, and keys that are unknown, are named, once and as they are spelt."""
    host = durable(useGracefulShutdown=True, hubname="x", maxConcurrentActivityFunction=3)
    host |= {"extensionBundle": {"id": "x"}, "logging": {"applicationInsights": {"sampling": {}}, "logLevel": {}}}
    idle, unknown = read_host_json(app_dir(host=host), {}).notes
    assert idle.endswith(
        "without effect in this host: extensions.durableTask.useGracefulShutdown, logging.applicationInsights."
    )
    assert "unknown, and without effect: extensions.durableTask.maxConcurrentActivityFunction (did you mean" in unknown
    assert "maxConcurrentActivityFunctions?)" in unknown
    assert read_host_json(app_dir(host=GOOD_HOST), {}).notes == ()


@pytest.mark.parametrize(
    ("levels", "category", "least"),
    [
        ({}, "Function.pay", logging.INFO),
        ({"default": "Warning"}, "anything", logging.WARNING),
        ({"default": "None", "Function": "Trace"}, "Function.pay.User", 5),
        ({"Function": "Error", "function.PAY": "Debug"}, "Function.pay.User", logging.DEBUG),
        ({"Function.pay": "Debug", "Function.pay.User": "Critical"}, "Function.pay.User", logging.CRITICAL),
        ({"Function.*.User": "Error", "Function": "Debug"}, "Function.pay.User", logging.ERROR),
        ({"Host": 3}, "Host.General", logging.WARNING),
    ],
)
def test_the_longest_beginning_of_a_category_counts(levels, category, least):
    """The level of a category is that of the longest key that it begins with, in any case, else the default."""
    assert read_log_levels("host.json", "logging.logLevel", levels).least(category) == least


def test_a_missing_app_directory_is_explained(tmp_path):
    """A wrong folder is a usage error that says how to name the right one."""
    with pytest.raises(UsageError, match="--app"):
        load_app_settings(tmp_path / "nowhere", {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Endpoint=http://h:80;Authentication=None;TaskHub=x", ("h:80", "None", "x", False)),
        (" endpoint = https://a.b.c ; AUTHENTICATION = defaultazure ", ("a.b.c:443", "DefaultAzure", None, True)),
        ("Endpoint=host.io;Authentication=AzureCLI", ("host.io:443", "AzureCLI", None, True)),
        ("Endpoint=http://a;Endpoint=http://b;Authentication=none;", ("b:80", "None", None, False)),
    ],
)
def test_connection_strings_are_read(text, expected):
    """Keys come in any case, spaces are dropped, the last of a repeated key counts, no scheme means https."""
    address = parse_connection_string(text, where="test", key="K")
    assert (address.target, address.authentication, address.task_hub, address.secure) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no Endpoint"),
        ("Endpoint=http://h", "no Authentication"),
        ("Authentication=None", "no Endpoint"),
        ("hello", "key=value"),
        ("Endpoint=ftp://h;Authentication=None", "Endpoint=ftp://h"),
        ("Endpoint=http://h:port;Authentication=None", "Endpoint=http://h:port"),
        ("Endpoint=http://h;Authentication=Password", "Authentication=Password"),
    ],
)
def test_wrong_connection_strings_are_explained(text, message):
    """A wrong connection string is an error that names the place and the part."""
    with pytest.raises(ConfigurationError, match=re.escape(message)) as caught:
        parse_connection_string(text, where="the file", key="THE_KEY")
    assert "the file: THE_KEY" in str(caught.value)

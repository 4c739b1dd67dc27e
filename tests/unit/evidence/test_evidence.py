"""The evidence file: nothing secret is in it, it is there whole or not at all, and it lists what is missing."""

import base64
import html
import json
import logging
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from durable_harness.errors import UsageError
from durable_harness.evidence import (
    Evidence,
    Item,
    LogLines,
    Redactor,
    app_items,
    check_path,
    known_secrets,
    redacted_command,
    redacted_words,
    scene,
)
from durable_harness.evidence.archive import MOST_TEXT_BYTES
from durable_harness.evidence.redaction import secrets_in

PLANTED = "s3cr3tvalue00"
ACCOUNT = f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={PLANTED}+/==;EndpointSuffix=core.windows.net"


def files_of(path):
    """Return the contents of an archive by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    "text",
    [
        f"GET http://host/api/x?code={PLANTED}&a=1",
        f"http://host/x?a=1&amp;code={PLANTED}",
        f"Server=db;User=sa;Password={PLANTED};Timeout=5",
        ACCOUNT,
        f"https://blob/x?sv=1&sig={PLANTED}%2B&se=2",
        f'"Authorization": "Bearer {PLANTED}"',
        f"authorization: Basic {PLANTED}",
        f"x-functions-key: {PLANTED}",
        f"Cookie: session={PLANTED}; other=1",
        f"api-key={PLANTED}",
        f"postgres://user:{PLANTED}@db/x",
        f"token eyJhbGciOiJIUzI1NiJ9.{PLANTED}.{PLANTED}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{PLANTED}\n-----END RSA PRIVATE KEY-----",
        f"access_token={PLANTED}",
    ],
)
def test_what_stands_where_secrets_stand_is_blanked(text):
    """A secret is found by where it is, whatever its value; it need not be known before."""
    shown = Redactor().text(text)
    assert PLANTED not in shown
    assert shown != text


@pytest.mark.parametrize(
    "writing",
    [PLANTED, PLANTED.upper(), PLANTED.encode().hex(), base64.b64encode(PLANTED.encode()).decode().rstrip("=")],
)
def test_a_known_secret_is_blanked_in_any_writing(writing):
    """In a text of any kind, however it was encoded."""
    shown = Redactor([PLANTED]).text(f"it said {writing}!")
    assert writing not in shown


KEY = "sk-live-0123456789abcdefghijklmnopqrstuvwxyz+/ABCDEFGHIJ"


@pytest.mark.parametrize("escape", [str, html.escape, json.dumps, lambda text: json.dumps(json.dumps(text))])
@pytest.mark.parametrize("length", [6, 19, 48, 55])
def test_what_is_left_of_a_shortened_secret_is_blanked(escape, length):
    """Texts that were cut before anybody knew the secret have its beginning, in any writing; other words stay."""
    text = escape(f"failed: 401 for key {KEY[:length]}… and on it goes… without")
    shown = Redactor([KEY]).text(text)
    assert KEY[:6] not in shown
    assert "401 for key ***" in shown
    assert "and on it goes" in shown


@pytest.mark.parametrize("left", [6, 19, 55])
def test_what_is_left_behind_the_middle_of_a_text_is_blanked(left):
    """Of a long text both ends are kept: the end may begin within a secret."""
    shown = Redactor([KEY]).text(f"it began … 1,234 more characters … {KEY[-left:]} was refused")
    assert shown == "it began … 1,234 more characters … *** was refused"


def test_a_log_that_is_cut_does_not_begin_within_a_secret(tmp_path):
    """If the beginning of a line is left out, the rest of the line is left out too."""
    log = tmp_path / "host.log"
    log.write_bytes(f"key {KEY}\nnext\n".encode() + b"x" * (MOST_TEXT_BYTES - 20))
    Evidence((Item.of_file("host.log", log),), {}).write(tmp_path / "e.zip", [KEY])
    text = files_of(tmp_path / "e.zip")["host.log"].decode()
    assert text.partition("\n")[2].startswith("next\n")
    assert KEY[-6:] not in text


PAYLOAD = {"id": "{token}", "customer": {"mail": "jo@example.org", "vip": True}, "lines": [{"sku": "AB-77", "n": 4}]}


@pytest.mark.parametrize(
    "write",
    [
        json.dumps,
        repr,
        lambda value: json.dumps(value, separators=(",", ":")),
        lambda value: json.dumps(json.dumps(value)),
        lambda value: html.escape(json.dumps(value)),
    ],
)
def test_a_payload_is_left_out_however_it_is_written(write):
    """Logs and errors repeat what a start was sent with: in JSON, as Python shows it, on a page."""
    sent = {**PAYLOAD, "id": "0123-abc"}
    shown = Redactor(payload=PAYLOAD).text(f"was given {write(sent)} and failed")
    assert shown.replace('"', "") == "was given *** and failed"


def test_the_texts_of_a_payload_are_left_out_as_words():
    """An error that repeats a value of it does not show it; names and figures that only have it in them stay."""
    shown = Redactor(payload=PAYLOAD).text("no jo@example.org, no AB-77; sku AB-778 of id at 4 ms")
    assert shown == "no ***, no ***; sku AB-778 of id at 4 ms"
    assert Redactor(payload=[1, 2]).text("[1, 2]") == "[1, 2]"


def test_texts_that_look_like_figures_spoil_no_document():
    """A payload's text of digits, or `true`, is left out where it is a text, and documents can be read afterwards."""
    redactor = Redactor(payload={"order": "4711", "fast": "true"})
    document = {"order": "4711", "p95": 4711, "passed": True, "said": 'no "4711"'}
    shown = json.loads(redactor.text(json.dumps(document)))
    assert shown == {"order": "***", "p95": 4711, "passed": True, "said": 'no "***"'}


def test_what_a_refused_start_was_sent_with_is_left_out(tmp_path):
    """An error that ends a command before the load repeats it, in part."""
    sent = '{"sku": 7, "n": …'
    ended = f"before the load: it was refused:\n  POST /x answered 400\n  Sent: {sent}\n  Set --payload"
    reason = " | ".join(line.strip() for line in ended.splitlines())
    items = (Item.of_text("a.json", lambda: json.dumps([ended, reason])), Item.of_text("a.md", lambda: reason))
    Evidence(items, {"ended": ended}).write(tmp_path / "e.zip", [], {"sku": 7, "n": 8})
    files = files_of(tmp_path / "e.zip")
    assert json.loads(files["evidence.json"])["ended"] == ended.replace(sent, "***")
    assert json.loads(files["a.json"]) == [ended.replace(sent, "***"), reason.replace(sent, "***")]
    assert files["a.md"].decode() == reason.replace(sent, "***")


def test_plain_text_stays():
    """Figures, paths and names that only look a little like secrets are kept."""
    text = (
        "completion_ms p95 500 ms, connections at most 1,000, tokens per second, /api/orders/{token}, monkey=business"
    )
    assert Redactor(["abc"]).text(text) == text


def test_documents_hide_values_by_their_names_and_looks():
    """Names of secrets, connection strings, long random words; whole numbers and what a name ends with stay."""
    shown = Redactor().value(
        {
            "function_key": PLANTED,
            "headers": {"X": PLANTED},
            "plain": ACCOUNT,
            "id": "a1" * 20,
            "connectionStringName": "SCHEDULER",
            "maxTokens": 5,
            "list": [{"apiKey": PLANTED}, "http://u:" + PLANTED + "@h/"],
        }
    )
    assert PLANTED not in json.dumps(shown["list"]) + json.dumps({**shown, "headers": ""})
    assert (shown["connectionStringName"], shown["maxTokens"], shown["id"]) == ("SCHEDULER", 5, "***")


def test_the_folder_of_a_shell_is_no_password():
    """PWD and OLDPWD sound like one: taken for it, they would blank every path."""
    values = {"PWD": "/home/me/shop-app", "OLDPWD": "/home/me/other-app", "DB_PWD": PLANTED}
    assert secrets_in(values) == [PLANTED]


def test_folders_are_no_secrets_whatever_they_are_called(tmp_path):
    """A variable that sounds like a secret and names a folder that is there would blank every path in the log."""
    values = {"CREDENTIALS": str(tmp_path), "MY_KEY": PLANTED, "OTHER_KEY": f"{tmp_path}/absent"}
    assert secrets_in(values) == [PLANTED, f"{tmp_path}/absent"]


@pytest.mark.parametrize("name", ["run_id", "harness_run_id", "GITHUB_SHA", "platform", "evidence_file"])
def test_names_of_what_looks_random_keep_it(name):
    """The id of a run, a revision, a file: what is looked for in reports is there, in settings and everywhere else."""
    value = "0a1b2c3d4e" * 4
    assert Redactor().value({name: value}) == {name: value}
    assert secrets_in({name: value}) == []
    assert Redactor().value({"word": value, "session_id": value}) == {"word": "***", "session_id": "***"}


def test_facts_keep_their_long_words(tmp_path):
    """The name of a platform, and the id of a run, look random and are no secrets; known ones are blanked there too."""
    platform = "Linux-6.1.0-x86_64-with-glibc2.36"
    items = (Item.of_facts("versions.json", lambda: {"platform": platform, "odd": PLANTED}),)
    Evidence(items, {"run_id": "a1" * 16}).write(tmp_path / "e.zip", [PLANTED])
    files = files_of(tmp_path / "e.zip")
    assert json.loads(files["versions.json"]) == {"platform": platform, "odd": "***"}
    assert json.loads(files["evidence.json"])["run_id"] == "a1" * 16


def test_command_lines_hide_the_values_of_secret_options():
    """In both ways to write an option."""
    words = ["locust", "--function-key", PLANTED, "--run-token=" + PLANTED, "--headers", "X: y", "--rate", "5"]
    hidden = ["locust", "--function-key", "***", "--run-token=***", "--headers", "***", "--rate", "5"]
    assert redacted_words(words, Redactor()) == hidden


def test_a_command_line_can_be_typed_again():
    """Words with spaces in them are quoted; a blank stays one."""
    words = ["durable-harness", "load", "my app", "--payload", '{"a": 1}', "--run-token=x", "-t", "5s"]
    expected = "durable-harness load 'my app' --payload *** --run-token=*** -t 5s"
    assert redacted_command(words, Redactor()) == expected


def test_settings_of_an_app_keep_their_names_only(tmp_path):
    """Values of local.settings.json are hidden but for those that everybody knows; its secrets are known elsewhere."""
    values = {"FUNCTIONS_WORKER_RUNTIME": "python", "STORAGE": ACCOUNT, "STRIPE": PLANTED, "MY_KEY": PLANTED}
    (tmp_path / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    (tmp_path / "host.json").write_text('{"extensions": {"durableTask": {"hubName": "orders"}}}')
    path = tmp_path / "e.zip"
    Evidence(tuple(app_items(tmp_path)), {}).write(path, known_secrets(tmp_path))
    files = files_of(path)
    assert json.loads(files["app/local.settings.json"])["Values"] == dict.fromkeys(values, "***") | {
        "FUNCTIONS_WORKER_RUNTIME": "python"
    }
    assert json.loads(files["app/host.json"])["extensions"]["durableTask"]["hubName"] == "orders"
    assert {PLANTED, ACCOUNT} <= set(known_secrets(tmp_path))


def test_records_have_no_secrets_and_are_else_as_they_were(tmp_path):
    """Errors that services reported, and the file's notes on its run, is redacted; figures are not touched."""
    path = tmp_path / "records.parquet"
    table = pa.table({"error": [f"failed: Password={PLANTED};", None], "poll_ms": [1.5, 2.5]})
    pq.write_table(table.replace_schema_metadata({b"run": f"code: x?code={PLANTED}".encode()}), path)
    Evidence((Item.of_table("records.parquet", path),), {}).write(tmp_path / "e.zip", [])
    (tmp_path / "out.parquet").write_bytes(files_of(tmp_path / "e.zip")["records.parquet"])
    read = pq.read_table(tmp_path / "out.parquet")
    assert PLANTED not in str(read.to_pylist()) + str(read.schema.metadata)
    assert read["poll_ms"].to_pylist() == [1.5, 2.5]


def test_a_part_that_cannot_be_made_is_named_alone(tmp_path):
    """The list shows what is in the file, what is missing, and why, without secrets."""
    items = (Item.of_file("gone.log", tmp_path / "gone.log"), Item.of_text("here.txt", lambda: "here"))
    assert Evidence(items, {"ended": f"no Password={PLANTED};"}).write(tmp_path / "e.zip", []) == ""
    files = files_of(tmp_path / "e.zip")
    about = json.loads(files["evidence.json"])
    assert (about["files"], list(about["missing"])) == (["here.txt"], ["gone.log"])
    assert "FileNotFoundError" in about["missing"]["gone.log"]
    assert PLANTED not in str(files)


def test_of_a_long_log_the_end_is_kept(tmp_path):
    """What led to the end is in it, and how much is left out."""
    log = tmp_path / "host.log"
    log.write_bytes(b"1234567\n" + b"x" * (MOST_TEXT_BYTES - 8) + b"the end")
    Evidence((Item.of_file("host.log", log),), {}).write(tmp_path / "e.zip", [])
    text = files_of(tmp_path / "e.zip")["host.log"].decode()
    assert text.startswith("(the first 8 bytes are left out)\nxxx")
    assert text.endswith("the end")


def test_what_there_is_nothing_of_is_named_with_the_reason(tmp_path):
    """Such as the records of a run that did not begin."""
    Evidence((Item.absent("operations", "no load was made"),), {}).write(tmp_path / "e.zip", [])
    assert json.loads(files_of(tmp_path / "e.zip")["evidence.json"])["missing"] == {"operations": "no load was made"}


def test_it_is_whole_or_not_at_all(tmp_path, monkeypatch):
    """A disk that is full leaves neither a half of a file nor a leftover, and what is missing is reported."""
    path = tmp_path / "e.zip"

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    problem = Evidence((Item.of_text("a", lambda: "a"),), {}).write(path, [])
    assert problem == f"evidence {path} is missing: it cannot be written (No space left on device)"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (lambda _: None, "evidence", "ends in .zip"),
        (lambda folder: (folder / "a.zip").mkdir(), "a.zip", "it is a folder"),
        (lambda _: None, "gone/a.zip", "does not exist"),
        (lambda folder: (folder / "a.zip").write_text("mine"), "a.zip", "no zip file"),
    ],
)
def test_a_place_where_none_can_be_written_is_refused(tmp_path, make, name, words):
    """The message names the option, the path and what is wrong with it; what is there stays."""
    make(tmp_path)
    with pytest.raises(UsageError, match=words) as raised:
        check_path(tmp_path / name)
    assert str(raised.value).startswith(f"--evidence {tmp_path / name}: ")
    assert not (tmp_path / "a.zip").is_file() or (tmp_path / "a.zip").read_text() == "mine"


def test_that_of_an_earlier_run_is_removed_before_the_next(tmp_path):
    """A run that is killed leaves no file that seems to be its own."""
    path = tmp_path / "e.zip"
    Evidence((), {}).write(path, [])
    check_path(path)
    assert list(tmp_path.iterdir()) == []


def test_the_log_keeps_its_latest_lines():
    """From when it is attached until it is detached."""
    lines = LogLines(most=2).attach()
    logger = logging.getLogger("evidence.test")
    for number in range(3):
        logger.warning("line %d", number)
    lines.detach()
    logger.warning("later")
    assert [line.rpartition(": ")[2] for line in lines.text().splitlines()] == ["line 1", "line 2"]


def test_the_scene_has_machine_python_and_packages():
    """What a maintainer asks first."""
    found = scene()
    assert found["system"]["cpus"] >= 1
    assert found["packages"]["durable-harness"]
    assert found["python"]["version"]

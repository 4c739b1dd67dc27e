"""Binding expressions: their grammar, the formats of times and GUIDs, and the parts of a path."""

import os
import re
import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.app.indexing import index
from durable_harness.host.triggers.blob_paths import blob_metadata
from durable_harness.host.triggers.bound import FunctionBindings
from durable_harness.host.triggers.converting import UnusableValueError
from durable_harness.host.triggers.dotnet_formats import STANDARD, format_guid, format_time
from durable_harness.host.triggers.expressions import Resolved, captured, may_become, resolve
from durable_harness.host.triggers.inputs import Inputs, MissingInputError
from durable_harness.host.triggers.metadata import arrived
from durable_harness.host.triggers.outputs import Outputs
from durable_harness.host.triggers.triggers import unset_settings

MOMENT = datetime(2026, 3, 5, 14, 7, 9, 123456, UTC)
GUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
HEX = "[0-9a-f]"
DASHED = f"{HEX}{{8}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{12}}"


@pytest.mark.parametrize(
    ("template", "text", "missing"),
    [
        ("plain", "plain", ()),
        ("{name}/{NAME}", "n/n", ()),
        ("{a.b.C}", "deep", ()),
        ("{a.x}-{a}-{list}", "{a.x}-{a}-{list}", ("a.x", "a", "list")),
        ("{other}{other}", "{other}{other}", ("other",)),
        ("{{name}}", "{name}", ()),
        ("{{{name}}}", "{n}", ()),
        ("{yes}{number}{half}", "True70.5", ()),
        ("{number:N0}", "7", ()),
        ("{at}", "2026-03-05T14-07-09Z", ()),
        ("{at:yyyy/MM}", "2026/03", ()),
        ("{sys.methodname}{SYS.MethodName}", "ff", ()),
        ("{name.x}", "{name.x}", ("name.x",)),
    ],
)
def test_expressions_are_replaced(template, text, missing):
    """Names and their case, nested members, braces, formats; what has no value stays and is named once."""
    data = {
        "name": "n",
        "a": {"B": {"c": "deep"}},
        "list": [1],
        "yes": True,
        "number": 7,
        "half": 0.5,
        "at": MOMENT,
    }
    assert resolve(template, data, "f") == Resolved(text, missing)


def test_what_is_made_up_differs_each_time_and_data_come_first():
    """Two GUIDs in one target are two; a value of the trigger named like a built-in one is used."""
    text = resolve("{rand-guid} {sys.randguid} {DateTime}", {"datetime": "given"}, "f").text
    first, second, given = text.split()
    assert re.fullmatch(DASHED, first)
    assert re.fullmatch(DASHED, second)
    assert first != second
    assert given == "given"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("", "2026-03-05T14-07-09Z"),
        ("yyyy-MM-dd", "2026-03-05"),
        ("yyyyMMddHHmmss", "20260305140709"),
        ("yy M d H h m s", "26 3 5 14 2 7 9"),
        ("ddd dddd MMM MMMM", "Thu Thursday Mar March"),
        ("hh:mm tt t", "02:07 PM P"),
        ("ff fff fffffff FFF", "12 123 1234560 123"),
        ("K z zz zzz", "Z +0 +00 +00:00"),
        ("'at' HH\"h\"\\m%d", "at 14hm5"),
        ("yyyyy", "02026"),
        ("o", "2026-03-05T14:07:09.1234560Z"),
        ("s", "2026-03-05T14:07:09"),
        ("u", "2026-03-05 14:07:09Z"),
        ("R", "Thu, 05 Mar 2026 14:07:09 GMT"),
        ("d", "03/05/2026"),
        ("D", "Thursday, 05 March 2026"),
        ("t", "14:07"),
        ("y", "2026 March"),
    ],
)
def test_times_have_dotnets_formats(form, text):
    """Standard formats of one letter and custom ones, in the invariant culture."""
    assert format_time(MOMENT, form) == text


def test_a_time_elsewhere_keeps_its_offset():
    """`K` and `zzz` are the offset; what ends in GMT or Z is converted."""
    moment = MOMENT.astimezone(timezone(-timedelta(hours=3, minutes=30)))
    assert format_time(moment, "HH:mm K zzz z") == "10:37 -03:30 -03:30 -3"
    assert format_time(moment, "u") == "2026-03-05 14:07:09Z"
    assert format_time(moment.replace(tzinfo=None), "HH:mmK") == "10:37"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("", str(GUID)),
        ("N", GUID.hex),
        ("d", str(GUID)),
        ("B", f"{{{GUID}}}"),
        ("P", f"({GUID})"),
    ],
)
def test_guids_have_dotnets_formats(form, text):
    """The formats N, D, B and P, in any case."""
    assert format_guid(GUID, form) == text


@pytest.mark.parametrize(("expression", "named"), [("{rand-guid:Q}", "N, D, B or P"), ("{DateTime:q}", "yyyy-MM-dd")])
def test_an_unknown_format_is_an_error(expression, named):
    """It fails the invocation, as in Azure, and the error states what is allowed."""
    with pytest.raises(UnusableValueError, match=named):
        resolve(expression, {}, "f")
    assert len(STANDARD) == 19


@pytest.mark.parametrize(
    ("pattern", "text", "parts"),
    [
        ("{name}.{ext}", "a.b.txt", {"name": "a.b", "ext": "txt"}),
        ("{folder}/{name}", "x/y/z", {"folder": "x/y", "name": "z"}),
        ("{name}", "", {"name": ""}),
        ("{a}-{a}", "1-2", {"a": "2"}),
        ("{{x}}{n}", "{x}7", {"n": "7"}),
        ("a.c", "abc", None),
        ("{name}.csv", "a.CSV", None),
    ],
)
def test_a_pattern_gives_the_parts_of_a_path(pattern, text, parts):
    """Each part takes as much as it can, everything else is literal, case included."""
    assert captured(pattern, text) == parts


def test_a_target_may_lead_where_its_expressions_allow():
    """A test may name a target before it is written to: literal text in any case, anything for an expression."""
    assert may_become("Out/{a}/{{b}}", "out/x/{b}")
    assert not may_become("Out/{a}/{{b}}", "out/x/b")
    assert not may_become("out/{a}", "out/")


@pytest.mark.parametrize(
    ("path", "given", "known"),
    [
        ("c/{n}.txt", {"BlobTrigger": "c/a.txt"}, {"n": "a", "BlobTrigger": "c/a.txt"}),
        ("c/{n}.txt", {"BlobTrigger": "/c/a.txt"}, {"n": "a", "BlobTrigger": "c/a.txt"}),
        ("{box}/{n}", {"BlobTrigger": "c/d/e"}, {"box": "c", "n": "d/e", "BlobTrigger": "c/d/e"}),
        ("c", {"BlobTrigger": "c/d/e"}, {"BlobTrigger": "c/d/e"}),
        ("c/", {"BlobTrigger": "c/d/e"}, {"BlobTrigger": "c/d/e"}),
        ("c/one.txt", {}, {"BlobTrigger": "c/one.txt"}),
        ("c/{n}.txt", {"n": "a"}, {"n": "a", "BlobTrigger": "c/a.txt"}),
        ("c/{n}.txt", {}, {}),
        ("%NOT_SET_ANYWHERE%/{n}", {"BlobTrigger": "c/a"}, {"?": "c", "n": "a", "BlobTrigger": "c/a"}),
        ("", {"BlobTrigger": "c/a"}, {"BlobTrigger": "c/a"}),
    ],
)
def test_a_blobs_path_and_its_parts_follow_from_each_other(path, given, known):
    """Container and blob are matched each for itself; a path without expressions is known without metadata."""
    found = blob_metadata({"path": path}, given)
    uri = found.pop("Uri", None)
    assert found == known
    assert uri == (f"http://localhost/{known['BlobTrigger']}" if known else None)


@pytest.mark.parametrize(
    ("settings", "data", "metadata", "known"),
    [
        ({"path": "c/{n}"}, "text", {}, {"properties": {"Length": 4}}),
        ({"path": "c/{n}"}, '{"n": "body"}', {"n": "path"}, {"n": "body", "blobtrigger": "c/path"}),
        ({"path": "c/{n}", "dataType": "BINARY"}, '{"n": "body"}', {"n": "path"}, {"n": "path"}),
    ],
)
def test_a_blob_brings_what_is_known_of_it(settings, data, metadata, known):
    """A path that was not given is not known; a JSON body comes before the path, unless the trigger takes bytes."""

    def take(value):
        """Stand for a function."""

    trigger = {"type": "blobTrigger", "name": "value", "direction": "in", **settings}
    source = arrived(index("take", take, trigger=trigger, bindings=[trigger], directory=Path()), data, metadata).source
    assert source.items() >= known.items()
    assert bool(metadata) == ("blobtrigger" in source) == ("uri" in source)


def run_of(kind, data, metadata, target="t", **settings):
    """Return what a trigger of a kind brings to a function that reads a blob."""

    def take(value, given):
        """Stand for a function."""

    trigger = {"type": kind, "name": "value", "direction": "in", **settings}
    given = {"type": "blob", "name": "given", "direction": "in", "path": target}
    function = index("take", take, trigger=trigger, bindings=[trigger, given], directory=Path())
    return function, arrived(function, data, metadata)


def test_a_message_of_bytes_has_a_text():
    """`{queueTrigger}` is the text of a message, also if a test gives bytes."""
    assert run_of("queueTrigger", "é".encode(), {})[1].source["queuetrigger"] == "é"


@pytest.mark.parametrize(
    ("kind", "metadata", "problem"),
    [
        ("eventHubTrigger", {"SystemPropertiesArray": ["x"]}, "'SystemPropertiesArray': expected a JSON object.*'x'"),
        ("serviceBusTrigger", {"UserPropertiesArray": "x"}, "'UserPropertiesArray': expected a list of 1.*got str"),
        ("kafkaTrigger", {"OffsetArray": []}, "'OffsetArray': expected a list of 1.*got 0 values"),
        ("blobTrigger", {"Uri": "https://[store/c/a"}, "'Uri': 'https://.store/c/a' is not a URL"),
        ("cosmosDBTrigger", {}, "expected JSON, got a list with bytes in it"),
    ],
)
def test_what_cannot_arrive_is_an_error(kind, metadata, problem):
    """It names the metadata, or the data, and what is expected."""
    with pytest.raises(UnusableValueError, match=problem):
        run_of(kind, [b"a"], metadata, cardinality="many", path="c/{n}")


@pytest.mark.parametrize(
    ("kind", "target", "error", "message"),
    [
        ("queueTrigger", "{rand-guid:Q}", UnusableValueError, "Function 'take', input 'given': 'Q' is not a format"),
        ("activityTrigger", "{x}", MissingInputError, "The input of the activity has no value for {x}: in Azure"),
        ("queueTrigger", "{x}", MissingInputError, 'operations.trigger(…, metadata={"x": "…"})'),
    ],
)
def test_an_input_that_cannot_be_found_has_a_reason(kind, target, error, message):
    """The error names function, parameter and expression, and the place where a value for it belongs."""
    function, brought = run_of(kind, "a", {}, target)
    with pytest.raises(error, match=re.escape(message)):
        FunctionBindings(lambda _: None, Inputs(), Outputs()).values(function, brought.source)


def test_a_setting_that_is_not_set_is_named(monkeypatch):
    """The start names the binding and the function that lead to a setting that is not there."""

    def move(value, out):
        """Stand for a function."""

    trigger = {"type": "queueTrigger", "name": "value", "direction": "in", "queueName": "%FROM%"}
    out = {"type": "queue", "name": "out", "direction": "out", "queueName": "%TO%"}
    app = FunctionApp(Path(), [index("move", move, trigger=trigger, bindings=[trigger, out], directory=Path())])
    monkeypatch.setitem(os.environ, "FROM", "here")
    [warning] = unset_settings(app)
    assert warning.startswith("Function 'move', binding 'out' (queue): the setting 'TO' of %TO% is not set")

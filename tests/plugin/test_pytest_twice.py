"""`pytest --twice`, and the marks `twice` and `once`: apps that are wrong fail their tests, their mended twins pass."""

from pathlib import Path

import pytest

from durable_harness.stack import embedded_stack

pytest_plugins = ("pytester",)
APPS = Path(__file__).parents[1] / "apps" / "twice"
LETTERS = """
import pytest
from durable_harness.testing import assert_completed

def order(operations, folder):
    operation = operations.start("/api/orders", {"id": "o1", "folder": str(folder)})
    assert_completed(operation)
    return operation.status()["output"]

def test_filed(operations, tmp_path):
    assert order(operations, tmp_path) == [1, "filed"]
"""
FAKED = """
from durable_harness.testing import assert_completed

def test_faked(operations, durable_activities):
    sent = durable_activities.fake("send_letter", returns=True)
    filed = durable_activities.fake("file_letter", by=lambda letter: True)
    counted = durable_activities.fake_entity("postage", returns=5)
    operation = operations.start("/api/orders", {"id": "o1", "folder": "/nowhere"})
    assert_completed(operation, output=[5, "filed"])
    assert (sent.count, filed.count, counted.count) == (1, 1, 1)
"""
TITLE = "durable-harness: delivered twice"


@pytest.fixture
def run(inner):
    """Return the running of tests on an app of tests/apps/twice."""

    def running(app, text, *arguments):
        inner.write("test_it.py", text)
        return inner.run(f"--app-dir={APPS / app}", *arguments)

    return running


def marked(mark):
    """Return the test of letters with a mark."""
    return LETTERS.replace("def test_filed", f"@pytest.mark.{mark}\ndef test_filed")


def test_a_test_fails_by_what_a_second_delivery_does(run):
    """With --twice the wrong app's test fails, and its report shows what each function did; without it passes."""
    assert run("wrong_letters", LETTERS).code == 0
    outcome = run("wrong_letters", LETTERS, "--twice")
    assert "[2, 'not filed'] == [1, 'filed']" in outcome.failure("test_filed[embedded]")
    for message in (
        f"{TITLE} in this test",
        "file_letter (activity), delivered twice once: failed the second time once",
        "did twice: appended to file",
        "postage.add (entity), delivered twice once: other answer once",
        "not seen: bodies of requests",
    ):
        assert message in outcome.output


def test_the_mended_app_passes(run):
    """With --twice the mended app's test passes; the summary still says what was delivered twice."""
    outcome = run("mended_letters", LETTERS, "--twice")
    assert outcome.code == 0, outcome.output
    assert TITLE in outcome.output
    assert "postage.add (entity), delivered twice once: same answer once" in outcome.output
    assert "did twice" not in outcome.output


def test_the_first_answer_may_come_late(run):
    """Where the first answer counts the wrong app's test passes; what it did twice is reported anyway."""
    outcome = run("wrong_letters", LETTERS, "--twice", "--twice-answer", "first")
    assert outcome.code == 0, outcome.output
    assert "did twice: appended to file" in outcome.output


def test_reports_of_parallel_tests_come_together(run):
    """The summary is of the tests of all workers, and its counts are those of all tests."""
    text = f"{LETTERS}\ndef test_again(operations, tmp_path):\n    assert order(operations, tmp_path) == [1, 'filed']\n"
    outcome = run("mended_letters", text.replace('"o1"', "folder.name"), "--twice", "-n", "2")
    assert outcome.code == 0, outcome.output
    assert "send_letter (activity), delivered twice 2 times: same answer 2 times" in outcome.output


def test_the_ini_keys(run, inner):
    """The keys of the ini file do what the options do."""
    inner.write("pytest.ini", "[pytest]\ndurable_twice = true\ndurable_twice_answer = first\n")
    outcome = run("wrong_letters", LETTERS)
    assert outcome.code == 0, outcome.output
    assert "postage.add (entity), delivered twice once: other answer once" in outcome.output


def test_once_fails_what_acts_twice(run):
    """A mark `once` has its functions delivered twice without any option, and fails the test if they act twice."""
    outcome = run("wrong_letters", marked('once("Send_Letter")'))
    failure = outcome.failure("test_filed[embedded]")
    assert "Send_Letter was delivered twice, and did twice: appended to file" in failure
    assert "file_letter" not in failure
    mended = run("mended_letters", marked('once("send_letter", "file_letter", "postage")'))
    assert mended.code == 0, mended.output


UNCHECKED = """
import pytest
from durable_harness.testing import assert_completed


@pytest.mark.once("send_letter")
def test_faked(operations, durable_activities, tmp_path):
    durable_activities.fake("Send_Letter", returns=True)
    assert_completed(operations.start("/api/orders", {"id": "o1", "folder": str(tmp_path)}))


@pytest.mark.once("send_letter")
def test_not_run(operations):
    pass


@pytest.mark.once("send_letter")
def test_restarted(operations, durable_faults, tmp_path):
    assert_completed(operations.start("/api/orders", {"id": "o2", "folder": str(tmp_path)}))
    durable_faults.kill_host()


@pytest.mark.once("send_letter")
def test_without_fixtures():
    pass


@pytest.mark.once("send_letter")
def test_by_hand(operations, tmp_path):
    operations.trigger("send_letter", {"id": "o3", "folder": str(tmp_path)})


@pytest.mark.once("send_letter")
def test_nobody_waits(operations, tmp_path):
    operations.start("/api/orders", {"id": "o4", "folder": str(tmp_path)})


def test_unmarked(operations):
    pass
"""


@pytest.fixture(scope="module")
def unchecked(new_inner, tmp_path_factory):
    """Return how tests ended whose marks `once` are each in vain, or nearly so, on the wrong app."""
    inner = new_inner(tmp_path_factory.mktemp("unchecked"))
    return inner.write("test_it.py", UNCHECKED).run(f"--app-dir={APPS / 'wrong_letters'}")


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("test_faked", "send_letter was not delivered twice: a fake of the test answers for it"),
        ("test_not_run", "send_letter was not delivered twice: it did not run in this test"),
        ("test_restarted", "send_letter was not delivered twice: the host was started again in this test"),
    ],
)
def test_once_fails_what_it_could_not_check(unchecked, test, message):
    """A mark whose function was faked, did not run, or ran in a host that was killed is no green test."""
    assert f"mark once: {message}" in unchecked.failure(f"{test}[embedded]")


def test_once_needs_an_app(unchecked):
    """A mark on a test without fixtures of the plugin is an error of the test; tests without marks are left alone."""
    assert "the test uses no fixture of durable-harness" in unchecked.error("test_without_fixtures")
    assert unchecked.count("failure", "error") == len(unchecked.cases) - 1


@pytest.mark.parametrize("test", ["test_by_hand", "test_nobody_waits"])
def test_once_sees_what_no_caller_awaits(unchecked, test):
    """An activity that a test runs by hand, and one of an operation that it does not wait for, are checked too."""
    message = "send_letter was delivered twice, and did twice: appended to file"
    assert message in unchecked.failure(f"{test}[embedded]")


def test_once_delivers_no_other_twice(run):
    """What a mark `once` does not name is delivered once: the wrong app files its letter."""
    outcome = run("wrong_letters", marked('once("send_letter", allow="appended to file *")'))
    assert outcome.code == 0, outcome.output


def test_a_mark_delivers_twice(run):
    """A mark `twice` does for one test what the option does for all, and says which answer counts."""
    assert "[2, 'not filed']" in run("wrong_letters", marked("twice")).failure("test_filed[embedded]")
    assert run("wrong_letters", marked('twice(answer="first")')).code == 0


def test_a_mark_leaves_a_test_out(run):
    """With --twice a test that is marked as unfit for it runs as usual; the next one is not."""
    test = LETTERS[LETTERS.index("def test_filed") :]
    text = marked('twice(False, reason="it counts calls")') + test.replace("_filed", "_next")
    outcome = run("wrong_letters", text, "--twice")
    assert outcome.count("failure") == 1
    assert "'not filed'] == [1, 'filed']" in outcome.failure("test_next[embedded]")


def test_fakes_are_called_once(run):
    """What a test fakes does nothing outside: its calls are counted once, so that the test passes as it is."""
    outcome = run("wrong_letters", FAKED, "--twice")
    assert outcome.code == 0, outcome.output


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ('once("charge_card")', "there is no activity or entity 'charge_card'. Known ones: file_letter, postage, send"),
        ("once()", "mark once: expected names"),
        ('once("send_letter", allow=3)', "mark once: allow is 3; expected patterns"),
        ('twice(answer="third")', "mark twice: answer is 'third'; expected second or first"),
        ('twice(False)\n@pytest.mark.once("send_letter")', "marks once and twice(False)"),
    ],
)
def test_unknown_marks_are_errors(run, mark, message):
    """A mark with an unknown name or value is an error of the test with the valid ones."""
    outcome = run("mended_letters", marked(mark))
    assert outcome.error("test_filed[embedded]").startswith(
        ("mark once: ", "mark twice: ", "marks once", "there is no")
    )
    assert message in outcome.error("test_filed[embedded]")


def test_a_mark_is_skipped_where_the_host_is_not_ours(run):
    """A deployment delivers nothing twice on request: a marked test is skipped there, and says where to run it."""
    with embedded_stack(APPS / "mended_letters") as stack:
        outcome = run(
            "mended_letters", marked('once("send_letter")'), "--stack", "remote", "--stack-url", stack.base_url
        )
    assert "the remote stack delivers nothing twice" in outcome.skip_reason("test_filed[remote]")


def test_marks_hold_in_a_new_host(run):
    """A test that has a host to itself has its work delivered twice there."""
    first = LETTERS.replace("def test_filed", "def test_first")
    test = LETTERS[LETTERS.index("def test_filed") :]
    outcome = run("wrong_letters", f'{first}\n@pytest.mark.durable_isolation("process")\n@pytest.mark.twice\n{test}')
    assert outcome.count("failure") == 1
    assert "[2, 'not filed'] == [1, 'filed']" in outcome.failure("test_filed[embedded]")


def test_it_is_refused_where_the_host_is_not_ours(pytester, plugin):
    """Asked for on the command line for a deployment, or with an unknown answer, it is a usage error."""
    ended = pytester.runpytest_subprocess(*plugin, "--twice", "--stack", "embedded,remote")
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    ended.stderr.fnmatch_lines(["*--twice: the host of the remote stack is not ours*"])
    ended = pytester.runpytest_subprocess(*plugin, "--twice", "--twice-answer", "third")
    ended.stderr.fnmatch_lines(["*--twice-answer: got 'third', expected second or first*"])

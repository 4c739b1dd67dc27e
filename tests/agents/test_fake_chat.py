"""Models of Agent Framework apps in the hands of tests: `durable_activities.fake_chat`."""

from pathlib import Path

import pytest

import rooms
from durable_harness.errors import UsageError
from durable_harness.stack import embedded_stack
from durable_harness.testing import Operations, ToolCall, assert_completed
from durable_harness.testing.durable_clock import clock_of
from durable_harness.testing.fakes import activities_of

ROOM = Path(__file__).parent
pytestmark = [
    pytest.mark.timeout(rooms.ROOM_TIMEOUT_S),
    pytest.mark.skipif(rooms.sdk_generation() > 1, reason=rooms.NEEDS_SDK1),
]


@pytest.fixture(scope="module")
def weather_stack():
    """Yield the running app, in the environment of the framework, for tests that reach into it."""
    python = rooms.environment_beside_ours(rooms.AGENTS)
    with embedded_stack(ROOM / "weather", serve_args=["--test-control"], python=str(python)) as stack:
        yield stack


@pytest.fixture
def started(weather_stack, tmp_path):
    """Yield operations.start_orchestrator of that app."""
    operations = Operations(weather_stack, tmp_path)
    yield operations.start_orchestrator
    operations.close()


@pytest.fixture
def fakes(weather_stack):
    """Yield the fakes of that app."""
    activities = activities_of(weather_stack)
    yield activities
    activities.close()


@pytest.fixture
def clock(weather_stack):
    """Yield the scheduler's clock."""
    clock = clock_of(weather_stack)
    yield clock
    clock.close()


def test_scripted_answers(fakes, started):
    """Answers come one after the other, whichever agent asks, and each prompt is recorded with whose it was."""
    chat = fakes.fake_chat("It will rain.", "I doubt it.")
    assert_completed(started("forecast", "Rome tomorrow?"), output=["It will rain.", "I doubt it."])
    assert chat.prompts == ["Rome tomorrow?", "It will rain."]
    first, second = chat.calls
    assert (first.agent, second.agent) == ("Forecaster", "Critic")
    assert first.tools == ["weather"]
    assert "You are the Forecaster." in f"{first.instructions} {first.messages}"
    assert first.session != second.session


def test_tools_are_called_by_the_framework(fakes, started):
    """A scripted call of a tool runs the app's own function; its result is recorded, of one that fails the error."""
    chat = fakes.fake_chat(
        ToolCall("weather", {"city": "Rome"}),
        ["One more.", ToolCall("weather", {"city": "Oslo"}), ToolCall("weather", {"city": "Atlantis"})],
        "Sunny everywhere.",
        agent="Forecaster",
    )
    critic = fakes.fake_chat("Fine.", agent="critic")
    operation = started("forecast", "Where is it sunny?")
    assert_completed(operation)
    assert operation.status()["output"][0].endswith("Sunny everywhere.")
    calls = chat.tool_calls
    assert [(call.name, call.arguments["city"]) for call in calls] == [
        ("weather", "Rome"),
        ("weather", "Oslo"),
        ("weather", "Atlantis"),
    ]
    assert [call.result for call in calls[:2]] == ["sunny in Rome", "sunny in Oslo"]
    assert "sunny" not in calls[2].result
    assert (chat.count, critic.count) == (3, 1)


@pytest.mark.parametrize("counts", ["second", "first"])
def test_a_second_delivery_is_given_the_answers_of_the_first(tmp_path, counts):
    """Where work is delivered twice a script is used up once, its tools are called, prompts recorded once."""
    python = rooms.environment_beside_ours(rooms.AGENTS)
    options = ["--test-control", "--twice", "--twice-answer", counts]
    with embedded_stack(ROOM / "weather", serve_args=options, python=str(python)) as stack:
        operations, fakes = Operations(stack, tmp_path), activities_of(stack)
        chat = fakes.fake_chat(ToolCall("weather", {"city": "Rome"}), "Sunny.", "I doubt it.")
        assert_completed(operations.start_orchestrator("forecast", "Rome?"), output=["Sunny.", "I doubt it."])
        assert [call.agent for call in chat.calls] == ["Forecaster", "Forecaster", "Critic"]
        assert [call.result for call in chat.tool_calls] == ["sunny in Rome"]
        fakes.close()


def test_a_function_answers(fakes, started):
    """A function of the test is given each prompt; what it raises the client raises."""

    def answer(call):
        if "fail" in call.prompt:
            raise TimeoutError("the model is slow")
        return call.prompt.upper()

    fakes.fake_chat(by=answer)
    assert_completed(started("forecast", "quiet"), output=["QUIET", "QUIET"])
    assert_completed(started("forecast", "fail"), output=["", "NOTHING"])


def test_a_slow_model(fakes, started, clock):
    """Two hours of a model pass on the scheduler's clock, after the orchestration's timer of one hour."""
    clock.skip()
    chat = fakes.fake_chat("At last.", delay_s=7200)
    assert_completed(started("in_time", "Rome?"), output="too late: At last.")
    chat.end()
    fakes.fake_chat("At once.", delay_s=1800)
    assert_completed(started("in_time", "Rome?"), output="At once.")


def test_a_script_that_is_used_up(fakes, started, weather_stack):
    """One prompt more than answers fails in the client, and the host's log reports which."""
    chat = fakes.fake_chat("Only one.")
    assert_completed(started("forecast", "Rome?"))
    # The framework asks without streaming when streaming has failed.
    assert chat.prompts == ["Rome?", "Only one.", "Only one."]
    assert "its 1 answers are used up, and a model was asked 'Only one.'" in weather_stack.log_path.read_text()


def test_the_end_of_a_fake(fakes, started, weather_stack):
    """After its end the app's own client is asked again."""
    fakes.fake_chat("Once.").end()
    assert_completed(started("forecast", "Rome?"), output=["", ""])
    assert "no model can be reached" in weather_stack.log_path.read_text()


@pytest.mark.parametrize(
    ("answers", "options", "text"),
    [
        ([], {}, "give answers, or by=FUNCTION"),
        (["one"], {"by": str}, "give answers, or by=FUNCTION"),
        ([7], {}, "got 7 as an answer; expected a text"),
        ([ToolCall("weather", {"city": object()})], {}, "are no JSON object"),
        (["one"], {"agent": "Forcaster"}, "the app has no agent 'Forcaster'. It has: Critic, Forecaster"),
    ],
)
def test_what_is_refused(fakes, answers, options, text):
    """No answer, answers that no model gives, and agents that the app does not have are errors of the test itself."""
    with pytest.raises(UsageError) as error:
        fakes.fake_chat(*answers, **options)
    assert text in str(error.value)

"""Fakes of a host: which one answers a call, and the questions that a test is asked."""

import asyncio

import pytest

from durable_harness.host.fakes.fake_registry import ENDED, FakedError, Fakes, decoded

ASKS = {"asks": True}


def test_the_latest_fake_answers():
    """Of two fakes of one function the later one answers, and the earlier one again once that has ended."""
    fakes = Fakes()
    first = fakes.add("activity", "Pay", {"returns": "1"}, 0)
    second = fakes.add("activity", "pay", {"returns": "2"}, 0)
    assert fakes.find("activity", "PAY") is second
    fakes.end(second.number)
    assert fakes.find("activity", "PAY") is first
    assert fakes.find("entity", "pay") is None


def test_a_pattern_of_urls_has_only_the_star():
    """In the pattern of a URL `?` and `[` are themselves; a method is compared in any case."""
    fakes = Fakes()
    fake = fakes.add("http", "http://a/b?c=[1]*", {"returns": "1"}, 0, "post")
    assert fakes.find("http", "http://a/b?c=[1]&d", "Post") is fake
    assert fakes.find("http", "http://a/bxc=[1]", "POST") is None
    assert fakes.find("http", "http://a/b?c=1", "POST") is None
    assert fakes.find("http", "http://a/b?c=[1]", "GET") is None


def test_a_fake_that_has_ended_is_unknown():
    """Its number is an error with the two reasons that there may be."""
    fakes = Fakes()
    fake = fakes.add("activity", "pay", {"returns": "1"}, 0)
    fakes.end()
    assert not fakes.installed
    with pytest.raises(ValueError, match="fake 1 is unknown here: it has ended, or the host was started again"):
        fakes.get(fake.number)


def asked(story):
    """Run a story of a fake that asks, while a call of it waits."""

    async def run():
        fakes = Fakes()
        fake = fakes.add("activity", "pay", ASKS, 0)
        calling = asyncio.ensure_future(fakes.answer(fake, {"input": "7"}))
        question = await fakes.next_question(5)
        assert (question["fake"], question["call"]["input"]) == (fake.number, "7")
        await story(fakes, question["question"], calling)

    asyncio.run(run())


def test_a_test_answers_a_call_once():
    """The first answer counts; another one, or one to an unknown question, is dropped."""

    async def story(fakes, question, calling):
        fakes.take_answer(question + 1, {"returns": "0"})
        fakes.take_answer(question, {"returns": "1"})
        fakes.take_answer(question, {"returns": "2"})
        assert await calling == "1"
        fakes.take_answer(question, {"returns": "3"})

    asked(story)


@pytest.mark.parametrize("is_one", [True, False])
def test_the_end_of_a_fake_ends_its_calls(is_one):
    """A call that waits for a test that has ended fails, and the test's wait for questions ends with all fakes."""

    async def story(fakes, _question, calling):
        other = fakes.add("activity", "other", ASKS, 0)
        fakes.end(other.number)
        await asyncio.sleep(0)
        assert not calling.done()
        fakes.end(1 if is_one else None)
        with pytest.raises(FakedError, match=ENDED["raises"]["message"]):
            await calling
        assert await fakes.next_question(0.0 if is_one else 5) is None

    asked(story)


def test_an_answer_that_came_before_the_end_counts():
    """A fake that ends after its answer was given, and before the call has it, keeps the answer."""

    async def story(fakes, question, calling):
        fakes.take_answer(question, {"returns": "1"})
        fakes.end(1)
        assert await calling == "1"

    asked(story)


@pytest.mark.parametrize("place", ["/app/test_pay.py:7", "", "test_pay.py:x"])
def test_an_error_comes_from_the_line_of_the_test(place):
    """The class has the name that the test gave, and the line is in the traceback if the test named one."""
    raises = {"type": "shop.NoMoneyError", "message": "no money", "place": place}

    async def call():
        fakes = Fakes()
        return await fakes.answer(fakes.add("activity", "pay", {"raises": raises}, 0), {})

    with pytest.raises(FakedError, match="no money") as caught:
        asyncio.run(call())
    assert (caught.type.__module__, caught.type.__name__) == ("shop", "NoMoneyError")
    lines = [f"{one.path}:{one.lineno + 1}" for one in caught.traceback]
    assert ("/app/test_pay.py:7" in lines) == place.endswith("7")


@pytest.mark.parametrize(("text", "value"), [(None, None), ("[1]", [1]), ("plain", "plain")])
def test_an_input_is_decoded(text, value):
    """An input is a JSON value, or text as it is."""
    assert decoded(text) == value

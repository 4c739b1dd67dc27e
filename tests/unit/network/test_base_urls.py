"""The URL of a system under test: whatever is wrong with it, its key is not repeated."""

import pytest

from durable_harness.errors import UsageError
from durable_harness.network.base_urls import read_base_url
from durable_harness.stack import StackOptions, open_stack

EXAMPLE = "http://localhost:7071"
KEY = "abc123def456"


@pytest.mark.parametrize("url", ["http://a:1/", " http://a:1 ", "http://a:1/?", "http://a:1#"])
def test_a_base_url_has_no_slash_at_its_end(url):
    """What surrounds a base URL and means nothing is left out."""
    assert read_base_url(url, "--host", EXAMPLE) == "http://a:1"


@pytest.mark.parametrize("url", ["http://a/?code=", "https://a/api#", "a:7071/?code=", "http://[::1/?code=", "?code="])
def test_a_key_in_a_base_url_is_refused(url):
    """A query or fragment is refused with the option for the key, whatever else is wrong."""
    with pytest.raises(UsageError, match=r"--host: got a URL with a query.*\n.*--function-key") as refused:
        read_base_url(f"{url}{KEY}", "--host", EXAMPLE)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("url", ["localhost:7071", "http://a:b", "http://[::1", "ftp://a", "http://a:0", ""])
def test_what_is_no_url_is_refused(url):
    """Anything that is no http or https URL is refused, and the message shows what one looks like."""
    with pytest.raises(UsageError, match=f"expected a URL like {EXAMPLE}"):
        read_base_url(url, "--host", EXAMPLE)


def test_a_password_in_what_is_no_url_is_not_repeated():
    """A user name and password stand before the host; the message leaves them out."""
    with pytest.raises(UsageError, match=r"--host: got 'ftp://\*\*\*@a', expected") as refused:
        read_base_url(f"ftp://user:{KEY}@a", "--host", EXAMPLE)
    assert KEY not in str(refused.value)


def test_a_remote_stack_takes_no_key_in_its_url(tmp_path):
    """What `capacity`, `record` and `--stack remote` share refuses such a URL before it asks for anything."""
    options = StackOptions(url=f"http://127.0.0.1:9/?code={KEY}")
    with pytest.raises(UsageError, match="--function-key") as refused, open_stack("remote", tmp_path, options):
        pass
    assert KEY not in str(refused.value)

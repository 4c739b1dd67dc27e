"""The port of Locust's page: one that another process has is refused before the run."""

import socket

import pytest

from durable_harness.errors import PortInUseError
from durable_harness.load.lifecycle.web_port import check_web_port


@pytest.mark.parametrize("host", ["127.0.0.1", ""])
def test_a_port_in_use_is_refused(host):
    """The error names the option; once the other process is gone, the port is free."""
    with socket.create_server((host, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"--web-port {port} is in use: name a free port"):
            check_web_port(host, port)
    check_web_port(host, port)


def test_an_unknown_host_is_left_to_locust():
    """A host that is not known here is no port in use."""
    check_web_port("no-such-host.invalid", 8089)

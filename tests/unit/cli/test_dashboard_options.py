"""Where the dashboard listens, and the options of a command for it."""

import pytest

from durable_harness.cli.command_line import make_parser
from durable_harness.cli.dashboard_options import dashboard_options, dashboard_port
from durable_harness.errors import PortInUseError, UsageError
from durable_harness.network.web_servers import bind_one
from durable_harness.stack.dashboards import ANY_PORT, USUAL_PORT, DashboardPort, bind_dashboard


def parsed(*words):
    return make_parser().parse_args(words)


@pytest.mark.parametrize("command", ["serve", "scheduler"])
@pytest.mark.parametrize(
    ("words", "port"),
    [((), USUAL_PORT), (("0",), None), (("none",), None), (("any",), ANY_PORT), (("8500",), DashboardPort(8500))],
)
def test_the_option_names_a_port_any_or_none(command, words, port):
    """Without the option it is the usual port or the next free one; 0 is no dashboard, any is any free port."""
    assert dashboard_port(parsed(command, *(("--dashboard-port", *words) if words else ()))) == port


def test_where_keys_are_checked_it_must_be_asked_for():
    """The dashboard asks for no key: with --enableAuth there is none unless a port is given."""
    assert dashboard_port(parsed("serve", "--enableAuth")) is None
    assert dashboard_port(parsed("serve", "--enableAuth", "--dashboard-port", "any")) == ANY_PORT


def test_a_wrong_port_is_a_usage_error():
    """What is neither a port nor one of the words is refused with what came."""
    with pytest.raises(UsageError, match="'many' is not a port"):
        parsed("serve", "--dashboard-port", "many")


def test_names_are_read_as_browsers_send_them():
    """Allowed hosts are separated by commas and mean the same in capitals."""
    options = dashboard_options(parsed("scheduler", "--allowed-hosts", " Mine.example,other.example ,", "--read-only"))
    assert options.allowed_hosts == ("mine.example", "other.example")
    assert options.is_read_only


def test_a_taken_port_is_left_for_the_next_free_one():
    """The usual port may be taken: then the next one serves. A port that was asked for is an error instead."""
    taken = bind_one("127.0.0.1", 0)
    number = taken.getsockname()[1]
    with pytest.raises(PortInUseError, match="Choose another with --dashboard-port, or 0 for none"):
        bind_dashboard("127.0.0.1", DashboardPort(number))
    found = bind_dashboard("127.0.0.1", DashboardPort(number, or_next=True))
    assert int(found.url.rpartition(":")[2]) > number
    for sock in (taken, *found.sockets):
        sock.close()


def test_no_port_is_no_dashboard():
    """Nothing listens where no dashboard is wanted."""
    assert bind_dashboard("127.0.0.1", None) is None

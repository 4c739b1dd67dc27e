"""The generation of azure-functions-durable that the suite runs on, and the reason to skip tests of the other one."""

from durable_harness.host.sdk.installed import installed_version

SDK = installed_version().major
"""The generation of azure-functions-durable that the suite runs on."""
OTHER_SDK, NEEDS_OTHER_SDK = {
    1: (
        "sdk2",
        "needs azure-functions-durable 2.x: on Python 3.13, pip install --pre 'azure-functions-durable>=2.0.0rc3'",
    ),
    2: ("sdk1", "needs azure-functions-durable 1.x: pip install 'azure-functions-durable<2'"),
}[SDK]

"""The manifest of examples/kubernetes keeps to Kubernetes' own schema, and its commands make one run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from durable_harness.network.free_ports import free_port
from durable_harness.stack import embedded_stack
from patience import PATIENT

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "examples" / "kubernetes"
TOKEN_VARIABLE = "DURABLE_HARNESS_RUN_TOKEN"


@pytest.fixture(scope="module")
def manifest():
    """Return the objects of the manifest by kind and name."""
    objects = YAML(typ="safe").load_all(FOLDER / "load.yaml")
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


def pod(manifest, name):
    """Return the pod of a job."""
    return manifest["Job", name]["spec"]["template"]["spec"]


def container(manifest, name):
    """Return the one container of a job's pod."""
    [found] = pod(manifest, name)["containers"]
    return found


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
def test_the_manifest_is_valid(manifest, version):
    """Each object has the fields that Kubernetes knows, and no other."""
    assert set(manifest) == {("Service", "load-master"), ("Job", "load-master"), ("Job", "load-workers")}
    for one in manifest.values():
        kubernetes_validate.validate(one, version, strict=True)


def test_the_parts_of_the_manifest_fit_together(manifest):
    """The service finds the master, workers are as many as it expects, and both have the token."""
    workers = manifest["Job", "load-workers"]["spec"]
    labels = manifest["Job", "load-master"]["spec"]["template"]["metadata"]["labels"]
    assert manifest["Service", "load-master"]["spec"]["selector"].items() <= labels.items()
    assert f"--expect-workers={workers['parallelism']}" in container(manifest, "load-master")["args"]
    assert workers["completions"] == workers["parallelism"]
    for name in ("load-master", "load-workers"):
        tokens = [one for one in container(manifest, name)["env"] if one["name"] == TOKEN_VARIABLE]
        assert [one["valueFrom"]["secretKeyRef"] for one in tokens] == [{"name": "load-run", "key": "token"}]
    assert "--master-host=load-master" in container(manifest, "load-workers")["args"]


def test_the_image_gets_what_it_copies():
    """The wheel and the scenarios are let into the build by the repository's .dockerignore."""
    copied = re.findall(r"^COPY (\S+)", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert copied == ["dist/*.whl", "loadtests"]
    assert all(f"!{source.partition('/')[0]}" in allowed for source in copied)


def entrypoint():
    """Return the command of the image."""
    return json.loads(re.search(r"^ENTRYPOINT (.*)$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)[1])


def replaced(arguments, values):
    """Return arguments with the values that fit here in place of those of a cluster."""
    words = []
    for argument in arguments:
        name = argument.partition("=")[0]
        words.append(f"{name}={values[name]}" if name in values else argument)
    return words


@pytest.mark.thorough
def test_the_commands_of_the_manifest_make_one_run(manifest, tmp_path):
    """A master and two workers with the manifest's arguments start operations, and the master reports all of them."""
    port, token = str(free_port()), {TOKEN_VARIABLE: "a token of the tests"}
    command = [sys.executable, "-m", *entrypoint()]
    environment = {**os.environ, **PATIENT, **token}
    with embedded_stack(ROOT) as stack:
        values = {"--expect-workers": "2", "--host": stack.base_url, "--rate": "10", "--run-time": "3s"}
        values |= {"--metrics-port": "0", "--report-dir": tmp_path, "--master-host": "127.0.0.1"}
        master = replaced(container(manifest, "load-master")["args"], values)
        worker = [*replaced(container(manifest, "load-workers")["args"], values), "--master-port", port]
        workers = [subprocess.Popen([*command, *worker], cwd=ROOT, env=environment) for _ in range(2)]
        try:
            master = [*master, "--master-bind-port", port, "--gates", "none"]
            subprocess.run([*command, *master], cwd=ROOT, env=environment, timeout=100, check=True)
            assert [one.wait(timeout=30) for one in workers] == [0, 0]
        finally:
            for one in workers:
                one.kill()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["settings"]["processes"] == "1 master, 2 workers"
    assert summary["operations"]["completed"] == summary["operations"]["started"] > 0

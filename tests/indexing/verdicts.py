"""Index apps one by one and print a JSON line for each: its folder, and why it was refused or null.

    python verdicts.py referee|ours FOLDER…

Each app is loaded in a process of its own, forked after the imports that all of them share. `referee` needs Microsoft's
azure-functions-runtime and azure-functions-runtime-v1, `ours` needs this project.
"""

import json
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace


def main():
    indexer = INDEXERS[sys.argv[1]]()
    for folder in sys.argv[2:]:
        line = json.dumps({"app": folder, "refused": _in_a_fork(indexer, Path(folder))})
        sys.stdout.write(line + "\n")


def ours():
    import azure.durable_functions  # noqa: F401, PLC0415

    from durable_harness.errors import HarnessError  # noqa: PLC0415
    from durable_harness.host.app.loading import load_app  # noqa: PLC0415

    def index(folder):
        try:
            app = load_app(folder)
        except HarnessError as error:
            return str(error)
        return "\n".join(one.problem for one in app.broken) or None  # a folder alone does not end the start

    return index


def referee():
    import azure.durable_functions  # noqa: F401, PLC0415
    from azure_functions_runtime import handle_event  # noqa: PLC0415
    from azure_functions_runtime.bindings.meta import load_binding_registry  # noqa: PLC0415

    def index(folder):
        sys.path.insert(0, str(folder))
        os.chdir(folder)
        load_binding_registry()
        handle_event.protos = PROTOS
        try:
            if (folder / "function_app.py").exists():
                handle_event.load_function_metadata(str(folder), caller_info="the tests")
            else:
                index_folders(folder)
        except BaseException as error:  # noqa: BLE001 - whatever an app raises
            return f"{type(error).__name__}: {error}"
        return None

    return index


def index_folders(folder):
    """Do what the Functions host does with function.json files, then what the worker for them does."""
    from azure_functions_runtime_v1.bindings.meta import load_binding_registry  # noqa: PLC0415
    from azure_functions_runtime_v1.functions import Registry  # noqa: PLC0415
    from azure_functions_runtime_v1.loader import install, load_function  # noqa: PLC0415

    load_binding_registry()
    install()
    for file in sorted(folder.glob("*/function.json")):
        text = re.sub(r"//[^\n]*|/\*.*?\*/", "", file.read_text())
        text = re.sub(r",(?=\s*[]}])", "", text)
        config = {key[0].lower() + key[1:]: value for key, value in json.loads(text).items()}
        script = os.path.normpath(file.parent / config.get("scriptFile", "__init__.py"))
        function = load_function(file.parent.name, str(file.parent), script, config.get("entryPoint"))
        given = [{key.lower(): value for key, value in binding.items()} for binding in config["bindings"]]
        bindings = {binding["name"]: _binding(binding) for binding in given}
        metadata = SimpleNamespace(name=file.parent.name, directory=str(file.parent), bindings=bindings)
        Registry().add_function(file.parent.name, function, metadata, PROTOS)


class BindingInfo(SimpleNamespace):
    inout, out, undefined = 2, 1, None


def _binding(binding):
    direction = {"in": 0, "out": 1, "inout": 2}[str(binding.get("direction", "in")).lower()]
    return BindingInfo(type=binding["type"], direction=direction, data_type=None)


PROTOS = SimpleNamespace(
    BindingInfo=BindingInfo,
    RpcFunctionMetadata=SimpleNamespace,
    RpcRetryOptions=SimpleNamespace,
)
INDEXERS = {"referee": referee, "ours": ours}


def _in_a_fork(indexer, folder):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.dup2(2, 1)  # what an app prints is not for the reader of the verdicts
        answer = json.dumps(indexer(folder.resolve()))
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else "the process ended without a verdict"


if __name__ == "__main__":
    main()

"""Answers what Azure shows a function of its surroundings."""

import json
from pathlib import Path

import azure.functions as func
from azure.functions import HttpRequest


def main(req: HttpRequest, client, context: func.Context) -> str:
    seen = {
        "name": context.function_name,
        "folder": Path(context.function_directory).name,
        "module": __name__,
        "hub": json.loads(client)["taskHubName"],
    }
    return json.dumps({"body": json.dumps(seen), "headers": {"Content-Type": "application/json"}})

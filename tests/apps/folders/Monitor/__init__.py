from datetime import timedelta

import azure.durable_functions as df

from ..Hello import main as hello  # another function's folder is a module like any other


def orchestrator_function(context):
    polls = 0
    while polls < context.get_input()["polls"]:
        polls += 1
        yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=20))
    return hello(f"after {polls}")


main = df.Orchestrator.create(orchestrator_function)

"""Histories of orchestrators that a test writes: a scheduler of a few lines, which answers all that is asked for."""

from pathlib import Path

import azure.durable_functions as df

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.sdk1.orchestrations import OrchestrationRunner
from durable_harness.protocol import pb
from durable_harness.protocol.history_file import from_events
from history_events import event

MAX_TURNS = 80
OUTCOMES = {"scheduleTask": "taskCompleted", "createSubOrchestration": "subOrchestrationInstanceCompleted"}
FAILURES = {"scheduleTask": "taskFailed", "createSubOrchestration": "subOrchestrationInstanceFailed"}


def app_of(**orchestrators):
    """Return an app of these orchestrators."""
    return FunctionApp(Path(), [_function(name, call) for name, call in orchestrators.items()])


def _function(name, call):
    trigger = {"type": "orchestrationTrigger", "name": "context", "orchestration": name}
    return Function(name, trigger, (), df.Orchestrator.create(call), is_async=False, wants_context=False)


def record(orchestrator, **run):
    """Run an orchestrator as `drive` does, and return its history."""
    return drive(OrchestrationRunner(app_of(o=orchestrator)), **run)


def drive(runner, *, events=(), fails=(), order=sorted, batch=1):
    """Run the orchestrator `o` of a runner to its end, or until it waits for what does not come; return its history.

    `events` are raised one a turn, as (name, JSON text). `fails` are the ids of tasks that fail. Outcomes arrive
    `batch` a turn, in the order that `order` gives to the ids of what is outstanding.
    """
    history, new = [], [event(event_id=0, executionStarted={"name": "o"})]
    outstanding, raised = {}, [event(eventRaised={"name": n, "input": {"value": text}}) for n, text in events]
    for turn in range(MAX_TURNS):
        fresh = [event(turn, orchestratorStarted={}), *new]
        request = pb.OrchestratorRequest(instanceId="i", pastEvents=history, newEvents=fresh)
        response = runner.run(request)
        history += fresh
        ending = carry_out(response, history, outstanding, fails, turn)
        if ending is not None:
            history.append(ending)
            break
        ready = [outstanding.pop(number) for number in list(order(outstanding))[:batch]]
        new = ready + ([raised.pop(0)] if raised else [])
        if not new:
            break
    return from_events("i", history)


def carry_out(response, history, outstanding, fails, turn):
    """Write a turn's actions into the history and keep their outcomes; return the end, None if it continues."""
    for action in response.actions:
        kind = action.WhichOneof("orchestratorActionType")
        detail = getattr(action, kind)
        if kind == "completeOrchestration":
            return _ending(action.id, detail, turn)
        scheduled, outcome = _events_of(action.id, kind, detail, failed=action.id in fails)
        history.append(event(turn, action.id, **scheduled))
        if outcome is not None:
            outstanding[action.id] = event(turn, **outcome)
    return None


def _ending(number, detail, turn):
    if detail.orchestrationStatus == pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW:
        return event(turn, continueAsNew={"input": detail.result})
    failure = detail.failureDetails if detail.HasField("failureDetails") else None
    result = detail.result if detail.HasField("result") else None
    completed = {"orchestrationStatus": detail.orchestrationStatus, "result": result, "failureDetails": failure}
    return event(turn, number, executionCompleted=completed)


def _events_of(number, kind, detail, *, failed):
    """Return what history has of an action, and the outcome that it will have."""
    given = {"input": detail.input} if kind in OUTCOMES and detail.HasField("input") else {}
    if kind == "createTimer":
        return {"timerCreated": {"fireAt": detail.fireAt}}, {"timerFired": {"timerId": number, "fireAt": detail.fireAt}}
    if kind == "sendEntityMessage":
        message = detail.WhichOneof("EntityMessageType")
        sent = getattr(detail, message)
        answer = {"entityOperationCompleted": {"requestId": sent.requestId, "output": {"value": '"done"'}}}
        return {message: sent}, answer if message == "entityOperationCalled" else None
    if failed:
        outcome = {FAILURES[kind]: {"taskScheduledId": number, "failureDetails": {"errorMessage": "no"}}}
    else:
        outcome = {OUTCOMES[kind]: {"taskScheduledId": number, "result": {"value": f"{number}"}}}
    if kind == "scheduleTask":
        return {"taskScheduled": {"name": detail.name, **given}}, outcome
    return {"subOrchestrationInstanceCreated": {"instanceId": detail.instanceId, "name": detail.name, **given}}, outcome

// What the JavaScript workers of this room know: orchestrators, activities, entities.
"use strict";
const { EntityInstanceId, RetryPolicy, TaskEntity, whenAll, whenAny } = require("@microsoft/durabletask-js");

const seconds = (context, count) => new Date(context.currentUtcDateTime.getTime() + 1000 * count);
const entity = (name, key) => new EntityInstanceId(name, key);
const SOON_MS = 10;

const attempts = new Map();
/** Count the calls that share a key, over all instances and turns. */
function nextAttempt(key) {
  attempts.set(key, (attempts.get(key) ?? 0) + 1);
  return attempts.get(key);
}

const activities = {
  double: (_context, number) => 2 * number,
  echo: (_context, value) => value,
  broken: () => {
    throw new RangeError("out of order");
  },
  /** Fail until the given attempt, and return its number. */
  flaky: (_context, { key, until }) => {
    const attempt = nextAttempt(key);
    if (attempt < until) throw new TypeError(`attempt ${attempt}`);
    return attempt;
  },
  whoAmI: (context) => [context.orchestrationId, context.taskId],
};

const orchestrators = {
  plain: (_context, input) => input,
  callDouble: async function* (context, number) {
    return yield context.callActivity("double", number);
  },
  introduced: async function* (context) {
    return yield context.callActivity("whoAmI");
  },
  chain: async function* (context, count) {
    let number = 1;
    for (let step = 0; step < count; step++) number = yield context.callActivity("double", number);
    return number;
  },
  fanOut: async function* (context, numbers) {
    return yield whenAll(numbers.map((number) => context.callActivity("double", number)));
  },
  inARow: async function* (context) {
    const doubled = yield context.callActivity("double", 4);
    yield context.createTimer(seconds(context, 0.01));
    return [doubled, yield context.callSubOrchestrator("plain", "from the child")];
  },
  relay: async function* (context, value) {
    return [value, yield context.callActivity("echo", value)];
  },
  sleep: async function* (context, length) {
    yield context.createTimer(seconds(context, length));
    return "woken";
  },
  race: async function* (context, length) {
    const event = context.waitForExternalEvent("go");
    const timer = context.createTimer(seconds(context, length));
    const first = yield whenAny([event, timer]);
    return first === timer ? "timer" : event.getResult();
  },
  waitForGo: async function* (context, input) {
    const data = yield context.waitForExternalEvent("go");
    return input === null || input === undefined ? data : [input, data];
  },
  waitForBoth: async function* (context) {
    const second = yield context.waitForExternalEvent("second");
    return [yield context.waitForExternalEvent("first"), second];
  },
  sender: async function* (context, target) {
    context.sendEvent(target, "go", "from a peer");
    return yield context.callActivity("double", 1);
  },
  caught: async function* (context) {
    try {
      return yield context.callActivity("broken");
    } catch (error) {
      return [error.name, error.details.errorType, error.details.message];
    }
  },
  uncaught: async function* (context) {
    return yield context.callActivity("broken");
  },
  raising: () => {
    throw new TypeError("no such luck");
  },
  raiseOnce: (context, input) => {
    if (nextAttempt(input) === 1) throw new Error("the first time");
    return "better";
  },
  unknownActivity: async function* (context) {
    return yield context.callActivity("unknown");
  },
  parent: async function* (context, input) {
    return yield context.callSubOrchestrator(input.child, input.input, { instanceId: input.instanceId });
  },
  child: (context) => [context.parent.name, context.parent.instanceId, context.parent.taskScheduledId],
  family: async function* (context, count) {
    const children = [...Array(count).keys()].map((number) => context.callSubOrchestrator("callDouble", number));
    return yield whenAll(children);
  },
  status: async function* (context) {
    context.setCustomStatus({ step: 1 });
    yield context.waitForExternalEvent("go");
    context.setCustomStatus("over");
    return null;
  },
  countdown: async function* (context, number) {
    yield context.callActivity("double", number);
    if (number > 0) context.continueAsNew(number - 1, false);
    else return "zero";
  },
  collect: async function* (context, seen) {
    seen.push(yield context.waitForExternalEvent("go"));
    if (seen.length < 3) context.continueAsNew(seen, true);
    else return seen;
  },
  guids: async function* (context) {
    const [first, second] = [context.newGuid(), context.newGuid()];
    yield context.callActivity("double", 1);
    return [first, second];
  },
  moments: async function* (context) {
    const before = context.currentUtcDateTime.getTime();
    yield context.callActivity("double", 1);
    return [before, context.currentUtcDateTime.getTime()];
  },
  versionOf: (context) => context.version,
  retried: async function* (context, { key, until, attempts: limit, handled }) {
    const retry = new RetryPolicy({
      maxNumberOfAttempts: limit,
      firstRetryIntervalInMilliseconds: SOON_MS,
      handleFailure: handled === undefined ? undefined : (failure) => failure.errorType === handled,
    });
    return yield context.callActivity("flaky", { key, until }, { retry });
  },
  retriedByHandler: async function* (context, { key, until, attempts: limit }) {
    const retry = async (failed) => failed.lastAttemptNumber < limit;
    return yield context.callActivity("flaky", { key, until }, { retry });
  },
  retriedChild: async function* (context, key) {
    const retry = new RetryPolicy({ maxNumberOfAttempts: 3, firstRetryIntervalInMilliseconds: SOON_MS });
    return yield context.callSubOrchestrator("raiseOnce", key, { retry });
  },
  resumed: async function* (context, key) {
    const doubled = yield context.callActivity("double", 1);
    return [doubled, yield context.callActivity("flaky", { key, until: 2 })];
  },
  resumedParent: async function* (context, key) {
    return yield context.callSubOrchestrator("resumed", key);
  },
  addUp: async function* (context, { key, numbers }) {
    let total;
    for (const number of numbers) total = yield context.entities.callEntity(entity("Counter", key), "add", number);
    return total;
  },
  signalled: async function* (context, key) {
    context.entities.signalEntity(entity("Counter", key), "add", 5);
    return yield context.entities.callEntity(entity("Counter", key), "get");
  },
  refused: async function* (context, key) {
    try {
      return yield context.entities.callEntity(entity("Counter", key), "refuse");
    } catch (error) {
      return [error.name, error.failureDetails.errorMessage];
    }
  },
  transfer: async function* (context, [from, to]) {
    const ids = [entity("Counter", from), entity("Counter", to)];
    const lock = yield context.entities.lockEntities(...ids);
    const inside = context.entities.isInCriticalSection().inSection;
    yield context.entities.callEntity(ids[0], "add", -10);
    const total = yield context.entities.callEntity(ids[1], "add", 10);
    lock.release();
    return [inside, total];
  },
  hold: async function* (context, key) {
    const lock = yield context.entities.lockEntities(entity("Counter", key));
    context.setCustomStatus("holding");
    yield context.waitForExternalEvent("go");
    lock.release();
    return "released";
  },
};

class Counter extends TaskEntity {
  initializeState() {
    return { total: 0 };
  }
  add(number) {
    this.state.total += number;
    return this.state.total;
  }
  get() {
    return this.state.total;
  }
  refuse() {
    this.state.total = -1;
    throw new Error("not today");
  }
  forward(key) {
    this.context.signalEntity(entity("Counter", key), "add", this.state.total);
  }
  begin(instanceId) {
    return this.context.scheduleNewOrchestration("plain", "from an entity", { instanceId });
  }
}

const entities = { Counter: () => new Counter() };

module.exports = { activities, entities, orchestrators };

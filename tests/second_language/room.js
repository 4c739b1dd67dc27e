// One process of JavaScript clients and workers. It obeys JSON lines on standard input and answers each by its number.
"use strict";
const readline = require("node:readline");
const grpc = require("@grpc/grpc-js");
const sdk = require("@microsoft/durabletask-js");
const pb = require("@microsoft/durabletask-js/dist/proto/orchestrator_service_pb");
const { StringValue } = require("google-protobuf/google/protobuf/wrappers_pb");
const functions = require("./functions.js");

const address = process.argv[2];
const clients = new Map();
const workers = new Map();

function connection(hub) {
  const metadata = new grpc.Metadata();
  metadata.set("taskhub", hub);
  return { hostAddress: address, metadataGenerator: async () => metadata, logger: new sdk.NoOpLogger() };
}

function clientOf(hub) {
  if (!clients.has(hub)) clients.set(hub, new sdk.TaskHubGrpcClient(connection(hub)));
  return clients.get(hub);
}

const REGISTER = { orchestrators: "addNamedOrchestrator", activities: "addNamedActivity", entities: "addNamedEntity" };

const orders = {
  /** Call a method of a hub's client. What gives pages is read to its end: all items, and how many each page had. */
  async call({ hub, method, args }) {
    const result = clientOf(hub)[method](...args.map(revived));
    if (result === undefined || result === null || typeof result.asPages !== "function") return await result;
    const pages = [];
    for await (const page of result.asPages()) pages.push(page.values);
    return { items: pages.flat(), pages: pages.map((page) => page.length) };
  },
  /** Run a worker with all functions of this room, or with the named ones of each kind. */
  async work({ hub, name, known = {}, ...options }) {
    const worker = new sdk.TaskHubGrpcWorker({ ...connection(hub), ...options });
    for (const [kind, register] of Object.entries(REGISTER)) {
      for (const each of known[kind] ?? Object.keys(functions[kind])) worker[register](each, functions[kind][each]);
    }
    await worker.start();
    workers.set(name, worker);
  },
  async stop({ name }) {
    await workers.get(name).stop();
  },
  /** Start an instance with a policy for its id: the package's own messages, since its client has no option for it. */
  async startReusing({ hub, name, instanceId, statuses, input }) {
    const policy = new pb.OrchestrationIdReusePolicy();
    policy.setReplaceablestatusList(statuses.map((status) => pb.OrchestrationStatus[`ORCHESTRATION_STATUS_${status}`]));
    const request = new pb.CreateInstanceRequest();
    request.setName(name);
    request.setInstanceid(instanceId);
    request.setOrchestrationidreusepolicy(policy);
    request.setInput(new StringValue([JSON.stringify(input)]));
    const metadata = await connection(hub).metadataGenerator();
    const stub = clientOf(hub)._stub;
    return await new Promise((resolve, reject) => {
      stub.startInstance(request, metadata, (error, answer) => (error ? reject(error) : resolve(answer.getInstanceid())));
    });
  },
};

/** Make values of the package from those that JSON has: {"$date"}, {"$entity"}, {"$status"}, {"$terminate"}, {"$purge"}. */
function revived(value) {
  if (Array.isArray(value)) return value.map(revived);
  if (value === null || typeof value !== "object") return value;
  if ("$date" in value) return new Date(value.$date);
  if ("$entity" in value) return new sdk.EntityInstanceId(...value.$entity);
  if ("$status" in value) return sdk.OrchestrationStatus[value.$status];
  if ("$terminate" in value) return sdk.terminateOptions(value.$terminate);
  if ("$purge" in value) {
    const criteria = new sdk.PurgeInstanceCriteria();
    criteria.setRuntimeStatusList(value.$purge.map((status) => sdk.OrchestrationStatus[status]));
    return criteria;
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, revived(each)]));
}

/** Show a status by its name and what a failure's getters hide; leave out the state that was not asked for. */
function shown(key, value) {
  if (value?.includesState === false) {
    const { id, lastModifiedTime, backlogQueueSize, includesState } = value;
    return { id, lastModifiedTime, backlogQueueSize, includesState };
  }
  if (key === "runtimeStatus") return sdk.OrchestrationStatus[value];
  if (value instanceof sdk.FailureDetails) return { message: value.message, errorType: value.errorType };
  return value;
}

const answer = (line) => process.stdout.write(`${JSON.stringify(line, shown)}\n`);

async function obey({ number, order, ...details }) {
  try {
    answer({ number, result: (await orders[order](details)) ?? null });
  } catch (error) {
    answer({ number, error: { name: error.name, message: error.message, code: error.code ?? error.cause?.code ?? null } });
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => obey(JSON.parse(line)));
process.stdin.on("end", () => process.exit(0));

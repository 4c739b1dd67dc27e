"""The peer: durabletask's in-memory backend with durabletask's own worker and client, no HTTP in between.

    python benchmarks/peer.py backend PORT                  serve the backend until killed
    python benchmarks/peer.py drive PORT CONCURRENCY COUNT  work and start; print operations/s and CPU ms per operation
    python benchmarks/peer.py fan-out PORT                  print the seconds that 1,000 activities in one turn take
    python benchmarks/peer.py chain PORT COUNT              print seconds and memory of activities one after the other

Two processes are the peer's faster layout: worker and client share one interpreter, the backend has its own.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from durabletask import client, task, worker
from durabletask.testing import create_test_backend

from drive import FIRST_POLL_S, LONGEST_POLL_S


def echo(_context: Any, value: Any) -> Any:
    return value


def one_activity(context: Any, value: Any) -> Any:
    return (yield context.call_activity(echo, input=value))


def fan_out(context: Any, count: int) -> Any:
    return len((yield task.when_all([context.call_activity(echo, input=number) for number in range(count)])))


def measure_fan_out(port: int) -> None:
    works = worker.TaskHubGrpcWorker(host_address=f"localhost:{port}")
    works.add_orchestrator(fan_out)
    works.add_activity(echo)
    works.start()
    starts = client.TaskHubGrpcClient(host_address=f"localhost:{port}")
    for count in (10, 1000):
        began = time.perf_counter()
        instance_id = starts.schedule_new_orchestration(fan_out, input=count)
        state = starts.wait_for_orchestration_completion(instance_id, timeout=100)
        assert state is not None
        assert state.serialized_output == str(count)
        took_s = time.perf_counter() - began
    print(took_s, flush=True)
    os._exit(0)


def chain(context: Any, count: int) -> Any:
    total = 0
    for number in range(count):
        total += yield context.call_activity(echo, input=number)
    return total


def measure_chain(port: int, count: int) -> None:
    works = worker.TaskHubGrpcWorker(host_address=f"localhost:{port}")
    works.add_orchestrator(chain)
    works.add_activity(echo)
    works.start()
    starts = client.TaskHubGrpcClient(host_address=f"localhost:{port}")
    began = time.perf_counter()
    instance_id = starts.schedule_new_orchestration(chain, input=count)
    state = starts.wait_for_orchestration_completion(instance_id, timeout=3600)
    assert state is not None
    assert state.runtime_status.name == "COMPLETED", state
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - began, "peak_mb": peak_mb}), flush=True)
    os._exit(0)


def drive(port: int, concurrency: int, operations: int) -> None:
    address = f"localhost:{port}"
    works = worker.TaskHubGrpcWorker(host_address=address)
    works.add_orchestrator(one_activity)
    works.add_activity(echo)
    works.start()
    starts = client.TaskHubGrpcClient(host_address=address)

    def operation(_number: int) -> None:
        instance_id = starts.schedule_new_orchestration(one_activity, input={"duration": 0})
        wait_s = FIRST_POLL_S
        while True:
            state = starts.get_orchestration_state(instance_id)
            if state is not None and state.runtime_status.name == "COMPLETED":
                return
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_POLL_S)

    with ThreadPoolExecutor(concurrency) as callers:
        list(callers.map(operation, range(concurrency)))
        began, cpu_s = time.perf_counter(), time.process_time()
        list(callers.map(operation, range(operations)))
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_s
    print(json.dumps({"per_second": operations / took_s, "cpu_ms": 1000 * cpu_s / operations}), flush=True)
    os._exit(0)


def main() -> None:
    logging.disable(logging.CRITICAL)
    command, port, *rest = sys.argv[1:]
    if command == "backend":
        create_test_backend(port=int(port))
        print("ready", flush=True)
        threading.Event().wait()
    if command == "fan-out":
        measure_fan_out(int(port))
    if command == "chain":
        measure_chain(int(port), int(rest[0]))
    drive(int(port), *map(int, rest))


if __name__ == "__main__":
    main()

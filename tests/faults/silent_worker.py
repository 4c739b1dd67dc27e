"""A worker that takes one work item, prints its token and does nothing more, until it is killed."""

import sys
import time

import grpc
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

address, hub = sys.argv[1:]
with grpc.insecure_channel(address) as channel:
    stub = TaskHubSidecarServiceStub(channel)
    for item in stub.GetWorkItems(pb.GetWorkItemsRequest(), metadata=[("taskhub", hub)]):
        if item.completionToken:
            sys.stdout.write(f"{item.completionToken}\n")
            sys.stdout.flush()
            time.sleep(3600)

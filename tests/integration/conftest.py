"""The SDK's client operations as the features app offers them, and a plain HTTP session."""

import json

import pytest
import requests

from durable_harness.stack import scheduler_process


class SdkError(Exception):
    """Raised when the SDK raised inside the app; carries the SDK's text."""


class Sdk:
    """Calls the durable client inside the features app, through the app's HTTP functions."""

    def __init__(self, client):
        self.client = client

    def one(self, operation, instance_id, body=None, **query):
        """Call an operation on one instance."""
        return self._call("POST", f"/api/one/{operation}/{instance_id}", body, query)

    def many(self, operation, **query):
        """Call an operation on many instances."""
        return self._call("POST", f"/api/many/{operation}", None, query)

    def signal(self, entity, key, operation, value=None):
        """Signal an entity."""
        return self._call("POST", f"/api/entity/{entity}/{key}/{operation}", value, {})

    def entity(self, entity, key):
        """Read an entity: whether it exists, and its state."""
        return self._call("GET", f"/api/entity/{entity}/{key}", None, {})

    def probe(self, key):
        """Return how often the app counted the key, and what it noted under it."""
        return self.client.get(f"/api/probes/{key}").json()

    def _call(self, method, path, body, query):
        data = None if body is None else json.dumps(body).encode()
        response = self.client.request(method, path, params=query, data=data)
        answer = response.json()
        if response.status_code == 502:
            raise SdkError(answer["error"])
        assert response.status_code == 200, response.text
        return answer["result"]


@pytest.fixture
def sdk(features):
    """Return the SDK's client operations, carried out inside the features app."""
    return Sdk(features)


@pytest.fixture(scope="session")
def sdk_error():
    """Return the type of the error that carries what the SDK raised."""
    return SdkError


@pytest.fixture
def http():
    """Yield a plain HTTP session, closed at the end of the test."""
    with requests.Session() as session:
        yield session


@pytest.fixture(scope="module")
def our_scheduler():
    """Yield the connection string of a scheduler process of this project, which a host reaches over gRPC."""
    with scheduler_process() as running:
        yield f"Endpoint=http://{running.grpc_address};Authentication=None;TaskHub=default"

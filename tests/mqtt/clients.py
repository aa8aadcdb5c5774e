"""Both clients, ours and stock paho: a test file that imports `client_kind` is held to with each."""

import pytest

from mqtt.client import FastClient, StockClient


@pytest.fixture(autouse=True, params=[FastClient, StockClient], ids=["fast", "stock"])
def client_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[StockClient]:
    kind: type[StockClient] = request.param
    monkeypatch.setattr("mqtt.connection.client_class", lambda: kind)
    return kind

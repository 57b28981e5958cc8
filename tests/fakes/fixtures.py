"""The fakes as fixtures: every server that a test started is stopped after it."""

from __future__ import annotations

from typing import Any, Callable, Iterator, List

import pytest

from .fault_server import Behaviour, FaultServer
from .model_server import FakeModelServer
from .nuke_fixture import nuke_double
from .server import Server

__all__ = ["fault_server", "model_server", "nuke_double"]

StartFaultServer = Callable[..., FaultServer]


@pytest.fixture
def model_server() -> Iterator[FakeModelServer]:
    """A running model server."""
    with FakeModelServer() as server:
        yield server


@pytest.fixture
def fault_server() -> Iterator[StartFaultServer]:
    """Starts a FaultServer with the behaviours that it is given."""
    started: List[Server] = []

    def start(*behaviours: Behaviour, **options: Any) -> FaultServer:  # the options of FaultServer
        server = FaultServer(*behaviours, **options)
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()

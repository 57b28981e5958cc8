"""Hosts for the tests of the double."""

from __future__ import annotations

import pytest

from tests.fakes.nuke import Host


@pytest.fixture
def host() -> Host:
    """A Nuke 16 with an interface."""
    return Host()


@pytest.fixture
def terminal() -> Host:
    """A `nuke -t`."""
    return Host(gui=False)

"""The fixture `nuke_double`: a Nuke in sys.modules for one test.

    def test_it(nuke_double):
        host = nuke_double(version=15, gui=True)
        import nuke
"""

from __future__ import annotations

import sys
from typing import Any, Callable, Iterator, List, Tuple, Union

import pytest

from .nuke import Host

FULL = {13: (13, 2, 8), 14: (14, 1, 4), 15: (15, 1, 4), 16: (16, 0, 8), 17: (17, 0, 2)}


@pytest.fixture
def nuke_double() -> Iterator[Callable[..., Host]]:
    """Makes and installs a host: `nuke_double(version=15, gui=True, options=…)`; removed after the test."""
    hosts: List[Host] = []

    def make(version: Union[int, Tuple[int, int, int]] = 16, gui: bool = True, **facts: Any) -> Host:
        if hosts:
            hosts.pop().uninstall()
        host = Host(FULL[version] if isinstance(version, int) else version, gui, **facts)
        _forget_the_door()
        host.install()
        hosts.append(host)
        return host

    yield make
    for host in hosts:
        host.uninstall()
    if hosts:
        _forget_the_door()


def _forget_the_door() -> None:
    """The product's modules that name `nuke` belong to the Nuke that they were imported in."""
    door = "nuke_ai_panel_qt.host"
    for name in [one for one in sys.modules if one == door or one.startswith(door + ".")]:
        del sys.modules[name]

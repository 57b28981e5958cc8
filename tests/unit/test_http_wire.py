"""Faults that only a wire between two machines has: silence, sleep, loss, delay. Linux with network namespaces."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from tests.fakes.netlab import why_impossible

ROOT = Path(__file__).parents[2]
EVENT = 'data: {"a": 1}\n\n'


@functools.lru_cache(maxsize=1)
def _reason() -> str:
    return why_impossible()


def outcome(scenario: str) -> Dict[str, Any]:  # what the scenario says
    """Runs a scenario of `netlab_scenarios` between two machines."""
    if _reason():
        pytest.skip(_reason())
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-m", "tests.fakes.netlab", scenario],
        capture_output=True, text=True, timeout=120, cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: Dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_black_hole_ends_on_the_connect_clock() -> None:
    got = outcome("blackhole")
    assert (got["kind"], got["body"]) == ("timeout", "")
    assert 0.9 < got["seconds"] < 3.0
    assert "no connection to 10.77.0.2" in got["message"]


def test_other_end_that_disappears_ends_on_the_event_clock_and_is_found_again() -> None:
    got = outcome("gone_in_mid_stream")
    assert got["kind"] == "timeout" and got["body"].startswith(EVENT)
    assert got["body"] == EVENT * got["body"].count(EVENT)
    assert 1.2 < got["seconds"] < 5.0
    assert (got["again"], got["requests"]) == (None, 2)


def test_connection_that_died_in_a_sleep_is_found_out_long_before_the_event_clock() -> None:
    got = outcome("gone_while_asleep")
    assert (got["kind"], got["body"]) == ("network", EVENT * 3)
    assert got["seconds"] < 0.5 + 1.0 + 12.0
    assert got["again"] is None


def test_connection_that_survived_a_sleep_goes_on() -> None:
    got = outcome("alive_after_sleep")
    assert (got["kind"], got["body"]) == (None, EVENT * 2)


def test_slow_and_lossy_line_is_only_slower() -> None:
    got = outcome("slow_and_lossy")
    assert (got["kind"], got["message"]) == (None, "")
    assert got["body"] == got["expected"] + "data: [DONE]\n\n"
    assert [one["path"] for one in got["requests"]] == ["/", "/after"]
    assert got["requests"][0]["size"] > 20_000 and got["after"] == {"ok": 1}
    assert got["seconds"] > 3.0


def test_machine_without_a_network_names_the_host() -> None:
    got = outcome("no_resolver")
    assert got["kind"] == "network" and "api.vendor.test" in got["text"]
    assert got["seconds"] < 8.0

"""What happened with a provider adds up to one state: the table, and what a flowing stream outweighs."""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Tuple

import pytest

from nuke_ai_panel.core.connection_health import AMENDS, LATELY_S, SLOW_S, Health
from nuke_ai_panel.messages import ErrorInfo

Step = Callable[["Story"], None]


class Story:
    """A Health with a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.health = Health(lambda: self.now)

    def wait(self, seconds: float) -> None:
        self.now += seconds


def fast(story: Story) -> None:
    story.health.heard(0.02)


def slow(story: Story) -> None:
    story.health.heard(SLOW_S + 1)


def opened(story: Story) -> None:
    story.health.opened()


def stream(story: Story) -> None:
    story.health.opened()
    story.health.flows()


def ended(story: Story) -> None:
    story.health.closed(was_flowing=True, is_whole=True)


def broken(story: Story) -> None:
    story.health.failed(ErrorInfo("network", "reset"))
    story.health.closed(was_flowing=True)


def fails(kind: str, status: Optional[int] = None, *, is_probe: bool = False, is_unsent: bool = False) -> Step:
    return lambda story: story.health.failed(
        ErrorInfo(kind, kind, status=status), is_probe=is_probe, is_unsent=is_unsent)


def later(story: Story) -> None:
    story.wait(LATELY_S + 1)
    story.health.settle()


def forgotten(story: Story) -> None:
    story.health.forget()


refused = fails("network", is_unsent=True)
busy = fails("timeout", is_probe=True)

TABLE: Dict[str, Tuple[List[Step], str]] = {
    "nothing was tried": ([], "unknown"),
    "a request is under way": ([opened], "connecting"),
    "an exchange": ([fast], "connected"),
    "a stream that was heard": ([stream], "connected"),
    "a stream that ended well": ([stream, ended], "connected"),
    "a slow exchange": ([slow], "degraded"),
    "slow, then quick": ([slow, fast], "connected"),
    "refused": ([refused], "unreachable"),
    "a broken certificate": ([fails("tls")], "unreachable"),
    "something that is not an answer": ([fails("protocol", 200)], "unreachable"),
    "nothing came in time": ([fails("timeout")], "unreachable"),
    "refused, asked again": ([refused, opened], "connecting"),
    "connected, asked again": ([fast, opened], "connected"),
    "a stream that broke off": ([stream, broken], "unreachable"),
    "cut by a server that is there": ([fast, fails("truncated")], "degraded"),
    "the key is rejected": ([fails("auth", 401)], "needs key"),
    "no key": ([fails("missing_key")], "needs key"),
    "asked to slow down": ([fast, fails("rate_limit", 429)], "degraded"),
    "an error of its own, and nothing else ever": ([fails("server_error", 500)], "degraded"),
    "an error of its own, long ago, and nothing since": ([fast, fails("server_error", 500), later], "degraded"),
    "an error of its own, then an answer": ([fails("server_error", 500), fast], "degraded"),
    "a retry that went well": ([fast, fails("overloaded", 529), stream, ended], "degraded"),
    "made up for by answers": ([fails("server_error", 500), *[fast] * AMENDS], "connected"),
    "made up for by time": ([fails("server_error", 500), fast, later], "connected"),
    "a refused question, and nothing else ever": ([fails("bad_request", 400)], "degraded"),
    "a refused question beside answers": ([fast, fails("model_not_found", 404)], "connected"),
    "no list of models beside answers": ([fast, fails("permission", 403, is_probe=True)], "connected"),
    "refused before it was sent": ([fails("unsupported_feature")], "unknown"),
    "stopped by us": ([opened, fails("cancelled")], "connecting"),
    "stopped by us, when it was there": ([fast, fails("cancelled")], "connected"),
    "an impossible address": ([fails("bad_request")], "unknown"),
    "a setting": ([fails("settings")], "unknown"),
    "restarted once": ([fast, refused, fast], "connected"),
    "restarted twice": ([fast, refused, fast, refused, fast], "connected"),
    "comes and goes": ([fast, refused, fast, refused, fast, refused, fast], "degraded"),
    "came and went, long ago": ([fast, refused, fast, refused, later, fast, refused, fast], "connected"),
    "too busy for one probe": ([fast, busy], "degraded"),
    "too busy for two probes": ([fast, busy, busy], "degraded"),
    "too busy for long": ([fast, busy, busy, busy], "unreachable"),
    "never there, no answer to a probe": ([busy], "unreachable"),
    "no way there for a probe": ([fast, fails("timeout", is_probe=True, is_unsent=True)], "unreachable"),
    "a list that failed beside a stream": ([stream, refused], "degraded"),
    "a key rejected beside a stream": ([stream, fails("auth", 401)], "degraded"),
    "nobody listens any more, and the stream goes on to its end": ([stream, refused, ended], "connected"),
    "a rejected key, and the stream goes on to its end": ([stream, fails("auth", 401), ended], "needs key"),
    "settings changed": ([fast, forgotten], "unknown"),
    "settings changed under a stream": ([stream, forgotten], "connected"),
}


@pytest.mark.parametrize("name", TABLE)
def test_facts_add_up_to_one_state(name: str) -> None:
    steps, state = TABLE[name]
    story = Story()
    for step in steps:
        step(story)
    assert story.health.state == state


@pytest.mark.parametrize("name", [name for name, (_, state) in TABLE.items() if state not in ("connected", "unknown")])
def test_every_bad_state_has_its_reason(name: str) -> None:
    steps, state = TABLE[name]
    story = Story()
    for step in steps:
        step(story)
    assert state == "connecting" or story.health.error is not None


def test_since_is_when_the_state_began_and_stays() -> None:
    story = Story()
    fast(story)
    began = story.now
    story.wait(30)
    fast(story)
    assert (story.health.state, story.health.since) == ("connected", began)
    story.wait(30)
    refused(story)
    assert (story.health.state, story.health.since) == ("unreachable", story.now)


def test_latency_is_that_of_the_last_exchange_without_tokens() -> None:
    story = Story()
    fast(story)
    stream(story)
    assert story.health.latency_s == 0.02
    slow(story)
    assert story.health.latency_s == SLOW_S + 1 and story.health.error is not None
    assert "slowly" in story.health.error.user_text and story.health.error.next_step


def test_clock_that_was_set_back_makes_nothing_worse() -> None:
    story = Story()
    fails("server_error", 500)(story)
    story.wait(-86_400)
    for _ in range(AMENDS):
        fast(story)
    assert story.health.state == "connected"

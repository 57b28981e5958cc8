"""Random sequences of a server that comes and goes under questions and stops, against a model of what must hold.

12 sequences in the suite; NUKE_AI_PANEL_CAMPAIGN=50 makes 200 of them. NUKE_AI_PANEL_SEED is the first one's.

Checked all the time: a state other than the server's is never older than two seconds, `connected` needs an exchange
since the state was last something else, no question reaches the server twice, each ends once, none that was stopped
before the server came back is sent, and whoever waited is answered once it is there.
"""

from __future__ import annotations

import os
import random
import threading
import time
from typing import Dict, Iterator, List, Set, Tuple

import pytest

from nuke_ai_panel.app import App, ProviderStatus, TurnHandle
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop

from ..fakes.dialects import question_of
from ..fakes.model_server import FakeModelServer
from ..unit.connection_kit import FAKE, opened_at, until
from ..unit.turn_kit import Chat

SEQUENCES = max(12, 4 * int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1")))
FIRST = int(os.environ.get("NUKE_AI_PANEL_SEED", "0"))
STEPS = 8
SEEN_S = 2.0
ANSWERING = ("connected", "degraded")


class World:
    """A server, an App that looks after it, and what has happened. `told` are the states in the order they came."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.server = FakeModelServer()
        self.server.start()
        self.server.stop()
        self.is_up = False
        self.app: App = opened_at(self.server.base_url)
        self.told: List[Tuple[ProviderStatus, int]] = []
        self.lock = threading.Lock()
        self.app.providers.subscribe(self._hear)
        self.release = self.app.providers.hold("openai")
        self.asked: Dict[str, Tuple[Chat, TurnHandle]] = {}
        self.stopped_while_down: Set[str] = set()
        self.count = 0

    def _hear(self, status: ProviderStatus) -> None:
        if status.name == "openai":
            with self.lock:
                self.told.append((status, len(self.server.requests)))

    def up(self) -> None:
        if not self.is_up:
            self.server.start()
            self.is_up = True

    def down(self) -> None:
        if self.is_up:
            self.server.stop()
            self.is_up = False

    def ask(self) -> None:
        self.count += 1
        name = f"question {self.count}"
        chat = Chat(self.app)
        self.asked[name] = (chat, chat.start(name, choice=FAKE, wait_for_server_s=120))

    def stop(self) -> None:
        open_ones = [name for name, (_, handle) in self.asked.items() if not handle.done()]
        if not open_ones:
            return
        name = self.random.choice(open_ones)
        handle = self.asked[name][1]
        was_sent = name in self.questions()
        handle.stop()
        assert handle.result(5).status in ("stopped", "complete", "failed")
        if not self.is_up and not was_sent:
            self.stopped_while_down.add(name)

    def pause(self) -> None:
        time.sleep(self.random.choice((0.0, 0.02, 0.3)))

    def settle(self) -> None:
        """The state follows the server within two seconds."""
        wanted = ANSWERING if self.is_up else ("unreachable",)
        until(lambda: self.app.providers.status("openai").state in wanted, SEEN_S * 2)

    def questions(self) -> List[str]:
        return [question_of(one.json()) for one in self.server.chats]

    def check(self) -> None:
        questions = self.questions()
        assert len(questions) == len(set(questions)), "a question was sent twice"
        assert not self.stopped_while_down & set(questions), "a question was sent that had been stopped"
        with self.lock:
            told = list(self.told)
        exchanges = 0
        for before, (status, requests) in zip([None, *(one for one, _ in told)], told):
            assert before is None or before.state != status.state or before.error != status.error
            if status.state in ANSWERING and (before is None or before.state not in ANSWERING):
                assert requests > exchanges, "connected without an exchange"
            exchanges = requests if status.state not in ANSWERING else exchanges

    def end(self) -> None:
        """Everybody who waits is answered; every question has ended once."""
        self.up()
        for chat, handle in self.asked.values():
            message = handle.result(20)
            chat.events.end()
            assert message.status in ("complete", "stopped", "failed")
            if message.status == "failed":  # its bytes were accepted by a server that ended: left to a human
                assert message.error is not None and message.error.kind in ("network", "truncated", "protocol")
        self.settle()
        self.check()

    def close(self) -> None:
        self.release()
        self.app.close()
        self.server.stop()
        shutdown_event_loop()


@pytest.fixture
def worlds() -> Iterator[List[World]]:
    made: List[World] = []
    yield made
    for world in made:
        world.close()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEQUENCES))
def test_no_sequence_makes_it_lie_or_send_twice(seed: int, worlds: List[World]) -> None:
    world = World(seed)
    worlds.append(world)
    for _ in range(STEPS):
        step = world.random.choice((world.up, world.down, world.ask, world.ask, world.stop, world.pause))
        step()
        if world.random.random() < 0.25:
            world.settle()
        world.check()
    world.end()

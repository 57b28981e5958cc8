"""Continue joins into the same message, wherever it was cut."""

from __future__ import annotations

from typing import List

import pytest

from nuke_ai_panel_qt.ui.code_block import CodeBlock
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk

CODE = "Use this:\n\n```python\nkey = nuke.toNode('Keylight1')\nkey['screenGain'].setValue(1.05)\n```\n\nThat is all."


def blocks(desk: Desk) -> List[CodeBlock]:
    return [one for one in desk.panel.transcript.findChildren(CodeBlock) if one.isVisibleTo(desk.panel)]


@pytest.mark.parametrize("again", [
    CODE[45:], f"```python\n{CODE[30:]}", CODE[22:],
], ids=["goes on", "opens the block again", "repeats the line"])
@pytest.mark.parametrize("way", ["length", "stop"])
def test_continue_in_a_code_block_gives_one_whole_block(
    desk: Desk, model_server: FakeModelServer, way: str, again: str
) -> None:
    cut = CODE[:45]
    model_server.words = [cut]
    if way == "length":
        model_server.finish_reason = "length"
        assert desk.ask_and_wait("how?").truncated
    else:
        model_server.hold(1)
        desk.ask("how?")
        desk.until(lambda: desk.items()[-1:] and desk.items()[-1].text == cut)
        desk.click(desk.panel.composer.send)
        desk.until(desk.is_idle)
        assert desk.answer().status == "stopped"
        model_server.release()
    first = desk.answer().id
    model_server.words, model_server.finish_reason = list(again), "stop"
    desk.click(desk.button("Continue"))
    desk.until(lambda: desk.answer().status == "complete" and desk.is_idle())
    assert desk.texts() == ["how?", CODE] and desk.answer().id == first
    assert not desk.answer().truncated and len(blocks(desk)) == 1
    roles = [one["role"] for one in model_server.chats[-1].json()["messages"]]
    assert roles == ["user", "assistant", "user"]


def test_answer_of_a_crashed_session_offers_to_continue(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.words = ["The first ", "half"]
    model_server.hold(2)
    desk.ask("talk")
    desk.until(lambda: desk.items()[-1:] and desk.items()[-1].text == "The first half")
    for turn in desk.session.app.turns():
        turn.interrupt()
    desk.until(lambda: desk.answer().status == "interrupted")
    model_server.release()
    model_server.words = [" and the rest."]
    desk.click(desk.button("Continue"))
    desk.until(lambda: desk.answer().status == "complete" and desk.is_idle())
    assert desk.texts() == ["talk", "The first half and the rest."]

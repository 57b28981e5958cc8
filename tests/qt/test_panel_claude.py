"""What Claude says besides its answer reaches the eye: why it refused, what was left out, that it paused."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterator, List, Mapping

import pytest

from tests.fakes.fault_server import Behaviour, FaultServer, json_answer, stream

from .panel_kit import Desk, close_desk

StartFaultServer = Callable[..., FaultServer]
OpenDesk = Callable[..., Desk]
NOTHING: Mapping[str, Any] = {}


def answer(text: str, reason: str, **more: Any) -> Behaviour:  # further fields of the delta
    """One that Claude gives."""
    message = {"id": "msg_1", "model": "claude-x", "usage": {"input_tokens": 9, "output_tokens": 1}}
    events: List[Dict[str, Any]] = [  # a vendor's events
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason, **more}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    return stream([f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events])


@pytest.fixture
def desk_at(qtbot: Any) -> Iterator[OpenDesk]:  # pytest-qt has no types
    """Opens a panel on a server that speaks Anthropic's API; closed afterwards."""
    opened: List[Desk] = []

    def open_desk(server: FaultServer, more: Mapping[str, Any] = NOTHING) -> Desk:  # settings by their names
        opened.append(Desk(qtbot, {
            "default_provider": "anthropic", "default_model": "claude-x", "providers.anthropic.base_url": server.url,
            **more,
        }))
        return opened[0]

    yield open_desk
    for desk in opened:
        close_desk(desk)


def test_refusal_says_why_under_the_answer(desk_at: OpenDesk, fault_server: StartFaultServer) -> None:
    why = {"type": "refusal", "category": "cyber", "explanation": "This asks for something harmful."}
    desk = desk_at(fault_server(answer("I cannot do that.", "refusal", stop_details=why)))

    item = desk.ask_and_wait("hack it")

    assert "The provider says why it refused: This asks for something harmful." in item.notices


def test_refusal_without_a_word_is_not_called_an_answer_of_nothing(
    desk_at: OpenDesk, fault_server: StartFaultServer
) -> None:
    desk = desk_at(fault_server(answer("", "refusal")))

    assert desk.ask_and_wait("hack it").notices == ("The provider ended the answer because of its content rules.",)


def test_setting_that_the_model_refused_is_named_under_the_answer(
    desk_at: OpenDesk, fault_server: StartFaultServer
) -> None:
    refusal = {"type": "error", "error": {"type": "invalid_request_error",
                                          "message": "`temperature` is deprecated for this model."}}
    looks = {"/v1/models?limit=1": json_answer({"data": []})}
    server = fault_server(json_answer(refusal, 400), answer("Hello.", "end_turn"), routes=looks)
    desk = desk_at(server, {"parameters.temperature": 0.3})

    item = desk.ask_and_wait("hi")

    assert item.text == "Hello."
    assert "This model does not take the setting temperature; it was left out." in item.notices


def test_paused_answer_says_so(desk_at: OpenDesk, fault_server: StartFaultServer) -> None:
    desk = desk_at(fault_server(answer("So far.", "pause_turn")))

    assert "The provider paused its answer here. Ask it to go on." in desk.ask_and_wait("hi").notices

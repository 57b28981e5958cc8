"""Near the limit of the model's window: a warning before it is sent, and three ways on that lose nothing."""

from __future__ import annotations

from typing import Any, Iterator, List, Mapping, Sequence

import pytest

from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk, close_desk, server_overrides

WINDOW = 3072
LONG = "The hair is cut off at the left edge of the plate. " * 34  # about 430 tokens


@pytest.fixture
def full(qtbot: object, model_server: FakeModelServer) -> Iterator[Desk]:
    """A conversation that fills nearly all of a small window."""
    def answer(body: Mapping[str, Any]) -> Sequence[str]:  # Any: a request body
        messages = [str(one["content"]) for one in body["messages"]]
        model_server.prompt_tokens = sum(map(len, messages)) // 4
        return ["They key hair. Open: the left edge."] if "Write a summary" in messages[-1] else ["ok"]

    model_server.words = answer
    made = Desk(qtbot, server_overrides(model_server, **{
        "default_provider": "ollama", "providers.ollama.enabled": True, "providers.openai.enabled": False,
        "providers.ollama.base_url": model_server.url, "providers.ollama.options.num_ctx": WINDOW,
    }))
    for number in range(4):
        before = len(made.items())
        made.manager.draft.put(f"question {number}: {LONG}")
        made.click(made.panel.composer.send)
        wait_for_answer(made, before)
    made.until(lambda: made.panel.composer.meter.value().used_tokens > 1500)
    yield made
    close_desk(made)


def wait_for_answer(desk: Desk, before: int) -> None:
    desk.until(lambda: len(desk.items()) == before + 2 and desk.is_idle())


def sent(server: FakeModelServer) -> List[str]:
    return [str(one["content"]) for one in server.chats[-1].json()["messages"]]


def ask_too_much(desk: Desk) -> int:
    """Writes a question for which there is no room; how many requests there were."""
    before = len(desk.items())
    desk.manager.draft.put(f"and the beard? {LONG}")
    desk.click(desk.panel.composer.send)
    assert not desk.panel.composer.limit.isHidden() and len(desk.items()) == before
    assert "Choose how to go on" in desk.panel.composer.hint.text()
    assert desk.panel.composer.text().startswith("and the beard?")
    return before


def test_warning_comes_before_the_request_and_sending_again_leaves_out_the_oldest(
    full: Desk, model_server: FakeModelServer
) -> None:
    count = len(model_server.chats)
    before = ask_too_much(full)
    assert len(model_server.chats) == count
    full.click(full.panel.composer.send)
    full.until(lambda: len(full.items()) == before + 2 and full.is_idle())
    assert not any("question 0" in one for one in sent(model_server)) and "and the beard?" in sent(model_server)[-1]
    assert any("did not fit" in one for one in full.answer().notices)
    assert full.items()[0].text.startswith("question 0")


def test_summary_is_sent_instead_and_the_old_messages_stay_to_read_and_to_find(
    full: Desk, model_server: FakeModelServer
) -> None:
    before = ask_too_much(full)
    full.click(full.panel.composer.limit.button("summarise"))
    full.until(lambda: len(full.items()) == before + 1)
    assert full.items()[-1].is_divider and "summary" in full.items()[-1].text
    full.until(lambda: full.panel.composer.limit.isHidden())
    assert full.panel.composer.text().startswith("and the beard?")
    full.click(full.panel.composer.send)
    full.until(lambda: len(full.items()) == before + 3 and full.is_idle())
    said = sent(model_server)
    assert len(said) == 1 and "Open: the left edge." in said[0] and said[0].rstrip().endswith("plate.")
    assert not any("question 0" in one for one in said)
    assert full.panel.toast.action.text() == "Undo"
    hits = full.session.app.store.search("question").result(10).hits
    assert len([one for one in hits if one.role == "user"]) == 4
    assert len(full.session.conversations) == 1  # the summary's own turns are in no list


def test_new_chat_begins_with_the_summary_takes_the_question_along_and_leaves_the_old_one_alone(
    full: Desk, model_server: FakeModelServer
) -> None:
    before, old = ask_too_much(full), full.manager.shown.id
    full.click(full.panel.composer.limit.button("new_chat"))
    full.until(lambda: full.manager.shown.id != old and len(full.items()) == 1)
    assert full.panel.composer.text().startswith("and the beard?")
    full.click(full.panel.composer.send)
    full.until(lambda: len(full.items()) == 3 and full.is_idle())
    assert "Open: the left edge." in sent(model_server)[0]
    full.until(lambda: len(full.session.conversations) == 2)
    new = full.session.conversation(full.manager.shown.id)
    assert new is not None and new.source_id == old
    full.manager.open_conversation(old)
    full.until(lambda: len(full.items()) == before)
    assert full.panel.composer.text() == ""


def test_summary_can_be_taken_back(full: Desk, model_server: FakeModelServer) -> None:
    before = ask_too_much(full)
    full.click(full.panel.composer.limit.button("summarise"))
    full.until(lambda: len(full.items()) == before + 1 and full.panel.toast.isVisible())
    full.click(full.panel.toast.action)
    full.until(lambda: len(full.items()) == before)
    assert not any(one.is_divider for one in full.items())


def test_summary_can_be_cancelled_and_a_failed_one_changes_nothing(full: Desk, model_server: FakeModelServer) -> None:
    before = ask_too_much(full)
    model_server.hold(0)
    full.click(full.panel.composer.limit.button("summarise"))
    full.until(lambda: not full.panel.composer.limit.button("cancel").isHidden())
    full.click(full.panel.composer.send)
    assert "being written" in full.panel.composer.hint.text()
    full.click(full.panel.composer.limit.button("cancel"))
    full.until(lambda: not full.panel.composer.limit.button("summarise").isHidden() or
               full.panel.composer.limit.isHidden())
    model_server.release()
    model_server.fail(500, times=3)
    full.manager.room._trimmed.clear()
    full.manager.room.show()
    full.click(full.panel.composer.limit.button("summarise"))
    full.until(lambda: "No summary was made" in full.panel.toast.label.text())
    assert len(full.items()) == before and len(full.session.conversations) == 1

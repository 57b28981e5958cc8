"""Ask again, edit, retry, continue: siblings in a tree, and what is shown is what is sent."""

from __future__ import annotations

import pytest

from nuke_ai_panel.app import App
from nuke_ai_panel.errors import provider_error
from nuke_ai_panel.events import AnswerReset, Finish, Restarted, TextAdded, TurnFailed, TurnStarted
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider

from .turn_kit import Chat, choose

SCRIPTS = ScriptedProvider.scripts


@pytest.fixture
def chat(app: App) -> Chat:
    numbers = iter(range(1, 100))
    SCRIPTS["say"] = lambda request: [f"answer {next(numbers)}"]
    return Chat(app)


def shown(chat: Chat) -> list[str]:
    return [message.text for message in chat.path()]


def test_regenerating_adds_a_sibling_and_stores_no_second_question(chat: Chat) -> None:
    first = chat.ask("one")
    chat.ask("two")
    again = chat.ask(regenerate_of=first.id)
    assert again.parent_id == first.parent_id
    assert shown(chat) == ["one", "answer 3"]
    assert chat.sent()[-1] == [("user", "one")]
    back = chat.app.store.select_branch(chat.conversation_id or "", again.id, -1).result(5)
    assert [message.text for message in back] == ["one", "answer 1", "two", "answer 2"]


def test_regenerating_with_another_model_labels_each_and_keeps_the_conversations_own(chat: Chat) -> None:
    first = chat.ask("one")
    again = chat.ask(regenerate_of=first.id, choice=choose("echo"))
    assert (first.model, again.model, again.text) == ("say", "echo", "one")
    assert chat.ask("two").model == "say"


def test_editing_a_question_adds_a_sibling_under_its_parent(chat: Chat) -> None:
    first = chat.ask("one")
    chat.ask("two")
    chat.ask("two, better", parent_id=first.id, is_edit=True)
    assert shown(chat) == ["one", "answer 1", "two, better", "answer 3"]
    assert chat.sent()[-1] == [("user", "one"), ("assistant", "answer 1"), ("user", "two, better")]


def test_editing_the_first_question_starts_at_the_root(chat: Chat) -> None:
    chat.ask("one")
    chat.ask("two")
    chat.ask("one, better", parent_id=None, is_edit=True)
    assert shown(chat) == ["one, better", "answer 3"]
    assert chat.sent()[-1] == [("user", "one, better")]


def test_two_retries_of_a_failure_do_not_repeat_the_question(chat: Chat) -> None:
    SCRIPTS["fail"] = [provider_error("auth", "no")]
    failed = chat.ask("one", choice=choose("fail"))
    again = chat.ask(regenerate_of=failed.id)
    assert isinstance(chat.events.end(), TurnFailed)
    answer = chat.ask(regenerate_of=again.id, choice=choose("say"))
    assert chat.path()[0].text == "one" and shown(chat) == ["one", "answer 1"]
    branches = chat.app.store.branches(chat.conversation_id or "").result(5)
    assert branches[answer.id] == (3, 3) and branches[chat.path()[0].id] == (1, 1)


def test_a_question_may_follow_an_earlier_answer(chat: Chat) -> None:
    first = chat.ask("one")
    chat.ask("two")
    chat.ask("instead", parent_id=first.id)
    assert shown(chat) == ["one", "answer 1", "instead", "answer 3"]


def test_what_does_not_exist_cannot_be_asked_again(chat: Chat) -> None:
    chat.ask("one")
    answer = chat.ask(regenerate_of="no-such-message")
    assert isinstance(chat.events.end(), TurnFailed)
    assert answer.error is not None and "no longer exists" in answer.error.user_text
    assert shown(chat) == ["one", "answer 1"]


def test_a_cut_answer_is_continued_in_the_same_message(chat: Chat) -> None:
    SCRIPTS["cut"] = ["Use this:\n```python\nkey = nuke.toNode(", Finish("length", "length")]
    SCRIPTS["rest"] = ["```python\n", "key = nuke.toNode(", "'Keylight1')\n```\n", "Done."]
    cut = chat.ask("one", choice=choose("cut"))
    whole = chat.ask(continue_of=cut.id, choice=choose("rest"))
    assert whole.text == "Use this:\n```python\nkey = nuke.toNode('Keylight1')\n```\nDone."
    assert (whole.id, whole.finish, whole.status) == (cut.id, "stop", "complete")
    assert chat.path()[1].text == whole.text and len(chat.path()) == 2
    assert chat.events.text() == whole.text[len(cut.text):]
    started = chat.events.of(TurnStarted)[0]
    assert (started.answer.id, started.answer.text, started.question.text) == (cut.id, cut.text, "one")
    assert [role for role, _ in chat.sent()[-1]] == ["user", "assistant", "user"]


def test_a_continuation_that_restarts_keeps_what_was_there(chat: Chat) -> None:
    SCRIPTS["cut"] = ["First half, ", Finish("length", "length")]
    SCRIPTS["rest"] = ["wrong", Restarted(), "second half."]
    cut = chat.ask("one", choice=choose("cut"))
    assert chat.ask(continue_of=cut.id, choice=choose("rest")).text == "First half, second half."
    reset = next(number for number, event in enumerate(chat.events.all) if isinstance(event, AnswerReset))
    told = "".join(event.text for event in chat.events.all[reset:] if isinstance(event, TextAdded))
    assert told == "First half, second half."


def test_an_answer_that_broke_off_is_part_of_what_is_sent(chat: Chat) -> None:
    SCRIPTS["break"] = ["half of it", provider_error("network", "gone")]
    chat.ask("one", choice=choose("break"))
    chat.ask("two", choice=choose("say"))
    assert chat.sent()[-1] == [("user", "one"), ("assistant", "half of it"), ("user", "two")]

"""The growing answer: clean text from any cut, merged counters, restarts, continuations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuke_ai_panel.core.answer import CleanText, GrowingAnswer
from nuke_ai_panel.core.joint import JoinedText
from nuke_ai_panel.events import StreamStarted
from nuke_ai_panel.messages import Message, Usage, clean_text

SEED = Message("a", "c", "q", "assistant", "", "streaming", provider="p", model="chosen")


def test_a_character_cut_in_two_is_joined() -> None:
    text = CleanText()
    assert [text.add("key \ud83d"), text.add("\ude00!"), text.end()] == ["key ", "😀!", ""]
    assert str(text) == "key 😀!"


def test_half_a_character_without_its_other_half_becomes_a_replacement() -> None:
    text = CleanText()
    assert [text.add("a\ud83d"), text.add("b"), text.add("\ud83d"), text.end()] == ["a", "\ufffdb", "", "\ufffd"]


@given(st.lists(st.text(alphabet=st.sampled_from("ab😀é\ud83d\ude00\udc00"), max_size=4)))
def test_pieces_told_are_exactly_the_final_text(pieces: list[str]) -> None:
    text = CleanText()
    told = "".join([text.add(piece) for piece in pieces if piece] + [text.end()])
    assert told == str(text) == clean_text("".join(pieces))


def test_last_counter_that_was_reported_stays() -> None:
    answer = GrowingAnswer(SEED)
    answer.add_usage(Usage(input=5, output=1))
    answer.add_usage(Usage(output=9, reasoning=2))
    assert answer.message().usage == Usage(input=5, output=9, reasoning=2)


def test_a_restart_forgets_what_was_said_and_nothing_else() -> None:
    answer = GrowingAnswer(SEED)
    answer.start(StreamStarted(response_id="r1", model="actual"))
    answer.text.add("wrong")
    answer.restart()
    answer.text.add("right")
    message = answer.message("complete")
    assert (message.text, message.response_id) == ("right", "r1")
    assert (message.model, message.reported_model) == ("chosen", "actual")


@pytest.mark.parametrize(("before", "pieces", "after"), [
    ("The matte is clipped before the mer", ["ge, so it ", "ends."], "ge, so it ends."),
    ("The matte is clipped before the mer", ["before", " the mer", "ge."], "ge."),
    ("Use:\n```python\nkey = nuke.toNode(", ["```py", "thon\n", "'Keylight1')\n```"], "'Keylight1')\n```"),
    ("Use:\n```python\nkey = nuke.toNode(", ["```python\nkey = nuke.toNode(", "'K')\n```"], "'K')\n```"),
    ("Done with it.\n", ["```python\n", "x = 1\n```"], "```python\nx = 1\n```"),
    ("one two three four", ["one two "], "one two "),
    ("The matte is clipped before", ["\n", "\nThe matte is", " clipped before the merge."], " the merge."),
    ("A ````md\n", ["x"], "x"),
    ("````md\n```python\nkey = nuke.to", ["````md\n", "key = nuke.to", "Node('K')\n```\n````"], "Node('K')\n```\n````"),
    ("~~~py\nkey = nuke.toNode(", ["~~~py\nkey = nuke.toNode('K')\n~~~"], "'K')\n~~~"),
    ("```py\nx = 1\n", ["```", "\nThat is all."], "```\nThat is all."),
    ("```py\nx = 1", ["\n```\nThat", " is all."], "\n```\nThat is all."),
    ("```py\nx = 1\n", ["```py\n", "y = 2\n```"], "y = 2\n```"),
    ("Use this:", ["```py\nx = 1\n```"], "\n```py\nx = 1\n```"),
    ("Use this: ", ["`", "x = 1`"], "`x = 1`"),
    ("So the ", ["``", "`"], "```"),
    ("word", ["\n", "\n"], "\n\n"),
    ("one two three four", [], ""),
])
def test_a_continuation_repeats_nothing(before: str, pieces: list[str], after: str) -> None:
    text = JoinedText(before)
    told = "".join([text.add(piece) for piece in pieces] + [text.end()])
    assert (told, str(text)) == (after, before + after)

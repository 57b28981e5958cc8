"""A past conversation as text for another question, and files by the first letters of their path."""

from __future__ import annotations

from pathlib import Path

from nuke_ai_panel.core.past_chat import chat_text
from nuke_ai_panel.core.path_rows import PATH_START, names_in, path_rows
from nuke_ai_panel.core.tokens import estimate
from nuke_ai_panel.messages import Message


def said(*texts: str) -> list[Message]:
    roles = ("user", "assistant")
    return [Message(str(at), "c", None, roles[at % 2], text) for at, text in enumerate(texts)]  # type: ignore[arg-type]


def test_questions_and_answers_are_told_in_order() -> None:
    told = chat_text("Keying", [*said("How?", "So."), Message("x", "c", None, "tool", "secret result")])
    assert told.text == "# An earlier conversation: Keying\n\n## Question\nHow?\n\n## Answer\nSo."
    assert told.left_out == ()


def test_the_newest_is_kept_and_what_is_left_out_is_said() -> None:
    told = chat_text("Long", said(*(f"word{at} " * 200 for at in range(20))), 2000)
    assert "word19" in told.text and "word0 " not in told.text and estimate(told.text) <= 2000
    (left,) = told.left_out
    kept = told.text.count("## ")
    assert left == f"the {20 - kept} oldest messages" and f"Left out: {left}." in told.text


def test_of_one_endless_message_the_end_is_kept() -> None:
    told = chat_text("Endless", said("start " + "x" * 100_000 + " end"), 500)
    assert told.text.endswith(" end") and "start" not in told.text and estimate(told.text) <= 520
    assert told.left_out == ("the beginning of the last message",)


def test_a_path_lists_what_begins_so_with_folders_first(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "Also.nk", ".hidden"):
        (tmp_path / name).write_text("")
    (tmp_path / "area").mkdir()
    base = tmp_path.as_posix()
    assert path_rows(f"{base}/a") == (f"{base}/area/", f"{base}/a.txt", f"{base}/Also.nk")
    assert path_rows(f"{base}/") == (f"{base}/area/", f"{base}/a.txt", f"{base}/Also.nk", f"{base}/b.txt")
    assert path_rows(f"{base}/.h") == (f"{base}/.hidden",)
    assert names_in(base, "", 2) == ("area/", "a.txt")
    assert path_rows("/no/such/folder/") == () and path_rows("/\0/") == () and names_in(f"{base}/a.txt", "") == ()


def test_what_begins_a_path() -> None:
    assert all(PATH_START.match(one) for one in ("/a", "~/a", "./a", "../a", "C:/a", "C:\\a", "\\\\server\\a"))
    assert not any(PATH_START.match(one) for one in ("a/b", "Blur1", "Group1.Blur1", "", ".5"))

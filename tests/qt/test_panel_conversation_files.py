"""Fork, temporary chats, export, import and copies: through the panel's menus, on a real history."""

from __future__ import annotations

import json
from pathlib import Path

from nuke_ai_panel.messages import Attachment
from nuke_ai_panel.settings import home_dir
from nuke_ai_panel_qt.qt import QtGui, QtWidgets
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk

FENCED = "Use *this*:\n\n```python\nk = 1\n```\n\n- one\n- two"
SECRET = "zebra-crossing-unheard-of"


def clipboard() -> str:
    return QtGui.QGuiApplication.clipboard().text()


def everything_on_disk() -> bytes:
    return b"".join(one.read_bytes() for one in home_dir().rglob("*") if one.is_file())


def test_fork_makes_a_linked_copy_with_attachments_and_the_source_stays(
    desk: Desk, model_server: FakeModelServer
) -> None:
    desk.manager.draft.put("with a note", (Attachment("a", "text", "note.txt", text="the note"),))
    desk.click(desk.panel.composer.send)
    desk.until(lambda: len(desk.items()) == 2 and desk.is_idle())
    desk.ask_and_wait("second")
    source, first_answer = desk.manager.shown.id, desk.items()[1].id
    desk.manager.actions.run("fork", first_answer, None)
    desk.until(lambda: desk.manager.shown.id != source and len(desk.items()) == 2)
    assert [chip.detail for chip in desk.items()[0].chips] == ["the note"]
    desk.until(lambda: desk.panel.header.source.isVisible())
    desk.until(lambda: desk.panel.header.title.text() == "with a note (fork)")
    desk.ask_and_wait("another way")
    sent = [one["content"] for one in model_server.chats[-1].json()["messages"]]
    assert "the note" in sent[0] and sent[1:] == ["Hello, artist.", "another way"]
    desk.click(desk.panel.header.source)
    desk.until(lambda: desk.texts() == ["with a note", "Hello, artist.", "second", "Hello, artist."])
    assert not desk.panel.header.source.isVisible()


def test_temporary_chat_is_shown_as_such_and_leaves_no_trace(desk: Desk, model_server: FakeModelServer) -> None:
    desk.ask_and_wait("kept")
    kept = desk.manager.shown.id
    desk.manager._command("temporary")
    assert desk.panel.header.badge.isVisible()
    model_server.words = [SECRET, " answered"]
    desk.ask_and_wait(f"{SECRET} asked")
    desk.type(f"{SECRET} drafted")
    desk.manager.draft.save()
    sent = [one["content"] for one in model_server.chats[-1].json()["messages"]]
    assert sent == [f"{SECRET} asked"]
    desk.manager.actions.run("fork", desk.items()[-1].id, None)
    desk.until(lambda: "copy" in desk.panel.toast.label.text())
    assert desk.panel.header.badge.isVisible()
    desk.manager.files.export("json")
    assert "not stored" in desk.panel.toast.label.text()
    desk.session.app.store.conversations().result(5)
    assert desk.titles() == ["kept"] and SECRET.encode() not in everything_on_disk()
    assert desk.session.state.memory.open_conversation == kept
    state = desk.widget.view_state()
    assert state["is_temporary"] is True
    desk.manager.open_conversation(kept)
    desk.until(lambda: desk.texts()[:1] == ["kept"])
    assert not desk.panel.header.badge.isVisible()


def test_export_delete_import_gives_the_same_tree_with_branches(
    desk: Desk, model_server: FakeModelServer, tmp_path: Path
) -> None:
    model_server.words = [FENCED]
    desk.ask_and_wait("how?")
    desk.manager.actions.regenerate_last()
    desk.until(lambda: desk.is_idle() and desk.answer().branch == (2, 2))
    id, store = desk.manager.shown.id, desk.session.app.store
    before = store.messages(id).result(5)
    for kind, ending in (("json", "json"), ("markdown", "md"), ("html", "html")):
        desk.manager.files.write(kind, str(tmp_path / f"chat.{ending}"))
        desk.until((tmp_path / f"chat.{ending}").exists)
    assert "```python\nk = 1\n```" in (tmp_path / "chat.md").read_text("utf-8")
    assert "<html" in (tmp_path / "chat.html").read_text("utf-8")
    store.delete_conversation(id).result(5)
    store.empty_bin().result(5)
    desk.manager.new_conversation()
    desk.manager.files.read([str(tmp_path / "chat.json")])
    desk.until(lambda: desk.panel.toast.label.text() == "Imported 1 conversation")
    assert store.messages(id).result(5) == before
    desk.manager.files.read([str(tmp_path / "chat.json")])
    desk.until(lambda: "1 was here already" in desk.panel.toast.label.text())
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe")
    desk.manager.files.read([str(tmp_path / "bad.json")])
    desk.until(lambda: "is not an exported conversation" in desk.panel.toast.label.text())
    desk.manager.files.write("markdown", str(tmp_path / "nowhere.txt" / "x.md"))
    (tmp_path / "file").write_text("x")
    desk.manager.open_conversation(id)
    desk.until(lambda: len(desk.items()) == 2)
    desk.manager.files.write("json", str(tmp_path / "file" / "x.json"))
    desk.until(lambda: "cannot be written" in desk.panel.toast.label.text())


def test_menus_offer_all_of_it_and_copies_are_exact(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.words = [FENCED]
    item = desk.ask_and_wait("how?")
    desk.click(desk.panel.header.menu)
    menu = desk.panel.findChildren(QtWidgets.QMenu)[-1]
    commands = {action.data() for one in desk.panel.findChildren(QtWidgets.QMenu) for action in one.actions()}
    assert {"temporary", "fork", "system", "prompts", "export_json", "export_markdown", "export_html", "import_json",
            "copy_markdown"} <= commands
    menu.close()
    view = desk.panel.transcript._views[item.id]
    view._on_menu("copy")
    assert clipboard() == FENCED
    view._on_menu("copy_plain")
    assert clipboard() == "Use this:\n\nk = 1\n\n• one\n• two"
    desk.manager.files.copy_markdown()
    desk.until(lambda: clipboard().startswith("# how?"))
    assert FENCED in clipboard()


def test_toggle_shows_the_exact_source_and_back(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.words = [FENCED]
    item = desk.ask_and_wait("how?")
    view = desk.panel.transcript._views[item.id]
    rendered = [type(part).__name__ for part in view.body.parts()]
    view._on_menu("source")
    shown = [part.text_widget().toPlainText() for part in view.body.parts()]  # type: ignore[union-attr]  # one block
    assert shown == [FENCED]
    view._on_menu("source")
    assert [type(part).__name__ for part in view.body.parts()] == rendered


def test_exported_json_holds_marks_of_the_path_too(desk: Desk, tmp_path: Path) -> None:
    desk.ask_and_wait("how?")
    desk.manager.system.use("Answer in French.")
    desk.until(lambda: len(desk.items()) == 3)
    desk.manager.files.write("json", str(tmp_path / "x.json"))
    desk.until((tmp_path / "x.json").exists)
    exported = json.loads((tmp_path / "x.json").read_text("utf-8"))["conversations"][0]
    assert [one["role"] for one in exported["messages"]] == ["user", "assistant", "system"]

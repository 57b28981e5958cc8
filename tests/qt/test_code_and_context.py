"""Context goes out, code comes back and runs: the whole way in a panel inside the double of Nuke."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Callable, Iterator, Tuple

import pytest

from nuke_ai_panel_qt import qt
from nuke_ai_panel_qt.qt import QtCore, QtGui, QtWidgets
from nuke_ai_panel_qt.ui.code_block import CodeBlock
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk, close_desk, server_overrides

Qt = QtCore.Qt
VERSIONS = (16, 17) if qt.QtWidgets.__name__.startswith("PySide6") else (14, 15)
GOOD = "for name in ('Key', 'Soft'):\n    nuke.createNode('Blur')['size'].setValue(3)\nprint('two blurs')"
BAD = "b = nuke.createNode('Blur')\nb['sizee'].setValue(3)"
Pair = Tuple[Any, Desk]  # the double, and a panel in it


@pytest.fixture(params=VERSIONS)
def pair(
    request: Any, nuke_double: Callable[..., Any], qtbot: Any, model_server: FakeModelServer
) -> Iterator[Pair]:
    host = nuke_double(version=request.param)
    desk = Desk(qtbot, server_overrides(model_server))
    yield host, desk
    close_desk(desk)


def answer(server: FakeModelServer, text: str) -> None:
    server.words = [text]


def block(desk: Desk) -> CodeBlock:
    found = [one for one in desk.panel.transcript.findChildren(CodeBlock) if one.isVisible() and one.code()]
    assert found
    return found[-1]


def action(desk: Desk, name: str) -> QtWidgets.QAbstractButton:
    found = block(desk).findChildren(QtWidgets.QAbstractButton, name)
    return next(one for one in found if one.isVisible())


def ask_for(
    desk: Desk, server: FakeModelServer, code: str, language: str = "python", question: str = "Blur it"
) -> None:
    answer(server, f"Here:\n\n```{language}\n{code}\n```\n")
    desk.ask_and_wait(question)
    desk.until(lambda: block(desk).action_buttons())


def test_ask_with_nodes_run_and_undo(pair: Pair, model_server: FakeModelServer) -> None:
    host, desk = pair
    nuke = host.nuke
    plate = nuke.nodes.Read(name="Plate", file="/p/a.exr")
    grade = nuke.nodes.Grade(name="Grade1", white=1.3, inputs=[plate])
    merge = nuke.nodes.Merge2(name="Merge1", inputs=[grade, plate], operation="plus")
    for node in (plate, grade, merge):
        node.setSelected(True)
    desk.manager.context.add("selection")
    (chip,) = desk.panel.composer.chips.buttons()
    assert chip.chip.tokens
    grade.setName("Key_grade")
    ask_for(desk, model_server, GOOD, question="Make two blurs")

    sent = model_server.chats[-1].body.decode()
    assert "Key_grade" in sent and "white 1.3" in sent and "operation plus" in sent and "Grade Grade1" not in sent
    desk.click(action(desk, "run_code"))
    assert len(nuke.allNodes()) == 3  # nothing runs before the second click
    sheet = desk.panel.run_sheet
    assert "createNode" in sheet.view.toPlainText() and "Make two blurs" in sheet.facts.text()
    desk.press(Qt.Key.Key_Return, on=sheet.view)
    desk.press(Qt.Key.Key_Return, on=sheet.run_button)
    assert len(nuke.allNodes()) == 3
    desk.click(sheet.run_button)

    assert len(nuke.allNodes()) == 5
    assert nuke.Undo.undoDescribe(0) == "AI: Make two blurs"
    desk.until(lambda: any("2 nodes made" in line for line in block(desk).lines()))
    assert any("two blurs" in line for line in block(desk).lines())
    desk.click(action(desk, "attach_result"))
    assert "two blurs" in desk.manager.draft.attachments[-1].text
    desk.click(action(desk, "undo_code"))
    assert len(nuke.allNodes()) == 3
    assert any("Taken back" in line for line in block(desk).lines())


def test_findings_stand_under_the_block_and_are_sent_to_be_mended(pair: Pair, model_server: FakeModelServer) -> None:
    _, desk = pair
    ask_for(desk, model_server, BAD)
    desk.until(lambda: block(desk).lines())
    assert block(desk).lines() == ['Line 2: Blur has no knob “sizee”: did you mean "size"?']
    count = len(desk.items())
    answer(model_server, "Sorry.")
    desk.click(action(desk, "fix_code"))
    desk.until(lambda: len(desk.items()) > count and desk.is_idle())
    assert "did you mean" in model_server.chats[-1].body.decode() and "sizee" in model_server.chats[-1].body.decode()


def test_what_fails_leaves_the_script_alone(pair: Pair, model_server: FakeModelServer) -> None:
    host, desk = pair
    ask_for(desk, model_server, "nuke.createNode('Blur')\nraise ValueError('no')")
    desk.click(action(desk, "run_code"))
    desk.click(desk.panel.run_sheet.run_button)
    assert host.nuke.allNodes() == []
    assert block(desk).lines()[0] == "ValueError: no (line 2). Nothing was changed."


def test_another_script_is_asked_about_again(pair: Pair, model_server: FakeModelServer) -> None:
    host, desk = pair
    ask_for(desk, model_server, GOOD)
    desk.click(action(desk, "run_code"))
    host.nuke.nodes.NoOp(name="new")
    desk.click(desk.panel.run_sheet.run_button)
    assert len(host.nuke.allNodes()) == 1
    assert "changed since" in desk.panel.run_sheet.findings.words()[0]
    desk.click(desk.panel.run_sheet.run_button)
    assert len(host.nuke.allNodes()) == 3


def test_closing_the_sheet_refuses(pair: Pair, model_server: FakeModelServer) -> None:
    host, desk = pair
    ask_for(desk, model_server, GOOD)
    desk.click(action(desk, "run_code"))
    desk.press(Qt.Key.Key_Escape, on=desk.panel.run_sheet.view)
    desk.until(lambda: not desk.panel.run_sheet.isVisible())
    desk.panel.run_sheet.run_requested.emit("")
    assert host.nuke.allNodes() == []


def test_hidden_characters_are_written_out_before_a_run(pair: Pair, model_server: FakeModelServer) -> None:
    _, desk = pair
    ask_for(desk, model_server, "x = 'a\u202eb\u200b'\nnuke.tprint(x)")
    desk.click(action(desk, "run_code"))
    assert "\\u202e" in desk.panel.run_sheet.view.toPlainText()
    assert "cannot be seen" in desk.panel.run_sheet.findings.words()[0]


def test_letters_that_look_like_others_are_written_out(pair: Pair, model_server: FakeModelServer) -> None:
    _, desk = pair
    ask_for(desk, model_server, "p\u0430th = '\u041f\u0440\u0438\u0432\u0435\u0442 \U000e0041'\nnuke.tprint(p\u0430th)")
    desk.click(action(desk, "run_code"))
    shown = desk.panel.run_sheet.view.toPlainText()
    assert "p\\u0430th" in shown and "\u041f\u0440\u0438\u0432\u0435\u0442" in shown and "\\U000e0041" in shown
    assert any("look alike" in one for one in desk.panel.run_sheet.findings.words())


def test_nodes_are_screened_and_pasted(pair: Pair, model_server: FakeModelServer) -> None:
    host, desk = pair
    ask_for(desk, model_server, "Blur {\n inputs 0\n size 4\n name Soft\n}", "nk")
    desk.click(action(desk, "run_code"))
    desk.click(desk.panel.run_sheet.run_button)
    assert host.nuke.toNode("Soft")["size"].value() == 4

    ask_for(desk, model_server, 'NoOp {\n inputs 0\n onCreate "print(1)"\n}', "nk")
    desk.until(lambda: block(desk).lines())
    assert "callback" in block(desk).lines()[0]


def test_the_menu_offers_what_there_is_and_says_why_not(pair: Pair) -> None:
    host, desk = pair
    rows = {entry.key: entry for entry in desk.manager.context.entries()}
    assert rows["selection"].reason == "nothing is selected"
    host.nuke.nodes.Blur(name="B").setSelected(True)
    rows = {entry.key: entry for entry in desk.manager.context.entries()}
    assert rows["selection"].words == "Selected nodes (1)" and not rows["selection"].reason
    assert {"script", "errors", "editor", "traceback", "viewer", "file", "image", "clipboard"} <= set(rows)


def test_at_offers_nodes_at_the_start_of_a_word_only(pair: Pair) -> None:
    host, desk = pair
    for name in ("Blur1", "Blur2", "Grade1"):
        host.nuke.nodes.NoOp(name=name)
    mentions = desk.manager.context.mentions
    desk.type("mail a@b")
    assert mentions.rows() == []
    desk.panel.composer.set_text("")
    desk.type("why is @bl")
    assert mentions.rows()[:2] == ["Blur1", "Blur2"]
    desk.press(Qt.Key.Key_Escape)
    assert mentions.rows() == [] and desk.panel.composer.text() == "why is @bl"
    desk.type("u")
    assert mentions.rows() == []
    desk.type(" and @bl")
    desk.press(Qt.Key.Key_Down)
    desk.press(Qt.Key.Key_Return)
    assert desk.panel.composer.text() == "why is @blu and Blur2 "
    assert [one.name for one in desk.manager.draft.attachments] == ["Blur2"]
    assert desk.items() == ()


def test_an_empty_conversation_suggests_questions_about_the_selection(pair: Pair) -> None:
    host, desk = pair
    page = desk.panel.start

    def offered() -> list[str]:
        QtWidgets.QApplication.sendEvent(page, QtCore.QEvent(QtCore.QEvent.Type.Enter))  # the pointer comes back
        return [one.text() for one in page.suggestions()]

    plain = offered()
    assert len(plain) == 4 and not any("selected" in one for one in plain)
    host.nuke.nodes.Grade(name="Key_grade").setSelected(True)
    (first, *_) = found = offered()
    assert len(found) == 4 and "Key_grade" in first and found[2:] == plain[:2]
    host.nuke.nodes.Blur(name="Soft").setSelected(True)
    assert "2 selected nodes" in offered()[0]
    host.nuke.toNode("Soft").setSelected(False)
    assert offered() == found
    desk.click(page.suggestions()[0])
    assert desk.panel.composer.text() == first
    assert [one.name for one in desk.manager.draft.attachments] == ["Key_grade"]


def test_at_offers_past_chats_whose_words_go_along(pair: Pair, model_server: FakeModelServer) -> None:
    _, desk = pair
    answer(model_server, "Use a despill.")
    desk.ask_and_wait("How do I key hair on sh0140")
    desk.until(lambda: desk.session.conversations and desk.session.conversations[0].title)
    title = desk.session.conversations[0].title
    desk.manager.new_conversation()
    assert {entry.key: entry.reason for entry in desk.manager.context.entries()}["chats"] == ""
    desk.type("as in @sh0140")
    assert desk.manager.context.mentions.rows() == [title]
    desk.press(Qt.Key.Key_Return)
    desk.until(lambda: desk.manager.draft.attachments)
    (chat,) = desk.manager.draft.attachments
    assert chat.name == title and desk.panel.composer.text() == "as in "
    desk.manager.context.add(f"chat:{chat.origin[5:]}")  # a second time is once
    answer(model_server, "Yes.")
    desk.ask_and_wait("and now?")
    sent = model_server.chats[-1].body.decode()
    assert "How do I key hair on sh0140" in sent and "Use a despill." in sent
    assert "no longer" not in sent and "As it was" not in sent
    assert len(desk.manager.shown.path[0].attachments) == 1


def test_at_and_a_path_offers_files_folder_by_folder(pair: Pair, tmp_path: Path) -> None:
    host, desk = pair
    (tmp_path / "notes" / "old").mkdir(parents=True)
    (tmp_path / "notes" / "plan.txt").write_text("roto the fence", encoding="utf-8")
    (tmp_path / "shot.nk").write_text("", encoding="utf-8")
    mentions = desk.manager.context.mentions
    desk.type(f"see @{tmp_path.as_posix()}/no")
    desk.until(lambda: mentions.rows())
    assert mentions.rows() == ["notes/"]  # the folder stands in what is typed
    desk.press(Qt.Key.Key_Return)
    assert desk.panel.composer.text() == f"see @{tmp_path.as_posix()}/notes/"
    desk.until(lambda: mentions.rows() == ["old/", "plan.txt"])
    desk.press(Qt.Key.Key_Down)
    desk.press(Qt.Key.Key_Return)
    desk.until(lambda: desk.manager.draft.attachments)
    assert [(one.name, one.text) for one in desk.manager.draft.attachments] == [("plan.txt", "roto the fence")]
    assert desk.panel.composer.text() == "see plan.txt "

    desk.panel.composer.set_text("")
    host.nuke.root()["name"].setValue(f"{tmp_path.as_posix()}/shot.nk")
    desk.type("open @sho")
    desk.until(lambda: mentions.rows() == ["shot.nk"])
    desk.press(Qt.Key.Key_Escape)
    desk.panel.composer.set_text("")
    desk.type("nothing @/no/such/folder/x")
    QtWidgets.QApplication.processEvents()
    assert mentions.rows() == []


def test_a_node_in_an_answer_is_a_link_to_it(pair: Pair, model_server: FakeModelServer) -> None:
    host, desk = pair
    for name in ("Merge1", "Key"):
        host.nuke.nodes.NoOp(name=name)
    answer(model_server, "Look at Merge1 and `Key`, not at Merge12. Key is a word.")
    desk.ask_and_wait("where?")
    view = next(one for one in desk.panel.transcript.findChildren(QtWidgets.QTextBrowser)
                if one.isVisible() and "Merge12" in one.toPlainText())
    html = view.toHtml()
    assert html.count("node:Merge1\"") == 1 and html.count("node:Key\"") == 1
    view.anchorClicked.emit(QtCore.QUrl("node:Merge1"))
    assert host.nuke.selectedNode().name() == "Merge1"
    host.nuke.delete(host.nuke.toNode("Key"))
    view.anchorClicked.emit(QtCore.QUrl("node:Key"))
    assert "no node Key" in desk.panel.toast.label.text()


def test_a_picture_is_made_small_and_its_size_is_said(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    host, desk = pair
    image = QtGui.QImage(4000, 1000, QtGui.QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    QtGui.QGuiApplication.clipboard().setImage(image)
    desk.manager.context.add("clipboard")
    made = desk.manager.draft.attachments[-1]
    assert made.kind == "image" and "1568×392" in made.name
    data = QtCore.QByteArray(base64.b64decode(made.data_base64 or ""))
    assert QtGui.QImage.fromData(data).width() == 1568

    desk.manager.context.add("viewer")
    assert "no Viewer" in desk.panel.composer.hint.text()
    viewer = host.nuke.nodes.Viewer()
    monkeypatch.setattr(type(viewer), "capture", lambda self, file: image.save(file), raising=False)
    desk.manager.context.add("viewer")
    assert desk.manager.draft.attachments[-1].name.startswith("Viewer · 1568×392")


def test_an_expression_goes_to_the_knob_that_was_chosen(pair: Pair, model_server: FakeModelServer) -> None:
    host, desk = pair
    blur = host.nuke.nodes.Blur(name="B")
    ask_for(desk, model_server, "frame * 2", "expression")
    desk.click(action(desk, "run_code"))
    assert "Select the node" in desk.panel.toast.label.text()
    blur.setSelected(True)
    desk.click(action(desk, "run_code"))
    desk.panel.run_sheet.target.choose("B.size")
    desk.click(desk.panel.run_sheet.run_button)
    assert blur["size"].hasExpression() and host.undo.done[-1].name == "AI: Blur it"


def test_a_kernel_goes_into_a_node_of_its_own(pair: Pair, model_server: FakeModelServer) -> None:
    host, desk = pair
    kernel = "kernel Dim : ImageComputationKernel<ePixelWise>\n{\n  void process() { dst[0] = 1; }\n};"
    ask_for(desk, model_server, kernel, "cpp")
    desk.click(action(desk, "run_code"))
    assert host.nuke.allNodes() == []
    desk.click(desk.panel.run_sheet.run_button)
    (node,) = host.nuke.allNodes()
    assert node.Class() == "BlinkScript" and node["kernelSource"].getText().strip() == kernel


def test_a_chip_whose_node_is_gone_says_so(pair: Pair, model_server: FakeModelServer) -> None:
    host, desk = pair
    host.nuke.nodes.Blur(name="B", size=7)
    desk.manager.context.add_nodes(("B",))
    host.nuke.delete(host.nuke.toNode("B"))
    answer(model_server, "ok")
    desk.ask_and_wait("what was it?")
    sent = model_server.chats[-1].body.decode()
    assert "size 7" in sent and "no longer in the script" in sent


def test_a_panel_that_goes_has_refused(pair: Pair, model_server: FakeModelServer) -> None:
    host, desk = pair
    ask_for(desk, model_server, GOOD)
    desk.click(action(desk, "run_code"))
    desk.close_panel()
    assert host.nuke.allNodes() == []
    desk.open_panel()


def test_insert_goes_to_the_script_editor_or_else_to_the_clipboard(pair: Pair, model_server: FakeModelServer) -> None:
    _, desk = pair
    ask_for(desk, model_server, GOOD)
    desk.click(action(desk, "insert_code"))
    assert QtGui.QGuiApplication.clipboard().text().strip() == GOOD
    assert "copied instead" in desk.panel.toast.label.text()


def test_outside_nuke_there_are_files_and_findings_and_nothing_to_run(
    desk: Desk, model_server: FakeModelServer
) -> None:
    assert [one.key for one in desk.manager.context.entries()] == ["file", "image", "clipboard", "chats"]
    answer(model_server, f"```python\n{BAD}\n```\n")
    desk.ask_and_wait("blur")
    desk.until(lambda: block(desk).lines())
    assert "sizee" in block(desk).lines()[0] and block(desk).action_buttons() == []

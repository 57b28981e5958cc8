"""The studio's rules as an artist meets them: a card, a picker, a ledger, and what was sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuke_ai_panel.settings import policy_source
from nuke_ai_panel_qt.qt import QtCore
from tests.fakes.model_server import FakeModelServer
from tests.unit.studio_kit import write_policy

from .panel_kit import Desk


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(policy_source, "machine_policy_path", lambda: tmp_path / "none.toml")
    monkeypatch.setenv("NUKE_AI_PANEL_POLICY", str(tmp_path / "policy.toml"))
    return write_policy(tmp_path / "policy.toml", 'contact = "pipeline@studio"')


def test_forbidden_question_becomes_a_card_and_goes_through_once_it_is_allowed(
    policy: Path, desk: Desk, model_server: FakeModelServer
) -> None:
    write_policy(policy, 'contact = "pipeline@studio"\n[models]\ndeny = ["fake-model"]')
    item = desk.ask_and_wait("hello")
    assert item.error is not None and model_server.chats == []
    assert item.error.sentence == "The studio's policy forbids the model fake-model (rule models.deny)."
    assert "pipeline@studio" in item.error.next_step and "forbidden by policy" in item.error.facts
    assert {"retry", "switch_model"} <= set(item.error.actions)
    write_policy(policy, "")
    desk.click(desk.button("Retry"))
    desk.until(lambda: desk.answer().status == "complete")


def test_forbidden_provider_leaves_the_picker_and_its_chip_says_so(
    policy: Path, desk: Desk, model_server: FakeModelServer
) -> None:
    desk.ask_and_wait("hello")
    assert "openai" in desk.session.app.providers.names()
    write_policy(policy, '[providers]\ndeny = ["openai"]')

    def listed() -> str:
        models = desk.session.models
        return repr([models.row_at(row) for row in range(models.rowCount())])

    desk.until(lambda: "'openai'" in listed())
    desk.manager.models.refresh_models()
    desk.until(lambda: "'openai'" not in listed())
    assert desk.session.app.providers.status("openai").state == "forbidden by policy"


def test_ledger_opens_from_the_menu_filters_and_leads_back_to_the_conversation(
    policy: Path, desk: Desk, model_server: FakeModelServer
) -> None:
    desk.ask_and_wait("hello")
    first = desk.manager.shown.id
    desk.manager.new_conversation()
    desk.panel.command.emit("ledger")
    desk.until(lambda: desk.manager.ledger.view is not None and desk.manager.ledger.view.rows())
    view = desk.manager.ledger.view
    assert view is not None and view.isVisible()
    desk.until(lambda: any("fake-model" in row.title for row in view.rows()))
    assert "Nothing left this machine's network" in view.summary.text()
    view.query.setText("fake-model this machine")
    desk.until(lambda: [row.title for row in view.rows()] == ["OpenAI · fake-model"])
    assert "answered" in view.rows()[0].facts and view.rows()[0].cost == "free"
    view.query.setText("nowhere")
    desk.until(lambda: not view.rows())
    assert view.note.text() == "No request fits these words."
    view.query.setText("")
    desk.until(lambda: view.rows())
    asked = next(at for at in range(view.view.model().rowCount()) if "fake-model" in str(
        view.view.model().index(at, 0).data(int(QtCore.Qt.ItemDataRole.DisplayRole))))
    view.view.activated.emit(view.view.model().index(asked, 0))
    desk.until(lambda: desk.manager.shown.id == first)


def test_ledger_that_cannot_be_read_says_why(policy: Path, desk: Desk, home: Path) -> None:
    write_policy(policy, '[ledger]\nfolder = "/dev/null/x"')
    desk.panel.command.emit("ledger")
    desk.until(lambda: desk.manager.ledger.view is not None and desk.manager.ledger.view.note.text())
    view = desk.manager.ledger.view
    assert view is not None and "cannot be used" in view.summary.text() and "Check the folder" in view.note.text()


def test_what_was_sent_is_shown_with_its_placeholders(
    policy: Path, desk: Desk, model_server: FakeModelServer
) -> None:
    write_policy(policy, '[redaction]\nlevels = ["machine"]\nwords = ["Orion"]')
    desk.ask_and_wait("Is Orion dark?")
    assert desk.texts()[0] == "Is Orion dark?"
    desk.manager.actions.run("sent", desk.answer().id, None)
    desk.until(lambda: desk.panel.text_sheet.isVisible())
    shown = desk.panel.text_sheet.view.toPlainText()
    assert "Orion" not in shown and "<<WORD_" in shown and '"model": "fake-model"' in shown
    assert "1 thing hidden" in desk.panel.text_sheet.facts.text()

"""The settings window, driven by hand: what is typed is saved and counts at once, what is wrong stays and is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, Optional

import pytest

from nuke_ai_panel.settings import load_settings, save_setting, save_settings, settings_path
from nuke_ai_panel.settings.lookup import names_under
from nuke_ai_panel_qt.core.settings_desk import SettingsDesk
from nuke_ai_panel_qt.qt import BINDING, QtCore, QtWidgets
from nuke_ai_panel_qt.ui.settings_dialog import SettingsDialog
from nuke_ai_panel_qt.ui.settings_fields import SettingField, Switch, TextArea
from tests.fakes.fault_server import closed_port
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk, close_desk

Qt = QtCore.Qt
KEY = "sk-" + "z9y8x7w6" * 4


@pytest.fixture
def plain(qtbot: Any, model_server: FakeModelServer) -> Iterator[Desk]:
    """A panel whose settings all lie in the user's file."""
    save_settings({
        "default_provider": "openai", "default_model": "fake-model", "providers.openai.base_url": model_server.base_url,
        "providers.openai.retries": 0, "providers.ollama.enabled": False, "providers.openrouter.enabled": False,
    })
    made = Desk(qtbot)
    yield made
    close_desk(made)


def settings_of(desk: Desk) -> SettingsDesk:
    return desk.manager.settings


def opened(desk: Desk, page: str = "general") -> SettingsDialog:
    """The window at a page, as the menu's entry opens it."""
    desk.panel.command.emit("settings")
    dialog = settings_of(desk).dialog
    assert dialog is not None
    if BINDING == "PySide2":  # whose offscreen platform activates no window that was closed before
        QtWidgets.QApplication.setActiveWindow(dialog)
    desk.until(dialog.isActiveWindow)
    dialog.list.choose(page)
    return dialog


def field(dialog: SettingsDialog, name: str) -> SettingField:
    page = dialog.provider if dialog.stack.currentWidget() is dialog.provider else dialog.form
    return page.column.fields[name]


def type_into(desk: Desk, dialog: SettingsDialog, name: str, text: str, *, enter: bool = True) -> None:
    """Replaces what stands in a field by typing."""
    editor = field(dialog, name).editor
    editor.setFocus()
    assert isinstance(editor, (QtWidgets.QLineEdit, TextArea))
    editor.selectAll()
    if text:
        desk.bot.keyClicks(editor, text)
    else:
        desk.bot.keyClick(editor, Qt.Key.Key_Delete)
    if enter:
        desk.bot.keyClick(editor, Qt.Key.Key_Return)


def text_in(dialog: SettingsDialog, name: str) -> str:
    return field(dialog, name).text()


def state_in(dialog: SettingsDialog, provider: str) -> str:
    """The state that the list shows of a provider."""
    return next(row for row in dialog.list.rows() if row.id == f"provider:{provider}").state


def saved(name: str) -> Optional[str]:
    """Where the user's file says a setting."""
    return load_settings().sources.get(name)


def test_the_menu_and_the_key_open_it_and_escape_closes_it(plain: Desk) -> None:
    plain.press(Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    dialog = settings_of(plain).dialog
    assert dialog is not None and dialog.isVisible() and dialog.isWindow() and not dialog.isModal()
    plain.bot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_all_providers_are_listed_and_those_that_are_on_come_first(plain: Desk) -> None:
    dialog = opened(plain)
    rows = [row for row in dialog.list.rows() if row.group == "Providers" and row.id != "add"]
    assert {row.id.partition(":")[2] for row in rows} == set(load_settings().providers)
    states = [row.is_on for row in rows]
    assert states == sorted(states, reverse=True) and not all(states)


def test_every_declared_setting_has_a_field_that_opens_on_its_value(plain: Desk) -> None:
    dialog, names = opened(plain), set()
    for row in dialog.list.rows():
        dialog.list.choose(row.id)
        page = dialog.stack.currentWidget()
        if page in (dialog.form, dialog.provider):
            names |= set(page.column.fields)
    hidden = ("kind", "enabled")
    missing = [
        name for name in names_under(load_settings()) if name not in names and name.rpartition(".")[2] not in hidden
        and not name.startswith("providers.local.")
    ]
    assert missing == []
    assert {"providers.local.default_model", "providers.local.options.threads"} <= names
    assert "providers.local.base_url" not in names
    dialog.list.choose("provider:openai")
    assert text_in(dialog, "providers.openai.base_url") == load_settings().providers["openai"].base_url
    assert text_in(dialog, "providers.openai.retries") == "0"


def test_a_field_is_saved_when_it_is_left_and_counts_at_once(plain: Desk, model_server: FakeModelServer) -> None:
    settings_path(load_settings().home).write_text(
        "# mine\n" + settings_path(load_settings().home).read_text("utf-8"), "utf-8")
    dialog = opened(plain, "answers")
    type_into(plain, dialog, "parameters.temperature", "0.25")
    type_into(plain, dialog, "system", "Answer like a compositor.", enter=False)
    field(dialog, "parameters.max_tokens").editor.setFocus()
    plain.until(lambda: plain.session.app.settings.system == "Answer like a compositor.")
    dialog.close()

    plain.ask_and_wait("hello")

    body = model_server.chats[-1].json()
    assert body["temperature"] == 0.25 and body["messages"][0]["content"] == "Answer like a compositor."
    assert not {"max_tokens", "max_completion_tokens", "top_p", "seed", "reasoning_effort", "stop"} & set(body)
    assert settings_path(plain.session.app.settings.home).read_text("utf-8").startswith("# mine\n")


def test_a_parameter_that_is_emptied_is_absent_again(plain: Desk, model_server: FakeModelServer) -> None:
    dialog = opened(plain, "answers")
    type_into(plain, dialog, "parameters.temperature", "1")
    effort = field(dialog, "parameters.reasoning_effort").editor
    effort.choose("low")  # type: ignore[attr-defined]  # a Select
    plain.until(lambda: plain.session.app.settings.parameters.reasoning_effort == "low")
    plain.ask_and_wait("one")
    body = model_server.chats[-1].json()
    assert (body["temperature"], body["reasoning_effort"]) == (1, "low")
    type_into(plain, dialog, "parameters.temperature", "")
    effort.choose("")  # type: ignore[attr-defined]  # a Select
    plain.until(lambda: plain.session.app.settings.parameters.reasoning_effort is None)
    plain.until(lambda: plain.session.app.settings.parameters.temperature is None)
    plain.ask_and_wait("two")
    assert not {"temperature", "reasoning_effort"} & set(model_server.chats[-1].json())


def test_what_is_wrong_is_said_beside_the_field_and_survives_switching_and_closing(plain: Desk) -> None:
    dialog = opened(plain, "provider:openai")
    name = "providers.openai.connect_timeout_s"
    type_into(plain, dialog, name, "soon")
    assert field(dialog, name).problem.text() == "Wait to connect must be a number."
    plain.until(lambda: field(dialog, name).problem.isVisibleTo(dialog))
    type_into(plain, dialog, "providers.openai.base_url", "ftp://x", enter=False)
    dialog.list.choose("provider:ollama")
    dialog.list.choose("provider:openai")
    assert text_in(dialog, name) == "soon" and text_in(dialog, "providers.openai.base_url") == "ftp://x"
    assert "http://" in field(dialog, "providers.openai.base_url").problem.text()
    dialog.close()
    again = opened(plain, "provider:openai")
    assert text_in(again, name) == "soon"
    assert saved(name) is None
    type_into(plain, again, name, "12")
    plain.until(lambda: plain.session.app.settings.providers["openai"].connect_timeout_s == 12)
    plain.until(lambda: field(again, name).problem.text() == "")


def test_a_half_typed_field_is_saved_when_the_row_is_switched_or_the_window_closed(plain: Desk) -> None:
    dialog = opened(plain, "provider:openai")
    type_into(plain, dialog, "providers.openai.title", "My OpenAI", enter=False)
    dialog.list.choose("provider:groq")
    plain.until(lambda: plain.session.app.settings.providers["openai"].label == "My OpenAI")
    assert text_in(dialog, "providers.groq.title") == "Groq"
    type_into(plain, dialog, "providers.groq.default_model", "llama", enter=False)
    dialog.close()
    plain.until(lambda: plain.session.app.settings.providers["groq"].default_model == "llama")


def test_quitting_at_once_loses_no_edit(qtbot: Any) -> None:
    desk = Desk(qtbot)
    dialog = opened(desk, "general")
    type_into(desk, dialog, "max_tool_rounds", "3", enter=False)
    close_desk(desk)
    assert load_settings().max_tool_rounds == 3


def test_a_key_that_was_put_into_a_field_is_refused_and_written_nowhere(plain: Desk, home: Path) -> None:
    dialog = opened(plain, "provider:openai")
    type_into(plain, dialog, "providers.openai.title", KEY)
    assert "keys are never kept in settings" in field(dialog, "providers.openai.title").problem.text()
    assert KEY not in settings_path(home).read_text("utf-8")


def test_only_the_changed_provider_connects_anew(plain: Desk, model_server: FakeModelServer) -> None:
    plain.ask_and_wait("one")
    before = plain.session.app.providers._live["openai"].provider
    dialog = opened(plain, "provider:groq")
    type_into(plain, dialog, "providers.groq.title", "Groq!")
    plain.until(lambda: plain.session.app.settings.providers["groq"].label == "Groq!")
    assert plain.session.app.providers._live["openai"].provider is before
    dialog.list.choose("provider:openai")
    type_into(plain, dialog, "providers.openai.headers", "X-Show: duck")
    field(dialog, "providers.openai.title").editor.setFocus()
    plain.until(lambda: plain.session.app.settings.providers["openai"].headers == {"X-Show": "duck"})
    plain.ask_and_wait("two")
    assert plain.session.app.providers._live["openai"].provider is not before
    assert model_server.chats[-1].headers["x-show"] == "duck"


def test_test_connects_for_real_and_tells_time_and_models(plain: Desk, model_server: FakeModelServer) -> None:
    dialog = opened(plain, "provider:openai")
    asked = len(model_server.requests)
    plain.click(dialog.provider.test)
    plain.until(lambda: dialog.provider.result.text().startswith("Connected in"))
    assert dialog.provider.result.text().endswith("ms: 2 models.")
    assert model_server.requests[asked].path == "/v1/models"
    plain.until(lambda: state_in(dialog, "openai") == "connected")


def test_test_takes_what_was_just_typed_and_says_what_is_wrong(plain: Desk) -> None:
    dialog = opened(plain, "provider:openai")
    port = closed_port()
    type_into(plain, dialog, "providers.openai.base_url", f"http://127.0.0.1:{port}/v1", enter=False)
    plain.click(dialog.provider.test)
    plain.until(lambda: f"127.0.0.1:{port}" in dialog.provider.result.text())
    assert "Check that the server runs" in dialog.provider.result.text() or "Start" in dialog.provider.result.text()
    plain.until(lambda: state_in(dialog, "openai") == "unreachable")


def test_a_provider_is_turned_off_and_on(plain: Desk) -> None:
    dialog = opened(plain, "provider:groq")
    assert not dialog.provider.power.isChecked() and not dialog.provider.test.isEnabled()
    plain.click(dialog.provider.power)
    plain.until(dialog.provider.test.isEnabled)
    assert "groq" in plain.session.app.providers.names()
    plain.click(dialog.provider.power)
    plain.until(lambda: "groq" not in plain.session.app.providers.names())
    assert dialog.list.current() == "provider:groq"


def test_a_key_is_kept_masked_and_forgotten(plain: Desk, model_server: FakeModelServer, home: Path) -> None:
    dialog = opened(plain, "provider:openai")
    key = dialog.provider.key
    plain.until(lambda: "No key is known" in key.note.text())
    assert key.key.echoMode() == QtWidgets.QLineEdit.EchoMode.Password and not key.store.isEnabled()
    plain.bot.keyClicks(key.key, KEY)
    key.place.choose("file")
    assert not key.store.isEnabled() and key.consent_words.isVisibleTo(dialog)
    plain.click(key.consent)
    plain.click(key.store)
    plain.until(lambda: "from the private file" in key.note.text())
    assert key.key.text() == "" and not key.consent.isChecked()
    plain.ask_and_wait("hello")
    assert model_server.chats[-1].headers["authorization"] == f"Bearer {KEY}"
    plain.click(key.forget)
    plain.until(lambda: "No key is known" in key.note.text())
    plain.ask_and_wait("again")
    assert "authorization" not in model_server.chats[-1].headers
    left = [path for path in home.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert left == []


def test_a_typed_key_is_kept_before_the_test(plain: Desk, model_server: FakeModelServer) -> None:
    dialog = opened(plain, "provider:openai")
    plain.bot.keyClicks(dialog.provider.key.key, KEY)
    dialog.provider.key.place.choose("memory")
    plain.click(dialog.provider.test)
    plain.until(lambda: "this session only" in dialog.provider.key.note.text())
    plain.until(lambda: dialog.provider.result.text().startswith("Connected"))
    asked = [one for one in model_server.requests if one.path == "/v1/models"]
    assert asked[-1].headers["authorization"] == f"Bearer {KEY}"


def test_what_the_environment_decides_is_read_only_and_says_so(
    qtbot: Any, model_server: FakeModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", model_server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    desk = Desk(qtbot)
    dialog = opened(desk, "provider:openai")
    name = "providers.openai.base_url"
    assert text_in(dialog, name) == model_server.base_url
    assert "Decided by OPENAI_BASE_URL" in field(dialog, name).sentence.text()
    type_into(desk, dialog, name, "http://elsewhere/v1")
    assert text_in(dialog, name) == model_server.base_url and saved(name) == "OPENAI_BASE_URL"
    desk.until(lambda: "OPENAI_API_KEY in the environment" in dialog.provider.key.note.text())
    assert dialog.provider.key.key.isReadOnly() and not dialog.provider.key.forget.isVisibleTo(dialog)
    close_desk(desk)


def test_what_the_studio_set_is_said_and_can_be_set_otherwise(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = tmp_path / "studio.toml"
    studio.write_text('[providers.studio]\nkind = "openai"\nbase_url = "http://llm.lan/v1"\n', "utf-8")
    monkeypatch.setenv("NUKE_AI_PANEL_CONFIG", str(studio))
    desk = Desk(qtbot)
    dialog = opened(desk, "provider:studio")
    name = "providers.studio.base_url"
    assert f"From {studio}, line 3" in field(dialog, name).sentence.text()
    assert not dialog.provider.remove.isVisibleTo(dialog)
    type_into(desk, dialog, name, "http://other.lan/v1")
    desk.until(lambda: desk.session.app.settings.providers["studio"].base_url == "http://other.lan/v1")
    type_into(desk, dialog, name, "")
    desk.until(lambda: text_in(dialog, name) == "http://llm.lan/v1")
    close_desk(desk)


def test_a_provider_is_added_used_and_removed(plain: Desk, model_server: FakeModelServer) -> None:
    dialog = opened(plain, "add")
    plain.click(dialog.add.add)
    assert dialog.add.problem.text() == "A provider needs a name and an address."
    plain.bot.keyClicks(dialog.add.name, "Studio LLM")
    plain.bot.keyClicks(dialog.add.address, model_server.base_url)
    plain.bot.keyClick(dialog.add.address, Qt.Key.Key_Return)
    plain.until(lambda: "is not a name for a provider" in dialog.add.problem.text())
    assert dialog.add.name.text() == "Studio LLM"
    dialog.add.name.selectAll()
    plain.bot.keyClicks(dialog.add.name, "studio-llm")
    plain.click(dialog.add.add)
    plain.until(lambda: dialog.list.current() == "provider:studio-llm")
    assert dialog.provider.name == "studio-llm" and dialog.add.name.text() == ""
    plain.click(dialog.provider.test)
    plain.until(lambda: dialog.provider.result.text().startswith("Connected"))
    plain.click(dialog.provider.remove)
    assert "studio-llm" in plain.session.app.settings.providers
    plain.click(dialog.provider.remove)
    plain.until(lambda: all(row.id != "provider:studio-llm" for row in dialog.list.rows()))
    assert "studio-llm" not in plain.session.app.settings.providers
    assert "studio-llm" not in settings_path(plain.session.app.settings.home).read_text("utf-8")


def test_the_panel_follows_its_settings_at_once(plain: Desk) -> None:
    dialog = opened(plain, "general")
    height = plain.panel.fontMetrics().height()
    type_into(plain, dialog, "panel.font_scale", "1.6")
    plain.until(lambda: plain.panel.fontMetrics().height() > height * 1.3)
    field(dialog, "panel.enter_sends").editor.choose("false")  # type: ignore[attr-defined]  # a Select
    plain.until(lambda: plain.panel.composer.prompt.sending_key == "Ctrl+Enter")
    plain.type("a")
    plain.press(Qt.Key.Key_Return, on=plain.panel.composer.prompt)
    assert plain.panel.composer.text() == "a\n"
    plain.type("b")
    assert plain.panel.composer.send.toolTip() == "Send  (Ctrl+Enter)"
    plain.press(Qt.Key.Key_F1, on=plain.panel)
    rows = [one.accessibleName() for one in plain.panel.key_sheet.findChildren(QtWidgets.QWidget)]  # type: ignore[union-attr]  # it is open
    assert "Send; while an answer runs, queue: Ctrl+Enter" in rows


def test_two_panels_follow_one_setting(plain: Desk) -> None:
    first = plain.panel
    plain.open_panel()
    dialog = opened(plain, "general")
    type_into(plain, dialog, "panel.font_scale", "1.6")
    plain.until(lambda: first.font().pixelSize() == plain.panel.font().pixelSize()
                and plain.session.app.settings.panel.font_scale == 1.6)


def test_a_broken_file_is_said_beside_the_field_and_left_alone(plain: Desk, home: Path) -> None:
    dialog = opened(plain, "general")
    settings_path(home).write_text("[panel\n", "utf-8")
    type_into(plain, dialog, "max_tool_rounds", "3")
    plain.until(lambda: "settings.toml, line 1" in field(dialog, "max_tool_rounds").problem.text())
    assert settings_path(home).read_text("utf-8") == "[panel\n" and text_in(dialog, "max_tool_rounds") == "3"


def test_everything_can_be_reached_by_tab_and_has_a_name(plain: Desk) -> None:
    dialog = opened(plain, "provider:openai")
    plain.until(lambda: field(dialog, "providers.openai.title").isVisible())
    dialog.list.setFocus()
    seen = []
    for _ in range(80):
        plain.bot.keyClick(dialog.focusWidget(), Qt.Key.Key_Tab)
        focused = dialog.focusWidget()
        if focused in seen:
            break
        seen.append(focused)
    wanted = [one.editor for one in dialog.provider.column.fields.values()]
    wanted += [dialog.provider.power, dialog.provider.test, dialog.provider.key.key, dialog.provider.key.place]
    assert [one for one in wanted if one not in seen] == []
    assert all(one.accessibleName() or one.text() for one in seen)  # type: ignore[attr-defined]  # buttons have one
    power = dialog.provider.power
    assert isinstance(power, Switch) and power.accessibleName() == "Offer this provider: on"
    plain.bot.keyClick(power, Qt.Key.Key_Space)
    plain.until(lambda: "openai" not in plain.session.app.providers.names())


def test_another_sessions_change_shows_when_it_is_read(plain: Desk) -> None:
    dialog = opened(plain, "general")
    save_setting("max_tool_rounds", 2)
    plain.session.app.reload_settings()
    plain.session.settings_changed()
    assert text_in(dialog, "max_tool_rounds") == "2"


def test_another_default_provider_does_not_keep_the_others_model(plain: Desk) -> None:
    dialog = opened(plain, "general")
    field(dialog, "default_provider").editor.choose("local")  # type: ignore[attr-defined]  # a Select
    plain.until(lambda: text_in(dialog, "default_model") == "")
    assert (load_settings().default_provider, load_settings().default_model) == ("local", None)


def test_another_address_has_another_key(plain: Desk) -> None:
    dialog = opened(plain, "provider:openai")
    row = plain.session.app.settings.providers["openai"]
    plain.session.app.keys.store(row, KEY, where="memory")
    dialog.list.choose("provider:groq")
    dialog.list.choose("provider:openai")
    plain.until(lambda: "this session only" in dialog.provider.key.note.text())
    type_into(plain, dialog, "providers.openai.base_url", "https://api.openai.com/v1")
    plain.until(lambda: "No key is known." in dialog.provider.key.note.text())


def test_a_preset_without_an_address_says_what_it_needs(plain: Desk) -> None:
    dialog = opened(plain, "provider:azure")
    plain.click(dialog.provider.power)
    plain.until(dialog.provider.test.isEnabled)
    plain.bot.keyClicks(dialog.provider.key.key, KEY)
    dialog.provider.key.place.choose("memory")
    plain.click(dialog.provider.test)
    plain.until(lambda: dialog.provider.result.text() not in ("", "Connecting …", "Keeping the key …"))
    assert "Azure OpenAI" in dialog.provider.result.text() and "address" in dialog.provider.result.text().lower()


def test_a_key_that_was_typed_and_not_kept_survives_switching_rows(plain: Desk) -> None:
    dialog = opened(plain, "provider:openrouter")
    key = dialog.provider.key
    plain.bot.keyClicks(key.key, KEY)
    key.place.choose("memory")
    dialog.list.choose("provider:openai")
    assert key.key.text() == ""
    dialog.list.choose("general")
    dialog.list.choose("provider:openrouter")
    assert (key.key.text(), key.place.value(), key.store.isEnabled()) == (KEY, "memory", True)
    plain.click(key.store)
    plain.until(lambda: "this session only" in key.note.text())
    dialog.list.choose("provider:openai")
    dialog.list.choose("provider:openrouter")
    assert key.key.text() == ""

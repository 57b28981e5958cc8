"""Panels from registration to the closed tab, with plain objects; tests/qt drives real widgets."""

from __future__ import annotations

from typing import Any, Callable, ClassVar, List

import pytest

from tests.fakes.nuke import Host, Options

from .rows import shows

EXPRESSION = "__import__('tests.unit.nuke_double.test_panels', fromlist=['Widget']).Widget"
BROKEN = "__import__('tests.unit.nuke_double.test_panels', fromlist=['Broken']).Broken"
LAYOUT = ('<layout><window><splitter><split/><dock id="" activePageId="a.b"><page id="DAG.1"/><page id="a.b"/></dock>'
          '<dock><page id="a.b"/><page id="gone"/></dock></splitter></window></layout>')


class Widget:
    """What a product puts into a pane."""

    made: ClassVar[List[Widget]] = []

    def __init__(self) -> None:
        self.seen: List[str] = []
        self.pane_when_made = Widget.host.nuke.thisPane()  # type: ignore[attr-defined]  # set by the fixture
        Widget.made.append(self)

    def show(self) -> None:
        self.seen.append("show")

    def hide(self) -> None:
        self.seen.append("hide")

    def closeEvent(self, event: Any) -> None:
        self.seen.append("close")

    def updateValue(self) -> None:
        """Nuke looks for it."""


class Broken:
    """Cannot be made."""

    def __init__(self) -> None:
        raise LookupError("no such module")


@pytest.fixture
def host(nuke_double: Callable[..., Host]) -> Host:
    made = nuke_double(version=15)
    Widget.made = []
    Widget.host = made  # type: ignore[attr-defined]
    return made


@shows("B70")
def test_expression_is_evaluated_when_the_panel_opens(host: Host) -> None:
    assert host.nukescripts.registerWidgetAsPanel(EXPRESSION, "Chat", "a.b") is None
    assert Widget.made == [] and host.panels.registrations == ["a.b"]

    view = host.desk.open("Chat")

    assert Widget.made == [view.widget] and not view.is_blank
    assert view.panel.customKnob.getObject().widget is view.widget
    assert view.panel.customKnob.getFlag(host.nuke.NO_UNDO | host.nuke.NO_ANIMATION)


@shows("B70")
@pytest.mark.parametrize("expression", [BROKEN, "NoSuchName", "1/0"])
def test_error_while_opening_gives_a_blank_panel_and_a_traceback(host: Host, expression: str) -> None:
    host.nukescripts.panels.registerWidgetAsPanel(expression, "Chat", "a.b")

    view = host.desk.open("Chat")

    assert view.is_blank and len(host.panel_errors) == 1 and "Traceback" in host.said[0]


@shows("B70")
@pytest.mark.parametrize("duplicates", [True, False])
def test_second_registration_adds_or_replaces_the_entry(nuke_double: Callable[..., Host], duplicates: bool) -> None:
    host = nuke_double(options=Options(second_registration_duplicates=duplicates))
    for _ in range(2):
        host.nukescripts.registerWidgetAsPanel(EXPRESSION, "Chat", "a.b")

    assert len(host.nuke.menu("Pane").items()) == 1 + duplicates
    assert host.panels.registrations == ["a.b", "a.b"]


@shows("B71")
def test_workspace_restores_by_id_and_the_pane_is_known_only_then(host: Host) -> None:
    host.nukescripts.registerWidgetAsPanel(EXPRESSION, "Chat", "a.b")

    views = host.restore_layout(LAYOUT)

    assert len(views) == 2 and all(widget.pane_when_made is not None for widget in Widget.made)
    assert host.nuke.thisPane() is None
    assert host.said == ["Can't restore panel 'gone' because it hasn't been registered."]
    host.restore_layout(LAYOUT)
    assert len(host.desk.views) == 2 and len(Widget.made) == 4


@shows("B72")
def test_life_of_a_panel(host: Host) -> None:
    host.nukescripts.registerWidgetAsPanel(EXPRESSION, "Chat", "a.b")
    first = host.desk.open("Chat")
    assert host.nuke.getPaneFor("a.b") is host.nuke.getPaneFor("Properties.1")

    first.hide()
    first.show()
    first.float()
    assert first.parents_seen == [None]
    first.close_tab()
    again, second = host.desk.open("Chat"), host.desk.open("Chat", "DAG.1")

    assert first.widget.seen == ["hide", "show", "hide", "show", "hide"]
    assert len({id(first.widget), id(again.widget), id(second.widget)}) == 3
    assert host.desk.lingering == [first.panel]
    host.quit()
    assert host.desk.views == []


@shows("B72")
def test_panel_opens_in_a_pane_or_floats_without_one(host: Host) -> None:
    panel = host.nukescripts.registerWidgetAsPanel(EXPRESSION, "Chat", "a.b", create=True)
    pane = host.nuke.getPaneFor("Properties.1")
    assert panel.addToPane(pane) is panel and host.desk.views[-1].dock is pane
    host.faults.no_pane = True
    assert host.nuke.getPaneFor("Properties.1") is None

    other = host.nukescripts.registerWidgetAsPanel(EXPRESSION, "Chat", "a.b", create=True)
    other.show()
    assert host.desk.views[-1].dock is None
    assert host.nuke.getPaneFor("No such pane") is None


@shows("B73")
def test_terminal_has_no_panels_and_says_so(terminal: Host) -> None:
    assert terminal.nuke.GUI is False and terminal.nuke.env["gui"] is False and terminal.nuke.INTERACTIVE is False
    with pytest.raises(RuntimeError, match="not in GUI mode"):
        terminal.nukescripts.registerWidgetAsPanel(EXPRESSION, "Chat", "a.b")
    assert terminal.nuke.getPaneFor("DAG.1") is None
    assert terminal.nuke.zoom(1) is None
    terminal.nuke.message("hello")
    assert terminal.said == ["hello"]
    with pytest.raises(NotImplementedError):
        terminal.nuke.ask("Sure?")


def test_menu_entries_are_called_and_steal_shortcuts(host: Host) -> None:
    seen: List[str] = []
    menu = host.nuke.menu("Nuke")
    old = menu.addCommand("Old", lambda: None, "Alt+A")
    item = menu.addCommand("AI Panel/Ask", lambda: seen.append("asked"), "Alt+A", shortcutContext=1)

    menu.findItem("AI Panel/Ask").invoke()

    assert seen == ["asked"] and (old.shortcut(), item.shortcut()) == ("", "Alt+A")
    assert [one.name() for one in menu.menu("AI Panel").items()] == ["Ask"]
    with pytest.raises(RuntimeError):
        host.nuke.menu("No such menu")


def test_widget_without_update_value_is_noted(host: Host) -> None:
    host.nukescripts.registerWidgetAsPanel("dict", "Chat", "a.b")

    host.desk.open("Chat")

    assert host.said == ["a.b: the widget has no updateValue"]

"""nukescripts' panels: registering, opening, restoring. The text of a panel's expression is evaluated when it is
opened, in a namespace like `__main__`; what it makes is called without arguments; an error leaves the panel blank."""

from __future__ import annotations

import traceback
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional

from .knobs import NO_ANIMATION, NO_UNDO, Knob
from .text_knobs import PyCustom_Knob

if TYPE_CHECKING:
    from .host import Host


class WidgetKnob:
    """Holds the class of a widget, and the widget once Nuke has asked for it."""

    def __init__(self, widget: Callable[[], Any]) -> None:
        self.widgetClass = widget
        self.widget: Any = None

    def makeUI(self) -> Any:
        self.widget = self.widgetClass()
        return self.widget


class PythonPanel:
    """A panel of knobs that can stand in a pane or float."""

    _host: Host

    def __init__(self, title: str = "", id: str = "", scrollable: bool = True) -> None:
        self._title, self.id = title, id
        self._knobs: Dict[str, Knob] = {}
        self.widget: Any = None
        self.created = False
        self.error = ""

    def title(self) -> str:
        return self._title

    def knobs(self) -> Dict[str, Knob]:
        return dict(self._knobs)

    def addKnob(self, knob: Knob) -> None:
        knob._flags |= NO_UNDO | NO_ANIMATION
        knob._host = self._host
        self._knobs[knob._name] = knob

    def removeKnob(self, knob: Knob) -> None:
        del self._knobs[knob._name]

    def create(self) -> None:
        """Builds the widgets, once."""
        if self.created:
            return
        self.created = True
        for knob in self._knobs.values():
            if isinstance(knob, PyCustom_Knob):
                self._make(knob)

    def _make(self, knob: PyCustom_Knob) -> None:
        try:
            knob._object = eval(str(knob._state), self._host.main_namespace)
            self.widget = knob._object.makeUI()
            if not hasattr(self.widget, "updateValue") and self._host.version[0] >= 14:
                self._host.say(f"{self.id}: the widget has no updateValue")
        except Exception:  # noqa: BLE001  (Nuke shows an empty panel)
            self.error = traceback.format_exc()
            self._host.panel_errors.append(self.error)
            self._host.say(self.error)

    def addToPane(self, pane: Any = None) -> PythonPanel:
        self.create()
        where = pane or self._host.desk.pane_now
        if where is not None:
            where.add(self)
        self._host.callbacks.fire("KnobChanged", self._host.root, self._dummy())
        return self

    def _dummy(self) -> Knob:
        knob = Knob("showPanel")
        knob._host = self._host
        return knob

    def show(self) -> None:
        self.create()
        self._host.desk.place(self, None)

    def showModal(self) -> None:
        self.show()

    def showModalDialog(self) -> bool:
        self.show()
        return bool(self._host.dialogs.answer(False))

    def hide(self) -> None:
        self._host.desk.forget(self)

    def knobChanged(self, knob: Knob) -> None:
        return None


class Panels:
    """The functions of nukescripts.panels for one host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.registered: Dict[str, Callable[[], Any]] = {}
        self.registrations: List[str] = []
        self.PythonPanel = type("PythonPanel", (PythonPanel,), {"_host": host})
        self.WidgetKnob = WidgetKnob

    def registerPanel(self, id: str, command: Callable[[], Any]) -> None:
        self.registered[id] = command

    def unregisterPanel(self, id: str, command: Any) -> None:
        del self.registered[id]

    def restorePanel(self, id: str) -> Any:
        try:
            return self.registered[id]()
        except:  # noqa: E722  (as in Nuke: the real error is hidden)
            self.host.say(f"Can't restore panel '{id}' because it hasn't been registered.")
            return None

    def registerWidgetAsPanel(self, widget: str, name: str, id: str, create: bool = False) -> Any:
        if not isinstance(widget, str):
            raise TypeError("the widget is given as text that is evaluated later")
        expression = "__import__('nukescripts').panels.WidgetKnob(" + widget + ")"

        def make() -> Any:
            panel = self.PythonPanel(name, id)
            panel.customKnob = PyCustom_Knob(name, "", expression)
            panel.addKnob(panel.customKnob)
            return panel

        def addPanel() -> Any:
            return make().addToPane()

        self.host.menus.menu("Pane").addCommand(name, addPanel)
        self.registerPanel(id, addPanel)
        self.registrations.append(id)
        return make() if create else None

    def module(self) -> ModuleType:
        """`nukescripts.panels`."""
        made = ModuleType("nukescripts.panels")
        for name in ("registerPanel", "unregisterPanel", "restorePanel", "registerWidgetAsPanel", "PythonPanel",
                     "WidgetKnob"):
            setattr(made, name, getattr(self, name))
        return made


class Dock:
    """A pane of the window."""

    def __init__(self, host: Host, name: str) -> None:
        self._host, self._name = host, name
        self._panels: List[PythonPanel] = []

    def add(self, panel: PythonPanel) -> None:
        self._panels.append(panel)
        self._host.desk.place(panel, self)

    def find(self, id: str) -> Optional[PythonPanel]:
        return next((one for one in self._panels if one.id == id), None)

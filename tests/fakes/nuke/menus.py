"""Menus as a record of what was added, and a way to choose an entry."""
# ruff: noqa: N803  (Nuke's own names)

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional, Union

if TYPE_CHECKING:
    from .host import Host


class MenuItem:
    """An entry."""

    def __init__(
        self, name: str, script: Any = None, shortcut: str = "", icon: str = "", host: Optional[Host] = None,
    ) -> None:
        self._name, self._script, self._shortcut, self._icon = name, script, shortcut, icon
        self._enabled = self._visible = True
        self._owner = host

    def name(self) -> str:
        return self._name

    def script(self) -> Any:
        return self._script

    def setScript(self, script: Any) -> None:
        self._script = script

    def shortcut(self) -> str:
        return self._shortcut

    def setShortcut(self, keySequence: str) -> None:
        self._shortcut = keySequence

    def icon(self) -> str:
        return self._icon

    def setIcon(self, icon: str) -> None:
        self._icon = icon

    def setEnabled(self, enabled: bool, recursive: bool = False) -> None:
        self._enabled = enabled

    def setVisible(self, visible: bool) -> None:
        self._visible = visible

    def action(self) -> Any:
        raise NotImplementedError("fake nuke: MenuItem.action")

    def invoke(self) -> None:
        """What a click does; text is Python and runs in `__main__`."""
        if callable(self._script):
            self._script()
        elif self._script:
            exec(str(self._script), self._owner.main_namespace if self._owner is not None else {})


class Menu(MenuItem):
    """Entries and menus."""

    def __init__(self, name: str, host: Host) -> None:
        super().__init__(name)
        self._host = host
        self._entries: List[MenuItem] = []

    def items(self) -> List[MenuItem]:
        return list(self._entries)

    def addCommand(self, name: str, command: Any = None, shortcut: str = "", icon: str = "", tooltip: str = "",
                   index: int = -1, readonly: bool = False, shortcutContext: int = 0) -> MenuItem:
        *above, last = name.split("/")
        menu = self
        for one in above:
            menu = menu.addMenu(one)
        old = next((one for one in menu._entries if one.name() == last and not isinstance(one, Menu)), None)
        if old is not None and not self._host.options.second_registration_duplicates:
            menu._entries.remove(old)
        if shortcut:
            self._host.menus.steal(shortcut)
        item = MenuItem(last, command, shortcut, icon, self._host)
        menu._entries.insert(len(menu._entries) if index < 0 else index, item)
        return item

    def addMenu(self, name: str, icon: str = "", tooltip: str = "", index: int = -1) -> Menu:
        found = self.menu(name)
        if found is None:
            found = Menu(name, self._host)
            self._entries.insert(len(self._entries) if index < 0 else index, found)
        return found

    def addSeparator(self, index: int = -1) -> MenuItem:
        item = MenuItem("")
        self._entries.insert(len(self._entries) if index < 0 else index, item)
        return item

    def menu(self, name: str) -> Optional[Menu]:
        found = self.findItem(name)
        return found if isinstance(found, Menu) else None

    def findItem(self, name: str) -> Optional[Union[MenuItem, Menu]]:
        first, _, rest = name.partition("/")
        found = next((one for one in self._entries if one.name() == first), None)
        return found.findItem(rest) if rest and isinstance(found, Menu) else None if rest else found

    def removeItem(self, name: str) -> None:
        self._entries = [one for one in self._entries if one.name() != name]

    def clearMenu(self) -> None:
        self._entries.clear()


class Menus:
    """Nuke's menus; only with an interface."""

    NAMES = ("Nuke", "Pane", "Nodes", "Properties", "Animation", "Viewer", "Node Graph", "Axis")

    def __init__(self, host: Host) -> None:
        self.host = host
        self.all: Dict[str, Menu] = {name: Menu(name, host) for name in self.NAMES}

    def menu(self, name: str) -> Menu:
        if not self.host.gui:
            raise RuntimeError("not in GUI mode")
        if name not in self.all:
            raise RuntimeError(f"no menu {name}")
        return self.all[name]

    def toolbar(self, name: str, create: bool = True) -> Optional[Menu]:
        """nuke.toolbar: a menu of the Nodes toolbar, or a new one."""
        if not self.host.gui:
            raise RuntimeError("not in GUI mode")
        if name not in self.all and create:
            self.all[name] = Menu(name, self.host)
        return self.all.get(name)

    def steal(self, shortcut: str) -> None:
        """A new command takes the shortcut from the one that had it."""
        waiting: List[MenuItem] = list(self.all.values())
        while waiting:
            item = waiting.pop()
            if item.shortcut() == shortcut:
                item.setShortcut("")
            if isinstance(item, Menu):
                waiting.extend(item.items())

"""Nuke's callback registry with its own rules: order, duplicates, and no protection from one that raises."""
# ruff: noqa: N803  (Nuke's own names)

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

from .knobs import KNOB_CHANGED_ALWAYS, Knob

if TYPE_CHECKING:
    from .cores import Core
    from .host import Host

Row = Tuple[Callable[..., Any], Tuple[Any, ...], Dict[str, Any], Any]
# name of the event → the class that a callback without `nodeClass` is for
EVENTS = {
    "OnUserCreate": "*", "OnCreate": "*", "OnDestroy": "*", "UpdateUI": "*", "Autolabel": "*", "KnobChanged": "*",
    "OnScriptLoad": "Root", "OnScriptSave": "Root", "OnScriptClose": "Root", "BeforeRender": "Write",
    "AfterRender": "Write", "BeforeFrameRender": "Write", "AfterFrameRender": "Write", "RenderProgress": "Write",
    "FilenameFilter": "*", "BeforeRecording": "Viewer", "AfterRecording": "Viewer", "BeforeReplay": "Viewer",
    "AfterReplay": "Viewer",
}
FIRST_ANSWER = frozenset({"Autolabel", "FilenameFilter"})


class Callbacks:
    """What was added with nuke.addOnCreate and its like, and the moments when it runs."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.rows: Dict[str, Dict[str, List[Row]]] = {name: {} for name in EVENTS}
        self.this_node: List[Core] = []
        self.this_knob: List[Knob] = []
        # Python text in a node's own callback knob: noted, never run.
        self.code_noted: List[Tuple[str, str, str]] = []
        self.running: List[str] = []

    def add(self, event: str, call: Any, args: Any, kwargs: Any, nodeClass: str, node: Any) -> None:
        rows = self.rows[event].setdefault(nodeClass, [])
        row = _row(call, args, kwargs, node)
        if row in rows:
            rows.remove(row)
        rows.append(row)

    def remove(self, event: str, call: Any, args: Any, kwargs: Any, nodeClass: str, node: Any) -> None:
        rows = self.rows[event].get(nodeClass, [])
        row = _row(call, args, kwargs, node)
        if row in rows:
            rows.remove(row)

    def left(self) -> List[str]:
        """What is still registered, as `event class`."""
        return [f"{event} {name}" for event, by_class in self.rows.items() for name, rows in by_class.items() if rows]

    def module_functions(self) -> Dict[str, Callable[..., Any]]:
        """addX, removeX and x for every event."""
        found: Dict[str, Callable[..., Any]] = {}
        for event, default in EVENTS.items():
            found[f"add{event}"] = self._door(event, default, self.add)
            found[f"remove{event}"] = self._door(event, default, self.remove)
        return found

    def _door(self, event: str, default: str, change: Any) -> Callable[..., None]:
        if event == "KnobChanged":
            def with_node(call: Any, args: Any = (), kwargs: Any = {}, nodeClass: str = default,  # noqa: B006
                          node: Any = None) -> None:
                change(event, call, args, kwargs, nodeClass, node)

            return with_node

        def without_node(call: Any, args: Any = (), kwargs: Any = {}, nodeClass: str = default) -> None:  # noqa: B006
            change(event, call, args, kwargs, nodeClass, None)

        return without_node

    # When they run.
    def fire(self, event: str, core: Core, knob: Optional[Knob] = None) -> Any:
        """Runs the handlers of a node's class, then those of every class; one that raises stops the rest."""
        own = core.knobs.get(event[0].lower() + event[1:])
        if own is not None and own._state:
            self.code_noted.append((core.path(), event, str(own._state)))
        rows = [*self.rows[event].get(core.class_name, []), *self.rows[event].get("*", [])]
        rows = rows[::-1] if event in FIRST_ANSWER else rows
        self.this_node.append(core)
        if knob is not None:
            self.this_knob.append(knob)
        try:
            for call, args, kwargs, node in rows:
                if node is not None and node is not core.handle:
                    continue
                answer = call(*args, **kwargs)
                if event in FIRST_ANSWER and answer is not None:
                    return answer
        finally:
            self.this_node.pop()
            if knob is not None:
                self.this_knob.pop()
        return None

    def node_event(self, event: str, core: Core) -> None:
        self.fire(event[0].upper() + event[1:], core)

    def knob_changed(self, core: Core, knob: Knob) -> None:
        """After a change of a knob: in the interface only while the panel is open, unless the knob always says so."""
        if knob._name == "selected":
            self.host.scene.selection_changed(core)
        always = bool(knob._flags & KNOB_CHANGED_ALWAYS) or knob._name == "selected"
        open_panel = core.panel_open and self.host.gui
        if not (always or open_panel or not self.host.options.knob_changed_needs_panel):
            return
        key = f"{core.path()}.{knob._name}"
        if key in self.running:
            return
        self.running.append(key)
        try:
            self.fire("KnobChanged", core, knob)
        finally:
            self.running.remove(key)

    def dummy_knob(self, core: Core, name: str) -> None:
        """showPanel, hidePanel, inputChange."""
        knob = Knob(name)
        knob._host = self.host
        if core.panel_open or name != "inputChange":
            self.fire("KnobChanged", core, knob)


def _row(call: Any, args: Any, kwargs: Any, node: Any) -> Row:
    if not callable(call):
        raise ValueError("call must be a callable")
    if not isinstance(kwargs, dict):
        raise ValueError("kwargs must be a dictionary")
    return call, args if isinstance(args, tuple) else (args,), kwargs, node

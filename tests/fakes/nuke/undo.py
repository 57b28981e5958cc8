"""The undo history: groups, cancel, disable; and Nuke's class that speaks to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, List, Optional, Tuple, Type

from .guard import check_thread

if TYPE_CHECKING:
    from .host import Host

Step = Tuple[str, Callable[[], None], Callable[[], None]]


class Entry:
    """One line of the Edit menu: its name and what it did."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps: List[Step] = []

    def back(self) -> None:
        for _, undo, _redo in reversed(self.steps):
            undo()

    def forth(self) -> None:
        for _, _undo, redo in self.steps:
            redo()


class History:
    """What can be undone and redone."""

    def __init__(self) -> None:
        self.done: List[Entry] = []
        self.undone: List[Entry] = []
        self.open: Optional[Entry] = None
        self.depth = 0
        self.off = 0
        self.replaying = False

    def record(self, what: str, undo: Callable[[], None], redo: Callable[[], None]) -> None:
        """Takes one change in: into the open group, or as an entry of its own."""
        if self.off or self.replaying:
            return
        if self.open is not None:
            self.open.steps.append((what, undo, redo))
            return
        entry = Entry(what)
        entry.steps.append((what, undo, redo))
        self._keep(entry)

    def _keep(self, entry: Entry) -> None:
        self.done.append(entry)
        self.undone.clear()

    def begin(self, name: str) -> None:
        self.depth += 1
        if self.open is None:
            self.open = Entry(name)

    def end(self) -> None:
        if not self.depth:
            return
        self.depth -= 1
        if self.depth or self.open is None:
            return
        entry, self.open = self.open, None
        if entry.steps:
            self._keep(entry)

    def cancel(self) -> None:
        entry, self.open, self.depth = self.open, None, 0
        if entry is not None:
            self._replay(entry.back)

    def undo(self) -> bool:
        if not self.done:
            return False
        entry = self.done.pop()
        self._replay(entry.back)
        self.undone.append(entry)
        return True

    def redo(self) -> bool:
        if not self.undone:
            return False
        entry = self.undone.pop()
        self._replay(entry.forth)
        self.done.append(entry)
        return True

    def _replay(self, play: Callable[[], None]) -> None:
        self.replaying = True
        try:
            play()
        finally:
            self.replaying = False

    def wipe(self) -> None:
        """A new script has no history."""
        self.done.clear()
        self.undone.clear()
        self.open, self.depth = None, 0


class _Both:
    """Lets `Undo.begin()` and `Undo().begin()` mean the same, as in Nuke, and only on the main thread."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __get__(self, instance: Any, owner: Any) -> Callable[..., Any]:
        check_thread(owner._host, f"nuke.Undo.{self.function.__name__}")
        return lambda *args: self.function(owner, *args)


def undo_class(host: Host) -> Type[Any]:
    """The class `nuke.Undo` of one host."""
    history = host.undo

    class Undo:
        """Groups changes into one step."""

        _host = host

        def __init__(self, name: str = "") -> None:
            self._title = name

        @_Both
        def begin(self, name: str = "") -> None:
            history.begin(name)

        @_Both
        def name(self, text: str) -> None:
            if history.open is not None:
                history.open.name = text

        @_Both
        def end(self) -> None:
            history.end()

        @_Both
        def new(self, name: str = "") -> None:
            history.end()
            history.begin(name)

        @_Both
        def cancel(self) -> None:
            history.cancel()

        @_Both
        def undo(self) -> None:
            history.undo()

        @_Both
        def redo(self) -> None:
            history.redo()

        @_Both
        def disable(self) -> None:
            history.off += 1

        @_Both
        def enable(self) -> None:
            history.off = max(0, history.off - 1)

        @_Both
        def disabled(self) -> bool:
            return history.off > 0

        @_Both
        def undoSize(self) -> int:
            return len(history.done)

        @_Both
        def redoSize(self) -> int:
            return len(history.undone)

        @_Both
        def undoDescribe(self, index: int = 0) -> str:
            return history.done[-1 - index].name

        @_Both
        def redoDescribe(self, index: int = 0) -> str:
            return history.undone[-1 - index].name

        @_Both
        def undoTruncate(self, size: int = 0) -> None:
            del history.done[: max(0, len(history.done) - size)]

        def __enter__(self) -> Any:
            check_thread(host, "nuke.Undo")
            history.begin(self._title)
            return self

        def __exit__(self, *exception: Any) -> None:
            history.end()

    return Undo

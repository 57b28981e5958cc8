"""Questions to the artist, answered by the test; the environment object; the progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Tuple

if TYPE_CHECKING:
    from .host import Host


class CancelledError(Exception):
    """The artist pressed Cancel."""


class Dialogs:
    """What nuke.message and its like ask. The answers lie in Faults.answers, in order."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.asked: List[Tuple[str, str]] = []

    def answer(self, default: Any) -> Any:
        answers = self.host.faults.answers
        return answers.pop(0) if answers else default

    def _ask(self, kind: str, prompt: str, default: Any) -> Any:
        self.asked.append((kind, prompt))
        if not self.host.gui:
            raise NotImplementedError(f"fake nuke: {kind} without an interface reads the terminal")
        return self.answer(default)

    def message(self, prompt: str) -> None:
        self.asked.append(("message", prompt))
        if not self.host.gui:
            self.host.say(prompt)

    def ask(self, prompt: str) -> bool:
        return bool(self._ask("ask", prompt, False))

    def askWithCancel(self, prompt: str) -> bool:
        found = self._ask("askWithCancel", prompt, None)
        if found is None:
            raise CancelledError
        return bool(found)

    def getInput(self, prompt: str, default: str = "") -> Any:
        return self._ask("getInput", prompt, None)


class GlobalsEnvironment:
    """nuke.env: `[]`, get, keys; no dictionary, and not to be walked through."""

    __iter__ = None
    __hash__ = object.__hash__

    def __init__(self, values: Dict[str, Any]) -> None:
        self._values = values

    def __getitem__(self, index: str) -> Any:
        return self._values[index]

    def __setitem__(self, index: str, object: Any) -> None:
        self._values[index] = object

    def __contains__(self, other: str) -> bool:
        return other in self._values

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)

    def has_key(self, name: str) -> bool:
        return name in self._values

    def keys(self) -> Iterable[str]:
        return list(self._values)

    def items(self) -> Iterable[Tuple[str, Any]]:
        return list(self._values.items())

    def values(self) -> Iterable[Any]:
        return list(self._values.values())


class ProgressTask:
    """A progress bar; it ends when nobody holds it."""

    def __init__(self, title: str = "") -> None:
        self._title, self._text, self._progress = title, "", 0

    def setMessage(self, text: str) -> None:
        self._text = text

    def setProgress(self, value: int) -> None:
        self._progress = value

    def isCancelled(self) -> bool:
        return False


def environment(host: Host) -> GlobalsEnvironment:
    """The values of nuke.env for a host."""
    major, minor, release = host.version
    return GlobalsEnvironment({
        "64bit": True, "ExecutablePath": f"/usr/local/Nuke{major}.{minor}v{release}/Nuke{major}.{minor}",
        "ExternalPython": False, "LINUX": True, "MACOS": False, "WIN32": False, "NukeVersionMajor": major,
        "NukeVersionMinor": minor, "NukeVersionRelease": release, "NukeVersionString": f"{major}.{minor}v{release}",
        "NukeVersionPhase": "", "NukeVersionPhaseNumber": 0, "NukeVersionDate": "", "NukeLibraryPath": "",
        "PluginExtension": "so", "PluginsVerbose": False, "assist": False, "gui": host.gui, "hiero": host.hiero,
        "hieroNuke": False, "hieroStudio": False, "indie": False, "interactive": host.gui, "nc": False,
        "nukex": False, "numCPUs": 2, "ple": False, "studio": False, "threads": 2,
    })

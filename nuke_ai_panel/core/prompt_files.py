"""The library of prompts and presets: Markdown files in the studio's folders and the user's own, and a few of ours.

A prompt is a question to fill in, a preset a system prompt with perhaps a model. One file is one of them; its name
without `.md` is what is typed after `/`. Read from any thread but the main one: a studio's folder is a network drive.
A file is read again when its size or time changed, so that an edit counts at the next look.
"""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Literal, Mapping, Optional, Tuple

from ..errors import NukeAIError
from ..settings.toml_file import write_atomically
from ..utils.file_watch import mark_of
from ..words import tr
from .prompt_samples import PRESETS, PROMPTS

Kind = Literal["prompt", "preset"]
Source = Literal["own", "studio", "built-in"]

STUDIO_FOLDERS = "NUKE_AI_PANEL_PROMPTS"
PRESET_FOLDER = "presets"
LONGEST_BYTES = 256 * 1024
MOST_FILES = 1000
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_ -]{0,60}?)\s*\}\}")
_FIELD = re.compile(r"^([A-Za-z_][\w-]*)\s*:\s*(.*)$")
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class PromptFile:
    """One prompt or preset. `path` is empty for those that come with the program; only the user's own can change."""

    name: str
    kind: Kind
    source: Source
    title: str
    text: str
    description: str = ""
    provider: Optional[str] = None
    model: Optional[str] = None
    path: str = ""

    @property
    def is_read_only(self) -> bool:
        """Whether it is somebody else's: it can be used, not changed."""
        return self.source != "own"


@dataclass(frozen=True)
class Shelf:
    """What a look at the folders found; `problems` are files that could not be read, a sentence each."""

    prompts: Tuple[PromptFile, ...] = ()
    presets: Tuple[PromptFile, ...] = ()
    problems: Tuple[str, ...] = ()

    def preset_of(self, text: Optional[str]) -> Optional[PromptFile]:
        """The preset whose words these are."""
        return next((one for one in self.presets if one.text == text), None)

    def named(self, name: str, kind: Kind) -> Optional[PromptFile]:
        """A prompt or preset by its name, in any case."""
        some = self.prompts if kind == "prompt" else self.presets
        return next((one for one in some if one.name.lower() == name.lower()), None)


class PromptLibrary:
    """Reads the folders and writes the user's own. Any thread; every call may wait for a disk."""

    def __init__(self, home: Path, env: Optional[Mapping[str, str]] = None) -> None:
        self._home = home
        self._env = env
        self._lock = threading.Lock()
        self._known: Dict[Path, Tuple[object, Optional[PromptFile], str]] = {}

    def folder(self, kind: Kind) -> Path:
        """Where the user's own are."""
        return self._home / ("prompts" if kind == "prompt" else PRESET_FOLDER)

    def look(self) -> Shelf:
        """What there is now. Of two with the same name the user's own counts, then the studio's."""
        with self._lock:
            found: Dict[Tuple[Kind, str], PromptFile] = {}
            problems: List[str] = []
            for kind, source, folder in self._folders():
                for path in _files(folder, problems):
                    one, problem = self._read(path, kind, source)
                    if problem:
                        problems.append(problem)
                    if one is not None:
                        found.setdefault((kind, one.name.lower()), one)
            for kind, samples in (("prompt", PROMPTS), ("preset", PRESETS)):
                for sample in samples:
                    made = _parsed(sample.text, sample.name, kind, "built-in", "")
                    found.setdefault((kind, made.name.lower()), made)
            ordered = sorted(found.values(), key=lambda one: (one.source == "built-in", one.title.lower()))
            return Shelf(
                tuple(one for one in ordered if one.kind == "prompt"),
                tuple(one for one in ordered if one.kind == "preset"), tuple(problems),
            )

    def save(
        self, kind: Kind, title: str, text: str, *, description: str = "", provider: Optional[str] = None,
        model: Optional[str] = None, overwrite: bool = False,
    ) -> PromptFile:
        """Writes one of the user's own, named after its title. Raises NukeAIError, also when there is one."""
        title = " ".join(title.split())
        name = name_from(title)
        if not name or not text.strip():
            raise NukeAIError(
                "a prompt needs a name and words", user_text=tr("A prompt needs a name and some words."),
                next_step=tr("Give it both."),
            )
        path = self.folder(kind) / f"{name}.md"
        if not overwrite and path.exists():
            raise NukeAIError(
                f"{path} exists", user_text=tr("There is already one called “{name}”.", name=name),
                next_step=tr("Choose another name.")
            )
        fields = {"title": title, "description": " ".join(description.split())}
        if provider:
            fields["model"] = f"{provider}/{model or ''}"
        head = "".join(f"{key}: {value}\n" for key, value in fields.items() if value)
        write_atomically(path, f"---\n{head}---\n{text.strip()}\n")
        return _parsed(f"---\n{head}---\n{text.strip()}\n", name, kind, "own", str(path))

    def delete(self, one: PromptFile) -> None:
        """Removes one of the user's own. Raises NukeAIError for anybody else's."""
        if one.is_read_only:
            whose = tr("the studio") if one.source == "studio" else tr("the program")
            raise NukeAIError(
                f"{one.name} is not the user's", user_text=tr("“{title}” belongs to {whose} and cannot be deleted.",
                title=one.title, whose=whose),
                next_step=tr("Save one of your own with the same name to replace it for you."),
            )
        try:
            Path(one.path).unlink()
        except FileNotFoundError:
            pass
        except OSError as exc:
            raise NukeAIError(
                f"{one.path} cannot be deleted: {exc}",
                user_text=tr("{path} cannot be deleted: {exc}.", path=one.path, exc=exc.strerror or exc),
                next_step=tr("Check the file's permissions."),
            ) from exc

    def _folders(self) -> Iterator[Tuple[Kind, Source, Path]]:
        yield "prompt", "own", self.folder("prompt")
        yield "preset", "own", self.folder("preset")
        env = os.environ if self._env is None else self._env
        for named in env.get(STUDIO_FOLDERS, "").split(os.pathsep):
            if named.strip():
                folder = Path(os.path.expanduser(named.strip()))
                yield "prompt", "studio", folder
                yield "preset", "studio", folder / PRESET_FOLDER

    def _read(self, path: Path, kind: Kind, source: Source) -> Tuple[Optional[PromptFile], str]:
        mark = mark_of(path)
        known = self._known.get(path)
        if known is not None and known[0] == mark:
            return known[1], known[2]
        made: Optional[PromptFile] = None
        problem = ""
        try:
            with path.open("rb") as file:
                raw = file.read(LONGEST_BYTES + 1)
            if len(raw) > LONGEST_BYTES:
                problem = tr("{path} is too long for a prompt.", path=path)
            else:
                made = _parsed(raw.decode("utf-8-sig"), path.stem, kind, source, str(path))
                if not made.text:
                    made, problem = None, tr("{path} has no words.", path=path)
        except UnicodeDecodeError:
            problem = tr("{path} is not UTF-8 text.", path=path)
        except OSError as exc:
            problem = tr("{path} cannot be read: {exc}.", path=path, exc=exc.strerror or exc)
        self._known[path] = (mark, made, problem)
        return made, problem


def name_from(title: str) -> str:
    """What is typed after `/` for a prompt with that title."""
    return _NOT_IN_NAMES.sub("-", title.strip().lower()).strip("-.")[:80]


def variables_of(text: str) -> Tuple[Tuple[int, int, str], ...]:
    """(start, end, name) of every `{{variable}}`, from the top."""
    return tuple((one.start(), one.end(), one.group(1)) for one in _VARIABLE.finditer(text))


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with the variables that are known replaced; the others stay to be filled in by hand."""
    known = {_plain(name): value for name, value in values.items()}

    def fill(found: re.Match[str]) -> str:
        return known.get(_plain(found.group(1)), found.group(0))

    return _VARIABLE.sub(fill, text)


def matching(some: Tuple[PromptFile, ...], typed: str) -> Tuple[PromptFile, ...]:
    """Those that `typed` may mean: names that begin so, then words of a title that do, then what holds it."""
    wanted = typed.lower()
    ranked = []
    for number, one in enumerate(some):
        words = re.split(r"[\W_]+", f"{one.name} {one.title}".lower())
        if one.name.lower().startswith(wanted):
            rank = 0
        elif any(word.startswith(wanted) for word in words):
            rank = 1
        elif wanted in f"{one.name} {one.title} {one.description}".lower():
            rank = 2
        else:
            continue
        ranked.append((rank, number, one))
    return tuple(one for _, _, one in sorted(ranked, key=lambda each: each[:2]))


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def _files(folder: Path, problems: List[str]) -> List[Path]:
    try:
        found = sorted(one for one in folder.iterdir() if one.suffix.lower() == ".md" and not one.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        problems.append(tr("{folder} cannot be read: {exc}.", folder=folder, exc=exc.strerror or exc))
        return []
    return [one for one in found[:MOST_FILES] if one.is_file()]


def _parsed(text: str, name: str, kind: Kind, source: Source, path: str) -> PromptFile:
    fields, body = _front_matter(text.replace("\r\n", "\n").replace("\r", "\n"))
    provider, _, model = fields.get("model", "").partition("/")
    return PromptFile(
        name, kind, source, fields.get("title") or name, body.strip(), fields.get("description", ""),
        provider.strip() or None, model.strip() or None, path,
    )


def _front_matter(text: str) -> Tuple[Dict[str, str], str]:
    """The fields between two lines of `---` at the top, and the rest; without the second line all of it is text."""
    lines = text.split("\n")
    if lines[0].strip() != "---":
        return {}, text
    for number, line in enumerate(lines[1:], 1):
        if line.strip() == "---":
            fields = {}
            for each in lines[1:number]:
                found = _FIELD.match(each.strip())
                if found is not None:
                    fields[found.group(1).lower()] = found.group(2).strip().strip("\"'")
            return fields, "\n".join(lines[number + 1:])
    return {}, text

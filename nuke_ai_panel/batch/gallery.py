"""The prompt files that there are to choose from: six that come with the program, the studio's, the user's own.

A prompt file is a template with a head, see `front_matter`; the head's `title`, `description` and `sample` are for
whoever chooses. The studio's lie in the folder `batch` below each of its prompt folders, the user's own in
`prompts/batch` below the folder of user data. Any thread; reading may wait for a disk.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, Iterator, List, Literal, Mapping, Optional, Tuple

from ..core.prompt_files import STUDIO_FOLDERS
from ..errors import NukeAIError
from ..words import tr
from .errors import InvalidBatchError
from .front_matter import split
from .templates import read_template

Source = Literal["own", "studio", "gallery", "file"]
RowKind = Literal["glob", "nk", "input"]

GALLERY = Path(__file__).resolve().parent / "prompts"
FOLDER = "batch"
SUFFIXES = (".j2", ".jinja", ".jinja2", ".md", ".txt")
MOST_FILES = 500


@dataclass(frozen=True)
class Sample:
    """Rows to try a prompt on: `path` is a pattern, a script or a table; `nodes` says which of a script's."""

    kind: RowKind
    path: str
    nodes: str = ""


@dataclass(frozen=True)
class BatchPrompt:
    """One prompt file. `problem` says why it cannot be used, `next_step` what to do; both are empty for most.

    `provider` and `model` are those that its head names, `images` the columns that name pictures.
    """

    path: str
    title: str
    description: str = ""
    source: Source = "file"
    sample: Optional[Sample] = None
    problem: str = ""
    next_step: str = ""
    provider: str = ""
    model: str = ""
    images: Tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return Path(self.path).stem


def batch_prompts(home: Path, env: Optional[Mapping[str, str]] = None) -> Tuple[BatchPrompt, ...]:
    """All of them. Of two with one name the user's own counts, then the studio's."""
    found: Dict[str, BatchPrompt] = {}
    for source, folder in _folders(home, os.environ if env is None else env):
        for path in _files(folder):
            one = read_prompt(path, source)
            found.setdefault(one.name.lower(), one)
    return tuple(found.values())


def unread_prompt(path: Path, source: Source = "file") -> BatchPrompt:
    """A file of which only the name is known."""
    return BatchPrompt(str(path), path.stem.replace("-", " ").replace("_", " ").capitalize(), source=source)


def read_prompt(path: Path, source: Source = "file") -> BatchPrompt:
    """What a file says of itself; one that cannot be read says why."""
    unread = unread_prompt(path, source)
    try:
        whole = read_template(path)
    except NukeAIError as error:
        return replace(unread, problem=_sentence(error.user_text), next_step=error.next_step)
    try:
        head, text = split(whole, path)
    except NukeAIError as error:
        return replace(unread, problem=_sentence(error.user_text), next_step=tr("Mend the head of the prompt file."))
    is_empty = not text.strip()
    images = head.get("images") or ()
    return replace(
        unread, title=str(head.get("title") or unread.title), description=str(head.get("description") or ""),
        sample=_sample(str(head.get("sample") or ""), path.parent),
        problem=tr("The file has no words below its head.") if is_empty else "",
        next_step=tr("Write the prompt below the head.") if is_empty else "",
        provider=str(head.get("provider") or ""), model=str(head.get("model") or ""),
        images=tuple(map(str, images)) if isinstance(images, list) else (str(images),) if images else (),
    )


def gallery_prompts() -> Tuple[BatchPrompt, ...]:
    """Those that come with the program."""
    return tuple(read_prompt(path, "gallery") for path in _files(GALLERY))


def copy_gallery(target: Path) -> Tuple[Path, ...]:
    """Copies prompt files and samples into a folder, to run and to change; the prompt files there.

    Raises InvalidBatchError when something of that name is there already, or the disk does not take it.
    """
    target = target.expanduser()
    there = [one.name for one in GALLERY.iterdir() if (target / one.name).exists()]
    if there:
        raise InvalidBatchError(
            tr("{target} holds {names} already.", target=target, names=', '.join(sorted(there))),
            next_step=tr("Choose an empty folder. Nothing was copied."),
        )
    try:
        shutil.copytree(GALLERY, target, dirs_exist_ok=True)
    except OSError as exc:
        raise InvalidBatchError(
            tr("The gallery cannot be copied to {target}: {reason}.", target=target, reason=exc),
            next_step=tr("Choose another folder."),
        ) from exc
    return tuple(_files(target))


def _folders(home: Path, env: Mapping[str, str]) -> Iterator[Tuple[Source, Path]]:
    yield "own", home / "prompts" / FOLDER
    for named in env.get(STUDIO_FOLDERS, "").split(os.pathsep):
        if named.strip():
            yield "studio", Path(os.path.expanduser(named.strip())) / FOLDER
    yield "gallery", GALLERY


def _files(folder: Path) -> List[Path]:
    try:
        found = [one for one in folder.iterdir() if one.suffix.lower() in SUFFIXES and one.is_file()]
    except OSError:  # most have no such folder
        return []
    return sorted(found)[:MOST_FILES]


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text[-1:] in ".!?…" else f"{text}."


def _sample(text: str, folder: Path) -> Optional[Sample]:
    kind, _, rest = text.partition(" ")
    if kind not in ("glob", "nk", "input") or not rest.strip():
        return None
    path, _, nodes = rest.strip().partition(" ") if kind == "nk" else (rest.strip(), "", "")
    return Sample(kind, str(folder / path), nodes.strip())  # type: ignore[arg-type]  # compared above

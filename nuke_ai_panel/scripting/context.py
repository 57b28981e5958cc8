"""What a script lets a question take along: nodes, a script, a file, text. Any thread.

The open script is read by a source that the host offers (see `utils.host_offers`); this library never imports a host.
Nodes are read on the main thread and become text there and then: nothing here holds a node.
"""

from __future__ import annotations

import base64
import os
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, List, Protocol, Sequence, Tuple, Union

from ..core.media_files import media_type_of
from ..errors import HostError
from ..messages import Attachment
from ..nk import Digest, NkSyntaxError, digest, parse_bytes
from ..store.ids import new_id
from ..utils.host_offers import SCENE, offered
from ..utils.main_thread import the_main_thread
from ..words import tr

TEXT_LIMIT_BYTES = 1 << 20
MEDIA_LIMIT_BYTES = 20 << 20
SCRIPT_LIMIT_BYTES = 64 << 20
READ_S = 10.0


@dataclass(frozen=True)
class Context:
    """Text that goes along with a question; `str(context)` is exactly what the model will read.

    `tokens` is an estimate of its length; `left_out` says in plain words what did not fit.
    """

    text: str
    name: str = "context"
    kind: str = "text"
    tokens: int = 0
    left_out: Tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text

    def __add__(self, other: Given) -> List[Piece]:
        return [self, *_pieces(other)]


Piece = Union[str, Context, Attachment, "os.PathLike[str]"]
Given = Union[None, Piece, Sequence[Piece]]


class SceneSource(Protocol):
    """Reads the script that is open in a host. Main thread only."""

    def nodes(self, names: Tuple[str, ...], limit_tokens: int) -> Context:
        """The named nodes, or the selected ones. Raises HostError."""
        ...

    def script(self, limit_tokens: int) -> Context:
        """A digest of the whole script."""
        ...


def nodes_of_host(names: Iterable[object], limit_tokens: int) -> Context:
    """See `nuke_ai_panel.nodes`."""
    wanted: List[str] = []
    for one in names:
        name = one if isinstance(one, str) else getattr(one, "fullName", lambda: None)()
        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"nodes are named by text such as 'Blur1', not by {type(one).__name__}")
        wanted.append(name)
    check_limit(limit_tokens)
    source = _source("Name a .nk file instead: script('/path/to/shot.nk').")
    return _on_main_thread(lambda: source.nodes(tuple(wanted), limit_tokens))


def script_of_host(limit_tokens: int) -> Context:
    """See `nuke_ai_panel.script`."""
    check_limit(limit_tokens)
    source = _source("Name a .nk file: script('/path/to/shot.nk').")
    return _on_main_thread(lambda: source.script(limit_tokens))


def script_file(path: Union[str, os.PathLike[str]], limit_tokens: int) -> Context:
    """See `nuke_ai_panel.script`."""
    check_limit(limit_tokens)
    raw = _read(Path(path), SCRIPT_LIMIT_BYTES)
    try:
        found = digest(parse_bytes(raw), limit_tokens)
    except NkSyntaxError as error:
        raise HostError(
            f"{os.fspath(path)} is no readable script: {error}",
            user_text=tr("{name} is no readable script.", name=Path(path).name),
            next_step=tr("Nuke's own reader may say more: {error}", error=error),
        ) from error
    return of_digest(found, Path(path).name, "script")


def of_digest(found: Digest, name: str, kind: str) -> Context:
    """A digest as a context."""
    return Context(found.text, name, kind, found.tokens, found.left_out)


def attachments_of(given: Given) -> Tuple[Attachment, ...]:
    """What was given as context, as attachments. Raises HostError for a file, TypeError for what cannot be meant."""
    return tuple(_attachment(one) for one in _pieces(given))


def check_limit(limit_tokens: object) -> None:
    """Raises ValueError unless it is a number of tokens."""
    if isinstance(limit_tokens, bool) or not isinstance(limit_tokens, int) or limit_tokens < 1:
        raise ValueError(f"limit_tokens must be a number of tokens of at least 1, not {limit_tokens!r}")


def _pieces(given: Given) -> List[Piece]:
    if given is None:
        return []
    if isinstance(given, (str, Attachment, os.PathLike)) or _is_context(given):
        return [given]  # type: ignore[list-item]  # what _is_context found
    if isinstance(given, (list, tuple)):
        return [piece for one in given for piece in _pieces(one)]
    hint = "; nodes are given as nodes('Blur1')" if hasattr(given, "fullName") else ""
    raise TypeError(f"context must be text, nodes(), script(), a pathlib.Path, or a list of those, not "
                    f"{type(given).__name__}{hint}")


def _is_context(given: object) -> bool:
    # By its parts, not by its class: one that was made before a reload is as good.
    return all(hasattr(given, name) for name in ("text", "name", "kind", "left_out"))


def _attachment(piece: Piece) -> Attachment:
    if isinstance(piece, str):
        return Attachment(new_id(), "text", "context", text=piece)
    if isinstance(piece, os.PathLike):
        return _file(Path(piece))
    if isinstance(piece, Attachment) or hasattr(piece, "media_type"):
        return piece  # type: ignore[return-value]  # an Attachment of before a reload
    return Attachment(new_id(), piece.kind, piece.name, text=piece.text)  # type: ignore[arg-type]  # one of its kinds


def _file(path: Path) -> Attachment:
    if path.suffix in (".nk", ".gizmo"):
        return _attachment(script_file(path, 8000))
    raw = _read(path, MEDIA_LIMIT_BYTES)
    media_type = media_type_of(raw)
    if media_type is not None:
        kind = "image" if media_type.startswith("image/") else "file"
        return Attachment(
            new_id(), kind, path.name, media_type=media_type,  # type: ignore[arg-type]  # two literals
            data_base64=base64.b64encode(raw).decode("ascii"),
        )
    if len(raw) > TEXT_LIMIT_BYTES:
        raise HostError(
            f"{path} is larger than {TEXT_LIMIT_BYTES >> 20} MB", user_text=tr("{name} is too long.", name=path.name),
            next_step=tr("Give the part that matters."),
        )
    try:
        return Attachment(new_id(), "file", path.name, text=raw.decode("utf-8-sig"))
    except UnicodeDecodeError as exc:
        raise HostError(
            f"{path} is not text", user_text=tr("{name} is not a text file.", name=path.name),
            next_step=tr("Only UTF-8 text, .nk, PNG, JPEG, GIF, WebP and PDF can go along."),
        ) from exc


def _read(path: Path, limit_bytes: int) -> bytes:
    try:
        with open(path, "rb") as file:
            raw = file.read(limit_bytes + 1)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or "not a usable path"
        raise HostError(
            f"{path} cannot be read: {reason}",
            user_text=tr("{path} cannot be read: {reason}.", path=path, reason=reason),
            next_step=tr("Check the path."),
        ) from exc
    if len(raw) > limit_bytes:
        raise HostError(
            f"{path} is larger than {limit_bytes >> 20} MB", user_text=tr("{name} is too large.", name=path.name),
            next_step=tr("Give the part that matters."),
        )
    return raw


def _source(next_step: str) -> SceneSource:
    found: Union[SceneSource, None] = offered(SCENE)
    if found is None:
        raise HostError(
            "not inside Nuke", user_text=tr("There is no open script: this is not Nuke."), next_step=next_step
        )
    return found


def _on_main_thread(read: Callable[[], Context]) -> Context:
    main = the_main_thread()
    if main.is_current():
        return read()
    reading: Future[Context] = main.submit(read)
    try:
        return reading.result(READ_S)
    except FutureTimeoutError as exc:
        if reading.done():  # the host's own, not ours
            raise
        raise HostError(
            f"the main thread did nothing for {READ_S:g} s", user_text=tr("Nuke is busy, so its nodes cannot be read."),
            next_step=tr("Call nodes() and script() on the main thread, before the thread is started."),
        ) from exc
    finally:
        reading.cancel()

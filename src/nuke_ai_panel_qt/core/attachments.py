"""Makes attachments: from pasted text at once, from files on a thread of their own, because a share may be slow.

Text, pictures and PDF files; whether a model can read the latter two is the provider's to say.
"""

from __future__ import annotations

import base64
import os
from concurrent.futures import Future
from pathlib import Path

from nuke_ai_panel.core.media_files import START_BYTES, media_type_of
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.messages import Attachment, clean_text
from nuke_ai_panel.providers.threads import in_daemon_thread
from nuke_ai_panel.store import new_id
from nuke_ai_panel.utils.event_loop_manager import create_task
from nuke_ai_panel.words import tr

from .pictures import picture

MAX_FILE_BYTES = 2_000_000
MAX_MEDIA_BYTES = 20_000_000


def pasted(text: str, count: int) -> Attachment:
    """A long paste as an attachment; `count` tells several apart."""
    name = "paste.txt" if count == 0 else f"paste {count + 1}.txt"
    return Attachment(new_id(), "paste", name, text=clean_text(text))


def read_file(path: str) -> Future[Attachment]:
    """The file as an attachment. The future raises NukeAIError with a sentence for the artist."""
    return create_task(in_daemon_thread(lambda: _readable(Path(path))))


def _readable(path: Path) -> Attachment:
    try:
        return _attachment(path)
    except OSError as error:
        raise NukeAIError(tr("{name} could not be read: {error}", name=path.name, error=error.strerror
            or error)) from error


def _attachment(path: Path) -> Attachment:
    if not path.is_file():
        raise NukeAIError(tr("{name} is not a file that can be attached.", name=path.name))
    size = os.path.getsize(path)
    with path.open("rb") as file:
        media_type = media_type_of(file.read(START_BYTES))
    limit = MAX_FILE_BYTES if media_type is None else MAX_MEDIA_BYTES
    if size > limit:
        raise NukeAIError(
            tr("{name} is too large to attach ({size:.1f} MB; the limit is {limit:.0f} MB).", name=path.name,
            size=size / 1e6, limit=limit / 1e6)
        )
    data = path.read_bytes()
    if media_type is not None and media_type.startswith("image/"):
        try:
            return picture(data, path.name, media_type)
        except NukeAIError:  # what this Qt cannot read goes as it is
            pass
    if media_type is not None:
        return Attachment(
            new_id(), "image" if media_type.startswith("image/") else "file", path.name, media_type=media_type,
            data_base64=base64.b64encode(data).decode("ascii"),
        )
    if b"\0" in data[:4096]:
        raise NukeAIError(tr("{name} cannot be attached: only text, PNG, JPEG, GIF, WebP and PDF can.", name=path.name))
    text = data.decode("utf-8", "replace").lstrip("\ufeff").replace("\r\n", "\n")
    kind = "script" if path.suffix.lower() == ".nk" else "file"
    return Attachment(new_id(), kind, path.name, text=text)  # type: ignore[arg-type]  # one of two literals

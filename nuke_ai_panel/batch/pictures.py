"""Pictures that rows and requests hold, as files or as data: URLs. Blocking; any thread."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from pathlib import Path
from typing import List, Mapping

from ..core.media_files import START_BYTES, media_type_of
from ..messages import Attachment, Json
from ..words import tr
from .templates import RenderError, Roots, RowError

_LARGEST_BYTES = 20 << 20
_DATA_URL = re.compile(r"data:(image/[\w.+-]+);base64,(.+)\Z", re.S)


def pictures_of(data: Mapping[str, Json], column: str, roots: Roots, folder: str) -> List[Attachment]:
    """The pictures that a column of a row names, at least one. Raises RowError and RenderError."""
    if column not in data:
        raise RowError(
            tr("the row has no column {column} for its picture", column=column), next_step=tr("Mend the row.")
        )
    value = data[column]
    named = value if isinstance(value, list) else [value]
    if not named or any(one is None or not str(one).strip() for one in named):
        raise RowError(tr("the column {column} names no picture", column=column), next_step=tr("Mend the row."))
    return [_read(str(one), roots, folder) for one in named]


def picture_of_url(url: str) -> Attachment:
    """The picture that a data: URL holds. Raises RowError."""
    found = _DATA_URL.match(url)
    if found is None:
        raise RowError(
            tr("a picture is not a data: URL of a picture in base64, and nothing is fetched"),
            next_step=tr("Put the picture itself into the row."),
        )
    data = "".join(found.group(2).split())
    try:
        raw = base64.b64decode(data, validate=True)
    except binascii.Error as exc:
        raise RowError(
            tr("a picture is broken: its base64 cannot be read"), next_step=tr("Mend the row.")
        ) from exc
    if len(raw) > _LARGEST_BYTES:
        raise RowError(
            tr("a picture is larger than {most} MB", most=_LARGEST_BYTES >> 20), next_step=tr("Make it smaller.")
        )
    return _picture("picture", found.group(1), data)


def _read(value: str, roots: Roots, folder: str) -> Attachment:
    if value.startswith("data:"):
        return picture_of_url(value)
    raw = roots.read(value, folder, _LARGEST_BYTES)
    kind = media_type_of(raw[:START_BYTES])
    if kind is None or not kind.startswith("image/"):
        raise RenderError(
            tr("{path} is not a PNG, JPEG, GIF or WebP picture", path=value), next_step=tr("Choose a picture.")
        )
    return _picture(Path(value).name, kind, base64.b64encode(raw).decode("ascii"))


def _picture(name: str, kind: str, data: str) -> Attachment:
    return Attachment(hashlib.sha256(data.encode()).hexdigest()[:32], "image", name, "", kind, data)

"""Pictures for a question: made small enough for a model, with their size said. Any thread.

QImage needs no window and may be used anywhere; nothing is loaded but what is given.
"""

from __future__ import annotations

import base64
from typing import Tuple

from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.messages import Attachment
from nuke_ai_panel.store import new_id
from nuke_ai_panel.words import tr

from ..qt import QtCore, QtGui

# What vendors look at: more is thrown away there after it was paid for.
LONGEST_SIDE = 1568
SMALL_BYTES = 1_000_000


def picture(data: bytes, name: str, media_type: str = "image/png", origin: str = "") -> Attachment:
    """Bytes of a picture as an attachment, scaled down where it is larger than a model looks at.

    A GIF stays as it is, since it may move. Raises NukeAIError when it cannot be read.
    """
    image = QtGui.QImage.fromData(QtCore.QByteArray(data))
    if image.isNull():
        raise NukeAIError(tr("{name} cannot be read as a picture.", name=name))
    size = (image.width(), image.height())
    if media_type != "image/gif" and (max(size) > LONGEST_SIDE or len(data) > SMALL_BYTES):
        data, media_type, size = _smaller(image)
    return Attachment(
        new_id(), "image", f"{name} · {size[0]}×{size[1]} · {_size(len(data))}", media_type=media_type,
        data_base64=base64.b64encode(data).decode("ascii"), origin=origin,
    )


def picture_of(image: QtGui.QImage, name: str) -> Attachment:
    """A picture from the clipboard."""
    return picture(_bytes(image, "PNG"), name)


def _smaller(image: QtGui.QImage) -> Tuple[bytes, str, Tuple[int, int]]:
    if max(image.width(), image.height()) > LONGEST_SIDE:
        image = image.scaled(
            LONGEST_SIDE, LONGEST_SIDE, QtCore.Qt.AspectRatioMode.KeepAspectRatio,
            QtCore.Qt.TransformationMode.SmoothTransformation,
        )
    kind = "PNG" if image.hasAlphaChannel() else "JPG"
    data = _bytes(image, kind)
    return data, "image/png" if kind == "PNG" else "image/jpeg", (image.width(), image.height())


def _bytes(image: QtGui.QImage, kind: str) -> bytes:
    buffer = QtCore.QBuffer()
    buffer.open(QtCore.QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, kind, 90)  # type: ignore[call-overload]  # both bindings take text
    return bytes(buffer.data().data())


def _size(count: int) -> str:
    return tr("{count:.1f} MB", count=count / 1e6) if count >= 1e6 else tr("{count} KB", count=max(1, count // 1000))

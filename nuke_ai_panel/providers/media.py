"""What an attachment that is no text holds: its type by its first bytes, and its base64 without a data URL. Pure.

Vendors refuse a picture whose type is named wrong, and people paste pictures of any type under any name; the first
bytes know better.
"""

from __future__ import annotations

from typing import Dict, NamedTuple

from ..messages import Attachment

PDF = "application/pdf"
_STARTS: Dict[str, str] = {
    "iVBORw0KGgo": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "JVBERi0": PDF,
}
_RIFF, _WEBP = "UklGR", "RUJQ"  # a RIFF file is a picture where bytes 9 to 11 are EBP


class Media(NamedTuple):
    """Bytes as vendors take them: a media type and plain base64."""

    type: str
    base64: str

    @property
    def data_url(self) -> str:
        """The same as a `data:` URL."""
        return f"data:{self.type};base64,{self.base64}"

    @property
    def is_image(self) -> bool:
        """True for pictures."""
        return self.type.startswith("image/")


def media_of(attachment: Attachment) -> Media:
    """The media in `attachment`, which has `data_base64`."""
    data, said = (attachment.data_base64 or "").strip(), attachment.media_type.lower()
    if data.startswith("data:"):
        head, _, data = data.partition(",")
        said = head[len("data:"):].partition(";")[0].lower() or said
    found = next((kind for start, kind in _STARTS.items() if data.startswith(start)), said)
    if data.startswith(_RIFF) and data[12:16] == _WEBP:
        found = "image/webp"
    return Media("image/jpeg" if found == "image/jpg" else found, data)

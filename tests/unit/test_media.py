"""What an attachment holds is told by its first bytes, not by its name."""

from __future__ import annotations

import base64

import pytest

from nuke_ai_panel.messages import Attachment
from nuke_ai_panel.providers.media import Media, media_of


@pytest.mark.parametrize(("data", "said", "found"), [
    (b"\x89PNG\r\n\x1a\n....", "image/jpeg", "image/png"), (b"\xff\xd8\xff\xe0....", "image/png", "image/jpeg"),
    (b"GIF89a....", "image/png", "image/gif"), (b"RIFF\x01\x02\x03\x04WEBPVP8 ", "image/png", "image/webp"),
    (b"RIFF\x01\x02\x03\x04WAVEfmt ", "audio/wav", "audio/wav"), (b"%PDF-1.7....", "text/plain", "application/pdf"),
    (b"II*\x00....", "image/tiff", "image/tiff"), (b"....", "IMAGE/JPG", "image/jpeg"),
])
def test_first_bytes_say_the_type(data: bytes, said: str, found: str) -> None:
    plain = base64.b64encode(data).decode()

    assert media_of(Attachment("a", "image", "a", media_type=said, data_base64=plain)) == Media(found, plain)


def test_data_url_is_taken_apart_and_put_together() -> None:
    media = media_of(Attachment("a", "image", "a", data_base64="data:image/x-dpx;base64,AAAA"))

    assert media == Media("image/x-dpx", "AAAA")
    assert (media.data_url, media.is_image) == ("data:image/x-dpx;base64,AAAA", True)

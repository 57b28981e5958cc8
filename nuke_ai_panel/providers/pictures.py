"""What of a message is not text: its images and its PDF files, told apart by what they hold. Pure."""

from __future__ import annotations

from typing import Tuple

from ..errors import ProviderError, provider_error
from ..messages import Attachment, Message
from ..words import tr
from .media import PDF, media_of


def images_of(message: Message) -> Tuple[Attachment, ...]:
    """The pictures of a message."""
    return tuple(one for one in message.attachments if one.data_base64 and media_of(one).type != PDF)


def pdfs_of(message: Message) -> Tuple[Attachment, ...]:
    """The PDF files of a message."""
    return tuple(one for one in message.attachments if one.data_base64 and media_of(one).type == PDF)


def bare_base64(attachment: Attachment) -> str:
    """The data without the head of a data URL."""
    return media_of(attachment).base64


def pdf_refused(attachment: Attachment, *, provider: str, model: str) -> ProviderError:
    """The error for a PDF file that this server cannot read: leaving it out would fake an answer."""
    return provider_error(
        "unsupported_feature", f"{provider} takes no PDF files", provider=provider, model=model,
        user_text=tr("{provider} cannot read PDF files, so {name} was not sent.", provider=provider,
        name=attachment.name),
        next_step=tr("Take the file out, attach its text, or choose a model that reads PDF."),
    )

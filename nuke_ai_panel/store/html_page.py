"""A conversation as one HTML page to send to somebody: no script, nothing loaded from anywhere. Pure.

What a model wrote is untrusted: raw HTML is shown as text, images are never fetched, and links lead only to the web or
to a mail address, when clicked. The page's own policy forbids everything else even if this module were wrong.
"""

from __future__ import annotations

import html
import re
from typing import Sequence

try:
    from markdown_it import MarkdownIt
except ModuleNotFoundError:  # a farm's Python may come without: then an answer is shown as it was written
    MarkdownIt = None  # type: ignore[assignment,misc]  # asked for where it is used

from ..messages import Attachment, Conversation, Message
from ..utils.fences import closed
from .exporting import heading

_LINKS = re.compile(r"(https?|mailto):", re.IGNORECASE)
_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
header p, .facts { opacity: .65; font-size: .85rem; }
article { margin: 1.5rem 0; } article.user { border-left: 3px solid; padding-left: 1rem; }
h2.facts { font-weight: 600; margin: 0 0 .25rem; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid; border-radius: .4rem; }
code { font: .88em ui-monospace, monospace; }
table { border-collapse: collapse; } td, th { border: 1px solid; padding: .25rem .5rem; }
blockquote { border-left: 2px solid; margin-left: 0; padding-left: 1rem; } img { max-width: 100%; }
.error { font-style: italic; } [dir=auto] { unicode-bidi: plaintext; overflow-wrap: anywhere; }
"""


def page(conversation: Conversation, messages: Sequence[Message], *, reasoning: bool) -> str:
    """The whole page."""
    title = html.escape(" ".join(conversation.title.split()) or "Conversation")
    facts = " · ".join(html.escape(one) for one in (conversation.provider, conversation.model) if one)
    body = "\n".join(_article(one, reasoning=reasoning) for one in messages)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="referrer" content="no-referrer">\n<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<header><h1 dir=\"auto\">{title}</h1><p>{facts}</p></header>\n"
        f"<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _article(message: Message, *, reasoning: bool) -> str:
    parts = [f'<h2 class="facts">{html.escape(heading(message))}</h2>']
    if reasoning and message.reasoning:
        parts.append(f"<details><summary>Reasoning</summary><pre>{_escaped(message.reasoning)}</pre></details>")
    if message.role == "assistant":
        parts.append(f'<div dir="auto">{_rendered(message.text)}</div>')
    elif message.text:
        parts.append(f'<div dir="auto" style="white-space: pre-wrap">{_escaped(message.text)}</div>')
    parts += [_attachment(one) for one in message.attachments]
    if message.error is not None:
        parts.append(f'<p class="error">{_escaped(message.error.user_text or message.error.kind)}</p>')
    return f'<article class="{html.escape(message.role)}">\n' + "\n".join(parts) + "\n</article>"


def _attachment(one: Attachment) -> str:
    name = _escaped(" ".join(one.name.split()))
    if one.data_base64 and one.media_type in _IMAGES and _BASE64.fullmatch(one.data_base64):
        return f'<figure><img alt="{name}" src="data:{one.media_type};base64,{one.data_base64}"></figure>'
    return f"<details><summary>Attached: {name}</summary><pre>{_escaped(one.text)}</pre></details>"


def _rendered(text: str) -> str:
    if MarkdownIt is None:
        return f'<div style="white-space: pre-wrap">{_escaped(text)}</div>'
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    markdown.validateLink = lambda url: _LINKS.match(url) is not None  # type: ignore[method-assign]  # its own hook
    rendered = str(markdown.render(closed(_visible(text))))
    return rendered.replace("<a href=", '<a rel="noopener noreferrer" href=')


def _escaped(text: str) -> str:
    return html.escape(_visible(text))


def _visible(text: str) -> str:
    """Without characters that HTML has no place for, or that turn text around unseen."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]", "\ufffd", text)

"""The workspace that a script carries: `define_window_layout_xml`. Pure; no entity of the XML is ever expanded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Tuple
from xml.parsers import expat

from .errors import NkSyntaxError
from .model import Command, Script
from .quoting import decode

COMMAND = "define_window_layout_xml"
_DECLARES = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


@dataclass(frozen=True)
class Page:
    """One tab of a workspace; `id` is what restorePanel is asked for."""

    id: str
    dock_id: str = ""
    active: bool = False


def layout_xml(script: Script) -> str:
    """The script's workspace as XML, empty if it carries none."""
    for item in script.items:
        if isinstance(item, Command) and item.name == COMMAND and len(item.words) == 2:
            return decode(item.words[1])
    return ""


def pages(xml: str) -> Tuple[Page, ...]:
    """The tabs in a workspace's XML, in order; raises NkSyntaxError where it is no XML or declares entities."""
    if _DECLARES.search(xml):
        raise NkSyntaxError("a layout must not declare entities", 1, 1)
    found: List[Page] = []
    docks: List[Tuple[str, str]] = []

    def begin(tag: str, attributes: dict[str, str]) -> None:
        if tag == "dock":
            docks.append((attributes.get("id", ""), attributes.get("activePageId", "")))
        elif tag == "page":
            dock, active = docks[-1] if docks else ("", "")
            page = attributes.get("id", "")
            found.append(Page(page, dock, page == active))

    def finish(tag: str) -> None:
        if tag == "dock" and docks:
            docks.pop()

    reader = expat.ParserCreate()
    reader.StartElementHandler = begin
    reader.EndElementHandler = finish
    try:
        reader.Parse(xml.strip().encode("utf-8", "replace"), True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        line = getattr(error, "lineno", 1)
        raise NkSyntaxError(f"the layout is no XML: {error}", line, getattr(error, "offset", 0) + 1) from error
    return tuple(found)

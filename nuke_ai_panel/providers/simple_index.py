"""Reads a page of a Python package index (the simple API, PEP 503 and 691) and finds one file in it. Pure."""

from __future__ import annotations

import html.parser
import json
from typing import Dict, List, Optional, Tuple
from urllib.parse import unquote, urljoin, urlsplit

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


def project_url(index_url: str, project: str) -> str:
    """The page of `project`; the slash at its end spares the index a redirect."""
    return f"{index_url.rstrip('/')}/{project}/"


def file_url(page: bytes, content_type: str, *, page_url: str, file_name: str) -> Optional[str]:
    """Where the page says `file_name` is, without its fragment; None if it is not listed. ValueError for no page."""
    links = _json_links(page) if content_type.endswith("json") else _html_links(page)
    url = links.get(file_name)
    return urljoin(page_url, url).partition("#")[0] if url is not None else None


def _json_links(page: bytes) -> Dict[str, str]:
    try:
        return {entry["filename"]: entry["url"] for entry in json.loads(page)["files"]}
    except (KeyError, TypeError, ValueError) as exc:
        raise ValueError("not a page of a package index") from exc


def _html_links(page: bytes) -> Dict[str, str]:
    anchors = _Anchors()
    anchors.feed(page.decode("utf-8", "replace"))
    links = [urljoin(anchors.base, href) if anchors.base else href for href in anchors.hrefs]
    return {unquote(urlsplit(link).path).rpartition("/")[2]: link for link in links}


class _Anchors(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: List[str] = []
        self.base: Optional[str] = None

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        href = dict(attrs).get("href")
        if href and tag == "a":
            self.hrefs.append(href)
        elif href and tag == "base":
            self.base = href

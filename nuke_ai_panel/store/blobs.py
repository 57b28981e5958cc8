"""Attachments in the file: each content once, named by its SHA-256, however many messages carry it. Store thread.

A column holds `[{"id", "kind", "name", "media_type", "text_blob" or "data_blob"}]`; older rows hold the content itself.
An image's base64 is kept as the bytes it stands for where that is exact, else as its text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import sqlite3
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ..messages import Attachment, Json, clean_text

LOST_TEXT = "[The content of this attachment could not be read from the chat history.]"
_CHUNK = 200

Blobs = Mapping[str, bytes]


def keep(connection: sqlite3.Connection, owner: str, attachments: Iterable[Attachment]) -> Optional[str]:
    """Stores the contents under their hashes and answers with the column's text; None for no attachments.

    `owner` is a message's id, or `draft:` and a conversation's.
    """
    items = []
    for one in attachments:
        item: Dict[str, Json] = {
            "id": one.id, "kind": one.kind, "name": clean_text(one.name), "media_type": clean_text(one.media_type),
        }
        if one.origin:
            item["origin"] = clean_text(one.origin)
        if one.text:
            item["text_blob"] = _put(connection, owner, clean_text(one.text).encode("utf-8"))
        if one.data_base64 is not None:
            raw = _exact_bytes(one.data_base64)
            name, data = ("data_blob", raw) if raw is not None else ("data_text_blob", _utf8(one.data_base64))
            item[name] = _put(connection, owner, data)
        items.append(item)
    return json.dumps(items, ensure_ascii=False, separators=(",", ":")) if items else None


def release(connection: sqlite3.Connection, owner: str) -> None:
    """Forgets what `owner` carried; contents that nobody carries any more go with `sweep`."""
    connection.execute("DELETE FROM blob_uses WHERE owner = ?", (owner,))


def sweep(connection: sqlite3.Connection) -> int:
    """Removes contents that nobody carries; how many."""
    return connection.execute("DELETE FROM blobs WHERE hash NOT IN (SELECT hash FROM blob_uses)").rowcount


def load(connection: sqlite3.Connection, columns: Iterable[Optional[str]]) -> Dict[str, bytes]:
    """The contents that these columns name; one that cannot be read is absent."""
    hashes = list(dict.fromkeys(name for column in columns if column for name in _hashes(column)))
    found: Dict[str, bytes] = {}
    for start in range(0, len(hashes), _CHUNK):
        chunk = hashes[start : start + _CHUNK]
        try:
            found.update(_fetch(connection, chunk))
        except sqlite3.DatabaseError as exc:
            if isinstance(exc, sqlite3.OperationalError):
                raise
            for one in chunk:
                try:
                    found.update(_fetch(connection, [one]))
                except sqlite3.DatabaseError:
                    continue  # shown as lost
    return found


def attachments_from(column: Optional[str], blobs: Blobs) -> Tuple[Attachment, ...]:
    """The attachments in a column. Raises ValueError, TypeError, KeyError."""
    if column is None:
        return ()
    items = json.loads(column)
    if not isinstance(items, list):
        raise ValueError("not a list")
    return tuple(_attachment(item, blobs) for item in items)


def _attachment(item: Mapping[str, Json], blobs: Blobs) -> Attachment:
    names = ("id", "kind", "name", "media_type", "text", "data_base64", "origin")
    known = {name: item[name] for name in names if name in item}
    try:
        if "text_blob" in item:
            known["text"] = blobs[item["text_blob"]].decode("utf-8", "replace")
        if "data_blob" in item:
            known["data_base64"] = base64.b64encode(blobs[item["data_blob"]]).decode("ascii")
        if "data_text_blob" in item:
            known["data_base64"] = blobs[item["data_text_blob"]].decode("utf-8", "replace")
    except KeyError:
        known["text"] = LOST_TEXT
    return Attachment(**known)


def _put(connection: sqlite3.Connection, owner: str, data: bytes) -> str:
    name = hashlib.sha256(data).hexdigest()
    connection.execute("INSERT OR IGNORE INTO blobs (hash, data) VALUES (?, ?)", (name, data))
    connection.execute("INSERT OR IGNORE INTO blob_uses (owner, hash) VALUES (?, ?)", (owner, name))
    return name


def _fetch(connection: sqlite3.Connection, hashes: Sequence[str]) -> List[Tuple[str, bytes]]:
    marks = ", ".join("?" * len(hashes))
    return connection.execute(f"SELECT hash, data FROM blobs WHERE hash IN ({marks})", hashes).fetchall()


def _hashes(column: str) -> List[str]:
    try:
        items = json.loads(column)
        return [item[name] for item in items for name in ("text_blob", "data_blob", "data_text_blob") if name in item]
    except (ValueError, TypeError):
        return []  # the row itself becomes a placeholder


def _exact_bytes(text: str) -> Optional[bytes]:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode("ascii") == text else None


def _utf8(text: str) -> bytes:
    return clean_text(text).encode("utf-8")

"""The head of a template file: a system prompt, a JSON schema, parameters. Pure but for a schema in its own file.

Between two lines of `---` stand `name: value` lines; a value is JSON, else plain text, and `name: |` takes the
indented lines below as they are. Between two lines of `+++` stands TOML.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, List, Mapping, Tuple

from ..errors import SettingsError
from ..messages import Json
from ..settings.toml_file import parse_toml
from ..words import tr
from .errors import InvalidBatchError

PARAMETERS = ("temperature", "top_p", "max_tokens", "seed", "stop", "reasoning_effort")
# What a list of prompt files tells of one; a run does not look at it.
ABOUT = ("title", "description", "sample")
NAMES = ("system", "schema", "provider", "model", "id", "images", "page", *PARAMETERS, *ABOUT)


def split(text: str, path: Path) -> Tuple[Mapping[str, Json], str]:
    """The head as values and the template below it. Raises InvalidBatchError."""
    text = text.lstrip("\ufeff").replace("\r\n", "\n")
    mark = text[:3]
    if mark not in ("---", "+++") or not text[3:].lstrip(" \t").startswith("\n"):
        return {}, text
    lines = text.split("\n")
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() == mark), None)
    if end is None:
        raise _wrong(path, 1, tr("the head that {mark} begins has no end", mark=mark))
    body = "\n".join(lines[end + 1:])
    if mark == "+++":
        try:
            found = dict(parse_toml(path, "\n".join(["", *lines[1:end]])).data)
        except SettingsError as error:
            raise InvalidBatchError(error.message, next_step=tr("Mend the head of the template.")) from error
    else:
        found = _pairs(lines[1:end], path)
    for name in found:
        if name not in NAMES:
            raise _wrong(path, 1, tr("{name} is not one of {names}", name=name, names=", ".join(NAMES)))
    if isinstance(found.get("schema"), str):
        found["schema"] = _schema_file(path.parent / str(found["schema"]))
    return found, body


def _pairs(lines: List[str], path: Path) -> Dict[str, Json]:
    found: Dict[str, Json] = {}
    at = 0
    while at < len(lines):
        line, number = lines[at], at + 2
        at += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, value = line.partition(":")
        if not colon or line[:1] in " \t":
            raise _wrong(path, number, tr("a line of the head is NAME: VALUE"))
        below: List[str] = []
        while at < len(lines) and (not lines[at].strip() or lines[at][:1] in " \t"):
            below.append(lines[at])
            at += 1
        found[name.strip()] = _value(value.strip(), below, path, number)
    return found


def _value(value: str, below: List[str], path: Path, number: int) -> Json:
    if value in ("|", ">", "|-"):
        depth = min((len(one) - len(one.lstrip()) for one in below if one.strip()), default=0)
        texts = [one[depth:] for one in below]
        return (" " if value == ">" else "\n").join(texts).strip("\n")
    whole = "\n".join([value, *below]).strip()
    if whole[:2] in ("{{", "{%"):  # a template, not an object
        return whole
    if whole[:1] in "{[\"" or whole in ("true", "false", "null") or whole[:1].isdigit() or whole[:1] == "-":
        try:
            return json.loads(whole)
        except ValueError as exc:
            if whole[:1] in "{[":
                raise _wrong(path, number, tr("the value is not JSON: {reason}", reason=exc)) from exc
    if below and any(one.strip() for one in below):
        raise _wrong(path, number + 1, tr("more than one line needs | after the colon"))
    return whole.strip("'\"") if whole[:1] == whole[-1:] and whole[:1] in "'\"" else whole


def _schema_file(path: Path) -> Json:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as exc:
        raise InvalidBatchError(
            tr("The schema {path} cannot be read: {reason}.", path=path, reason=exc), next_step=tr("Check the file.")
        ) from exc
    if not isinstance(found, dict):
        raise InvalidBatchError(tr("The schema {path} is no JSON object.", path=path), next_step=tr("Check the file."))
    return found


def _wrong(path: Path, line: int, reason: str) -> InvalidBatchError:
    return InvalidBatchError(
        tr("{path}, line {line}: {reason}.", path=path, line=line, reason=reason),
        next_step=tr("Mend the head of the template."),
    )

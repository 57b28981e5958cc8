"""A row becomes a request, a request a line of an OpenAI batch and back. Pure but for pictures. One thread.

The request key is the SHA-256 of the canonical JSON of what decides the answer: the provider, and the body as a line of
an OpenAI batch says it. So the same question has the same key from every kind of input.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Tuple

from ..core.media_files import START_BYTES, media_type_of
from ..core.request import NO_PARAMETERS
from ..errors import NukeAIError
from ..messages import Attachment, Json, clean_text
from ..providers.answer_schema import openai_format
from ..providers.base import Parameters
from ..words import tr
from .compact_map import CompactMap, number_of
from .front_matter import PARAMETERS
from .templates import RenderError, Roots, Template, Workshop
from .values import Job, Row, Said

URL = "/v1/chat/completions"
_PICTURE_BYTES = 20 << 20
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)\Z", re.S)
# What a body asks for that wants JSON without saying which.
_ANY_OBJECT: Mapping[str, Json] = {"type": "object"}
_LENGTHS = ("max_tokens", "max_completion_tokens")
# What may stand in a body without a word: it is how we ask anyway, or says the default.
_WITHOUT_EFFECT = ("stream", "stream_options", "store", "metadata", "user")


class RowError(NukeAIError):
    """A row cannot be made into a request."""

    kind = "row"


@dataclass(frozen=True)
class Recipe:
    """What all rows share: who is asked, with which template and parameters."""

    provider: str
    model: str
    workshop: Workshop
    prompt: Optional[Template] = None
    system: Optional[Template] = None
    id: Optional[Template] = None
    page: Optional[Template] = None
    images: Tuple[str, ...] = ()
    parameters: Parameters = NO_PARAMETERS
    schema: Optional[Mapping[str, Json]] = None
    is_model_fixed: bool = False


class JobMaker:
    """Makes the jobs of one pass over the rows; it counts rows that are equal, so that each has an id of its own."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._hashes = CompactMap()

    def job(self, row: Row) -> Job:
        """The request of a row. Raises RowError, MissingValueError, RenderError."""
        recipe = self._recipe
        if row.body is not None:
            job = job_of_body(row.body, recipe)
            place, page = self._where(row)
            return replace(job, custom_id=row.custom_id or "", place=place, page=page, key=key_of(recipe, job))
        if recipe.prompt is None:
            raise RowError(
                tr("the row is no OpenAI batch line, and there is no template"), next_step=tr("Give --template.")
            )
        values = recipe.workshop.values(row.data, row.folder)
        text = clean_text(recipe.prompt.render(values)).strip("\n")
        system = clean_text(recipe.system.render(values)) if recipe.system is not None else None
        pictures = tuple(
            one for column in recipe.images for one in _pictures(row.data, column, recipe.workshop.roots, row.folder)
        )
        job = Job("", "", recipe.model, (Said("user", text, pictures),), system or None, recipe.parameters,
                  recipe.schema, row.place, recipe.page.render(values) if recipe.page else None)
        return replace(job, custom_id=self._id(row, values), key=key_of(recipe, job))

    def _id(self, row: Row, values: Mapping[str, Json]) -> str:
        if self._recipe.id is not None:
            return clean_text(self._recipe.id.render(values)).strip()
        if row.custom_id is not None:
            return clean_text(row.custom_id)
        content = json.dumps(row.data, sort_keys=True, ensure_ascii=False, default=str)
        digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        number = number_of(digest)
        count = (self._hashes.get(number) or 0) + 1
        self._hashes.put(number, count)
        return f"row-{digest}" if count == 1 else f"row-{digest}-{count}"

    def _where(self, row: Row) -> Tuple[str, Optional[str]]:
        """The place and the page of a row that is a request; one that we made (`made_line`) says them itself."""
        extra, page = row.data.get("x"), self._recipe.page
        if isinstance(extra, dict) and page is None:
            return str(extra.get("place") or row.place), extra.get("page")
        return row.place, page.render(self._recipe.workshop.values(row.data, row.folder)) if page else None


def body_of(job: Job) -> Dict[str, Json]:
    """The request as the body of a line of an OpenAI batch."""
    messages: List[Dict[str, Json]] = [{"role": "system", "content": job.system}] if job.system else []
    for one in job.said:
        content: Json = one.text
        if one.attachments:
            content = [{"type": "text", "text": one.text}]
            content += [{"type": "image_url", "image_url": {"url": f"data:{two.media_type};base64,{two.data_base64}"}}
                        for two in one.attachments]
        messages.append({"role": one.role, "content": content})
    body: Dict[str, Json] = {"model": job.model, "messages": messages}
    for field in fields(Parameters):
        value = getattr(job.parameters, field.name)
        if value not in (None, ()):
            body[field.name] = list(value) if isinstance(value, tuple) else value
    if job.schema is not None:
        body["response_format"] = openai_format(job.schema)
    return body


def line_of(job: Job) -> Dict[str, Json]:
    """The request as a whole line of an OpenAI batch."""
    return {"custom_id": job.custom_id, "method": "POST", "url": URL, "body": body_of(job)}


def made_line(job: Job) -> Dict[str, Json]:
    """As `line_of`, with what a service does not care for: where the row stood, and its page."""
    extra = {"place": job.place, **({"page": job.page} if job.page is not None else {})}
    return {**line_of(job), "x": extra}


def canonical(value: Json) -> str:
    """JSON that is the same for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def key_of(recipe: Recipe, job: Job) -> str:
    """The request key."""
    whole = canonical({"provider": recipe.provider, "body": body_of(job)})
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def job_of_body(body: Mapping[str, Json], recipe: Recipe) -> Job:
    """The request that a body asks for; what the command line fixes wins. Raises RowError."""
    known = {"model", "messages", "response_format", *_LENGTHS, *PARAMETERS, *_WITHOUT_EFFECT}
    strange = sorted(name for name, value in body.items() if name not in known and value not in (None, [], {}))
    if strange:
        raise RowError(tr("the body asks for {names}, which a batch cannot do here", names=', '.join(strange)))
    given = {name: body.get(name) for name in PARAMETERS}
    if given["max_tokens"] is None:
        given["max_tokens"] = body.get("max_completion_tokens")
    stop = given.pop("stop", None) or ()
    parameters = Parameters(stop=(stop,) if isinstance(stop, str) else tuple(stop), **given)
    merged = {one.name: getattr(parameters, one.name) for one in fields(Parameters)}
    for name, value in merged.items():
        if value in (None, ()):
            merged[name] = getattr(recipe.parameters, name)
    named = body.get("model")
    model = recipe.model if recipe.is_model_fixed or not isinstance(named, str) or not named else named
    system, said = _said(body.get("messages"))
    return Job("", "", model, said, system, Parameters(**merged), _schema(body.get("response_format"), recipe))


def _said(messages: Json) -> Tuple[Optional[str], Tuple[Said, ...]]:
    if not isinstance(messages, list) or not messages:
        raise RowError(tr("the body has no messages"))
    system: List[str] = []
    said: List[Said] = []
    for one in messages:
        role = one.get("role") if isinstance(one, dict) else None
        text, pictures = _content(one.get("content") if isinstance(one, dict) else None)
        if role in ("system", "developer"):
            system.append(text)
        elif role in ("user", "assistant"):
            said.append(Said(role, text, pictures))
        else:
            raise RowError(tr("a message has the role {role}, which a batch cannot send here", role=repr(role)))
    if not said or said[-1].role != "user":
        raise RowError(tr("the messages do not end with a user's"))
    return ("\n\n".join(system) or None), tuple(said)


def _content(content: Json) -> Tuple[str, Tuple[Attachment, ...]]:
    if isinstance(content, str):
        return clean_text(content), ()
    if not isinstance(content, list):
        raise RowError(tr("a message has no content"))
    texts, pictures = [], []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            texts.append(str(part.get("text", "")))
        elif kind == "image_url":
            shown = part.get("image_url")
            found = _DATA_URL.match(str(shown.get("url") if isinstance(shown, dict) else shown))
            if found is None:
                raise RowError(tr("a picture is not a data: URL, and nothing is fetched"))
            pictures.append(_picture("picture", found.group(1), found.group(2)))
        else:
            raise RowError(tr("a message has a part of the type {kind}", kind=repr(kind)))
    return clean_text("\n".join(texts)), tuple(pictures)


def _schema(form: Json, recipe: Recipe) -> Optional[Mapping[str, Json]]:
    if form is None or form == {"type": "text"}:
        return recipe.schema
    if form == {"type": "json_object"}:
        return _ANY_OBJECT
    inner = form.get("json_schema") if isinstance(form, dict) else None
    schema = inner.get("schema") if isinstance(inner, dict) else None
    if not isinstance(schema, dict):
        raise RowError(tr("the body's response_format is not a json_schema"))
    return schema


def _pictures(data: Mapping[str, Json], column: str, roots: Roots, folder: str) -> List[Attachment]:
    value = data.get(column)
    if value is None:
        raise RowError(tr("the row has no column {column} for its picture", column=column))
    return [_read_picture(str(one), roots, folder) for one in (value if isinstance(value, list) else [value]) if one]


def _read_picture(value: str, roots: Roots, folder: str) -> Attachment:
    found = _DATA_URL.match(value)
    if found is not None:
        return _picture("picture", found.group(1), found.group(2))
    path: Path = roots.inside(value, folder)
    with path.open("rb") as file:
        raw = file.read(_PICTURE_BYTES + 1)
    kind = media_type_of(raw[:START_BYTES])
    if kind is None or not kind.startswith("image/"):
        raise RenderError(f"{value} is not a PNG, JPEG, GIF or WebP picture")
    if len(raw) > _PICTURE_BYTES:
        raise RenderError(f"{value} is larger than {_PICTURE_BYTES >> 20} MB")
    return _picture(path.name, kind, base64.b64encode(raw).decode("ascii"))


def _picture(name: str, kind: str, data: str) -> Attachment:
    return Attachment(hashlib.sha256(data.encode()).hexdigest()[:32], "image", name, "", kind, data)

"""A row becomes a request, a request a line of an OpenAI batch and back. Pure but for pictures. One thread.

The request key is the SHA-256 of the canonical JSON of what decides the answer: the provider, and the body as a line of
an OpenAI batch says it. So the same question has the same key from every kind of input.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, replace
from typing import Dict, List, Mapping, Optional, Tuple

from ..core.request import NO_PARAMETERS
from ..messages import Attachment, Json, clean_text
from ..providers.answer_schema import openai_format
from ..providers.base import Parameters
from ..words import tr
from .compact_map import CompactMap, number_of
from .front_matter import PARAMETERS
from .parameters import parameters_of
from .pictures import picture_of_url, pictures_of
from .schema_check import schema_problem
from .templates import RowError, Template, Workshop
from .values import Job, Row, Said

URL = "/v1/chat/completions"
# What a body asks for that wants JSON without saying which.
_ANY_OBJECT: Mapping[str, Json] = {"type": "object"}
_LENGTHS = ("max_tokens", "max_completion_tokens")
# What may stand in a body without a word: it is how we ask anyway, or says the default.
_WITHOUT_EFFECT = ("stream", "stream_options", "store", "metadata", "user")


@dataclass(frozen=True)
class Recipe:
    """What all rows share: who is asked, with which template and parameters.

    `is_model_chosen` off says that every body has to name its model; `is_made` is that of the source.
    """

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
    is_model_chosen: bool = True
    is_made: bool = False


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
                tr("the row is no request, and there is no template"), next_step=tr("Choose a template.")
            )
        values = recipe.workshop.values(row.data, row.folder)
        text = clean_text(recipe.prompt.render(values)).strip("\n")
        system = clean_text(recipe.system.render(values)) if recipe.system is not None else None
        pictures = tuple(
            one for column in recipe.images for one in pictures_of(row.data, column, recipe.workshop.roots, row.folder)
        )
        _insist_on_words(text, pictures)
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
        if self._recipe.is_made and isinstance(extra, dict) and page is None:
            named = extra.get("page")
            return str(extra.get("place") or row.place), named if isinstance(named, str) else None
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
    most = body.get("max_tokens")
    parameters = parameters_of({**body, "max_tokens": body.get("max_completion_tokens") if most is None else most})
    merged = {one.name: getattr(parameters, one.name) for one in fields(Parameters)}
    for name, value in merged.items():
        if value in (None, ()):
            merged[name] = getattr(recipe.parameters, name)
    system, said = _said(body.get("messages"))
    _insist_on_words(said[-1].text, said[-1].attachments)
    schema = _schema(body.get("response_format"), recipe)
    return Job("", "", _model(body.get("model"), recipe), said, system, Parameters(**merged), schema)


def _model(named: Json, recipe: Recipe) -> str:
    if recipe.is_model_fixed or not isinstance(named, str) or not named:
        if not recipe.is_model_chosen:
            raise RowError(tr("the body names no model"), next_step=tr("Choose a model, or name one in the line."))
        return recipe.model
    return named


def _insist_on_words(text: str, pictures: Tuple[Attachment, ...]) -> None:
    if not text.strip() and not pictures:
        raise RowError(tr("the prompt is empty"), next_step=tr("Mend the row or the template."))


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
            pictures.append(picture_of_url(str(shown.get("url") if isinstance(shown, dict) else shown)))
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
    problem = schema_problem(schema)
    if problem:
        raise RowError(tr("the body's schema cannot work: {problem}", problem=problem))
    return schema

"""What a batch will do, before anything is sent: every row is made into its request once. Opens no socket.

A plan holds the recipe, not the rows: the run reads the input again. What cannot be read twice, an iterator or standard
input, is only counted as it runs.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ..app import App, ModelChoice
from ..core.budget import cost, price_of
from ..core.passing import subject_of_row
from ..core.place import merge_parameters
from ..core.request import NO_PARAMETERS
from ..core.tokens import IMAGE_TOKENS
from ..errors import NukeAIError
from ..messages import Json
from ..providers.base import ModelInfo, Parameters
from ..settings.policy import Price
from ..settings.policy_rules import refusal
from ..words import tr
from .compact_map import CompactMap, number_of
from .errors import InvalidBatchError, RefusedError
from .feed import Selection, Sorter
from .front_matter import PARAMETERS, split
from .reporting import page_path
from .requests import JobMaker, Recipe, line_of
from .rows import Source, source_of
from .run_folder import Past
from .spending import ANSWER_TOKENS
from .templates import MissingValueError, Workshop, read_template
from .values import Job, Reject, Row

SHOWN_REJECTS = 20
_LEAST_BYTES, _MOST_BYTES = 8.0, 1.0
_MESSAGE_TOKENS = 24
ALL = Selection()


@dataclass(frozen=True)
class Survey:
    """What a pass over the input found. Tokens and dollars are (least, most); a price that is unknown is None."""

    rows: int = 0
    distinct: int = 0
    rejects: int = 0
    duplicates: int = 0
    first_rejects: Tuple[Reject, ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    first_missing: str = ""
    input_tokens: Tuple[int, int] = (0, 0)
    output_tokens: Tuple[int, int] = (0, 0)
    cost_usd: Optional[Tuple[float, float]] = None
    samples: Tuple[Mapping[str, Json], ...] = ()


@dataclass(frozen=True)
class Plan:
    """A batch that is ready to run. `survey` is None for what can be read only once."""

    app: App
    source: Source
    recipe: Recipe
    choice: ModelChoice
    template_hash: str
    selection: Selection = ALL
    survey: Optional[Survey] = None
    fingerprint: Optional[str] = None
    price: Optional[Price] = None
    base_url: Optional[str] = None

    @property
    def rows(self) -> Optional[int]:
        """How many rows there are, None while that is unknown."""
        return self.survey.rows if self.survey is not None else None

    def as_json(self) -> Dict[str, Json]:
        """The plan as `plan --json` prints it."""
        survey = self.survey
        found: Dict[str, Json] = {
            "input": self.source.title, "input_hash": self.fingerprint, "template_hash": self.template_hash,
            "provider": self.recipe.provider, "model": self.recipe.model, "rows": None,
        }
        if survey is not None:
            found.update(
                rows=survey.rows, distinct_requests=survey.distinct, rejects=survey.rejects,
                duplicates=survey.duplicates, missing=dict(survey.missing), input_tokens=list(survey.input_tokens),
                output_tokens=list(survey.output_tokens),
                cost_usd=None if survey.cost_usd is None else [round(one, 6) for one in survey.cost_usd],
                first_rejects=[vars(one) for one in survey.first_rejects],
                samples=[dict(one) for one in survey.samples],
            )
        return found


def make_plan(
    app: App, rows: object, *, template: Union[str, Path, None] = None, provider: Optional[str] = None,
    model: Optional[str] = None, base_url: Optional[str] = None, system: Optional[str] = None,
    schema: Optional[Mapping[str, Json]] = None, parameters: Parameters = NO_PARAMETERS,
    variables: Optional[Mapping[str, Json]] = None, roots: Sequence[Union[str, Path]] = (), id: Optional[str] = None,
    images: Sequence[str] = (), page: Optional[str] = None, price_in: Optional[float] = None,
    price_out: Optional[float] = None, selection: Selection = ALL, samples: int = 3, surveys: bool = True,
    kind: str = "",
) -> Plan:
    """Reads and makes everything once. Raises InvalidBatchError, SettingsError, PolicyError (see `check`)."""
    source = source_of(rows, kind=kind)
    head, text, path = _template(template)
    choice = app.choice(provider or _text(head, "provider"), model or _text(head, "model"))
    shown = choice.provider
    if base_url:
        choice = replace(choice, provider=app.with_base_url(choice.provider, base_url))
    folders = [Path(one).expanduser() for one in (*roots, *([source.folder] if source.folder else []),
                                                  *([path.parent] if path is not None else []))]
    workshop = Workshop(folders or [Path.cwd()], variables or {})
    name = str(path) if path is not None else "the template"
    whole_system = None if source.is_made else _text(head, "system") or system or app.settings.system
    given = _merged(parameters, head)
    named_page, named_id = page or _text(head, "page"), id or _text(head, "id")
    recipe = Recipe(
        shown, choice.model, workshop, workshop.template(text, name) if text is not None else None,
        workshop.template(whole_system, "the system prompt") if whole_system and text is not None else None,
        workshop.template(named_id, "--id") if named_id else None,
        workshop.template(named_page, "--out-file") if named_page else None,
        tuple(images) or _names(head.get("images")), merge_parameters(given, app.settings.parameters),
        schema if schema is not None else _schema(head), is_model_fixed=model is not None,
    )
    if source.is_made:
        recipe = replace(recipe, parameters=NO_PARAMETERS, schema=None, is_model_fixed=False)
    price = _price(app, choice, price_in, price_out)
    described = json.dumps([text, whole_system, named_id, sorted((variables or {}).items())], default=str)
    plan = Plan(
        app, source, recipe, choice, hashlib.sha256(described.encode("utf-8", "replace")).hexdigest(), selection,
        price=price, base_url=base_url,
    )
    _check_sight(app, plan)
    if source.is_repeatable and surveys:
        plan = replace(plan, fingerprint=source.fingerprint(), survey=survey_of(plan, samples=samples))
    return plan


def jobs_of(plan: Plan) -> Iterator[Job]:
    """Every request of a plan, as a run would ask it that finds nothing done."""
    sorter = Sorter(JobMaker(plan.recipe), Past(), selection=plan.selection)
    for one in plan.source.read():
        yield from sorter.jobs_of(one)
        if sorter.is_complete:
            return


def survey_of(plan: Plan, *, samples: int = 3) -> Survey:
    """One pass over the input. Raises InvalidBatchError when the input cannot be read."""
    maker, ids, keys = JobMaker(plan.recipe), CompactMap(), CompactMap()
    found = _Count(plan.price)
    rejects: List[Reject] = []
    shown: List[Mapping[str, Json]] = []
    missing: Dict[str, int] = {}
    first_missing = ""
    count = duplicates = number = 0
    selected = plan.selection
    for one in plan.source.read():
        if isinstance(one, Reject):
            found.rejects += 1
            rejects[len(rejects):SHOWN_REJECTS] = [one][:SHOWN_REJECTS - len(rejects)]
            continue
        number += 1
        if number - 1 < selected.first or (selected.last is not None and number - 1 > selected.last):
            continue
        if selected.limit is not None and count + duplicates >= selected.limit:
            break
        try:
            job = maker.job(one)
            if job.page is not None:
                page_path(Path("pages"), job.page)
        except MissingValueError as error:
            missing[error.name] = missing.get(error.name, 0) + 1
            first_missing = first_missing or f"{one.place}: {error.message}"
            continue
        except NukeAIError as error:
            found.rejects += 1
            rejects[len(rejects):SHOWN_REJECTS] = [Reject(_line(one), error.message)][:SHOWN_REJECTS - len(rejects)]
            continue
        if not job.custom_id or ids.get(number_of(job.custom_id)):
            duplicates += 1
            rejects[len(rejects):SHOWN_REJECTS] = [
                Reject(_line(one), f"the id {job.custom_id!r} was there before or is empty")
            ][:SHOWN_REJECTS - len(rejects)]
            continue
        ids.put(number_of(job.custom_id), 1)
        keys.put(number_of(job.key), 1)
        count += 1
        found.add(job)
        if len(shown) < samples:
            shown.append(line_of(job))
    repeat = selected.repeat
    return Survey(
        count * repeat, len(keys), found.rejects + duplicates, duplicates, tuple(rejects), missing, first_missing,
        (found.tokens[0] * repeat, found.tokens[1] * repeat), (found.answers[0] * repeat, found.answers[1] * repeat),
        found.cost(repeat), tuple(shown),
    )


def check(plan: Plan, *, budget: Optional[float] = None) -> None:
    """Whether the plan may run. Raises InvalidBatchError, and RefusedError where the studio's policy forbids it."""
    survey = plan.survey
    if survey is not None and survey.missing:
        names = ", ".join(f"{name} ({count} rows)" for name, count in sorted(survey.missing.items()))
        raise InvalidBatchError(
            f"the template names what rows do not have: {names}; {survey.first_missing}",
            user_text=tr(
                "The template names what some rows do not have: {names}. The first is {first_missing}.",
                names=names,
                first_missing=survey.first_missing,
            ),
            next_step=tr("Mend the template or the rows, or write {words}. Nothing was sent.",
                         words="{{ name | default('') }}"),
        )
    if survey is not None and not survey.rows:
        first = f" The first: line {survey.first_rejects[0].line}: {survey.first_rejects[0].reason.rstrip('.')}." \
            if survey.first_rejects else ""
        raise InvalidBatchError(
            "there is no row",
            user_text=tr("{title} holds no row that can be used.{first}", title=plan.source.title, first=first),
            next_step=tr("Check the input."),
        )
    if budget is not None and plan.price is None:
        raise InvalidBatchError(
            f"the price of {plan.choice.model} is unknown",
            user_text=tr("A budget needs the price of {model}, and nobody says it.", model=plan.choice.model),
            next_step=tr("Give --price-in and --price-out, in US dollars for a million tokens."),
        )
    row = plan.app.providers.settings(plan.choice.provider)
    refused = refusal(plan.app.gate.current(), subject_of_row(row, plan.choice.model))
    if refused is not None:
        raise RefusedError(refused.message, user_text=refused.user_text, next_step=refused.next_step)


class _Count:
    """Adds up tokens and dollars."""

    def __init__(self, price: Optional[Price]) -> None:
        self.price = price
        self.rejects = 0
        self.tokens = [0, 0]
        self.answers = [0, 0]

    def add(self, job: Job) -> None:
        """One request, asked once."""
        pictures = sum(len(one.attachments) for one in job.said)
        size = job.prompt_bytes + (len(str(job.schema)) if job.schema is not None else 0)
        self.tokens[0] += int(size / _LEAST_BYTES)
        self.tokens[1] += int(size / _MOST_BYTES) + _MESSAGE_TOKENS * (len(job.said) + 1) + 8 * IMAGE_TOKENS * pictures
        self.answers[1] += job.parameters.max_tokens or ANSWER_TOKENS

    def cost(self, repeat: int) -> Optional[Tuple[float, float]]:
        """Dollars."""
        least = cost(self.price, self.tokens[0] * repeat, self.answers[0] * repeat)
        most = cost(self.price, self.tokens[1] * repeat, self.answers[1] * repeat)
        return None if least is None or most is None else (least, most)


def _template(template: Union[str, Path, None]) -> Tuple[Mapping[str, Json], Optional[str], Optional[Path]]:
    if template is None:
        return {}, None, None
    if isinstance(template, Path) or ("\n" not in template and "{{" not in template and "{%" not in template):
        path = Path(template).expanduser()
        head, text = split(read_template(path), path)
        return head, text, path.resolve()
    head, text = split(template, Path("the template"))
    return head, text, None


def _merged(given: Parameters, head: Mapping[str, Json]) -> Parameters:
    values = {name: getattr(given, name) for name in PARAMETERS}
    for name, value in values.items():
        if value in (None, ()) and head.get(name) is not None:
            said = head[name]
            values[name] = ((said,) if isinstance(said, str) else tuple(said)) if name == "stop" else said
    number = (int, float)
    for name, kinds in (("temperature", number), ("top_p", number), ("max_tokens", (int,)), ("seed", (int,))):
        value = values[name]
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise InvalidBatchError(
                tr("{name} in the head of the template is not a number", name=name), next_step=tr("Mend it.")
            )
    return Parameters(**values)


def _schema(head: Mapping[str, Json]) -> Optional[Mapping[str, Json]]:
    found = head.get("schema")
    if found is not None and not isinstance(found, dict):
        raise InvalidBatchError(tr("schema in the head of the template is no JSON object"), next_step=tr("Mend it."))
    return found


def _names(value: Json) -> Tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(map(str, value))


def _text(head: Mapping[str, Json], name: str) -> Optional[str]:
    found = head.get(name)
    return None if found is None else str(found)


def _price(app: App, choice: ModelChoice, price_in: Optional[float], price_out: Optional[float]) -> Optional[Price]:
    if price_in is not None or price_out is not None:
        return Price(price_in or 0.0, price_out or 0.0)
    return price_of(app.gate.current(), choice.provider, choice.model, _info(app, choice), is_inside=False)


def _info(app: App, choice: ModelChoice) -> Optional[ModelInfo]:
    models = app.providers.models(choice.provider).models
    return next((one for one in models if choice.model == one.id or choice.model in one.aliases), None)


def _check_sight(app: App, plan: Plan) -> None:
    info = _info(app, plan.choice) if plan.recipe.images else None
    if info is not None and info.capabilities is not None and "vision" not in info.capabilities:
        raise InvalidBatchError(
            f"{plan.choice.model} cannot see", user_text=tr("{model} cannot see pictures.", model=plan.choice.model),
            next_step=tr("Choose a model that can, or leave out the images."),
        )


def _line(row: Row) -> int:
    word = row.place.rpartition(" ")[2]
    return int(word) if word.isdigit() else 0

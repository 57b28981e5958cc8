"""What a batch will do, before anything is sent: every row is made into its request once. Opens no socket.

A plan holds the recipe, not the rows: the run reads the input again. What cannot be read twice, an iterator or standard
input, is only counted as it runs.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ..app import App, ModelChoice
from ..core.budget import cost, price_of
from ..core.passing import subject_of_row
from ..core.place import merge_parameters
from ..core.request import NO_PARAMETERS
from ..core.tokens import IMAGE_TOKENS
from ..errors import SettingsError
from ..messages import Json
from ..providers.base import ModelInfo, Parameters
from ..providers.model_files import CATALOGUE
from ..settings.policy import Price
from ..settings.policy_rules import refusal
from ..words import tr
from .compact_map import CompactMap, number_of
from .errors import InvalidBatchError, RefusedError, no_row
from .feed import Selection, Sorter
from .front_matter import split
from .parameters import parameters_of
from .requests import JobMaker, Recipe, line_of
from .rows import Source, source_of
from .run_folder import Past
from .schema_check import schema_problem
from .spending import ANSWER_TOKENS, price_from
from .templates import MissingValueError, RowError, Workshop, read_template
from .values import Job, Reject, Row

SHOWN_REJECTS = 20
_LEAST_BYTES, _MOST_BYTES = 8.0, 1.0
_MESSAGE_TOKENS = 24
# Stands for the model where every request names its own.
_UNNAMED = "?"
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
    kind: str = "", default: Optional[ModelChoice] = None,
) -> Plan:
    """Reads and makes everything once. Raises InvalidBatchError, SettingsError, PolicyError (see `check`).

    `default` is asked where neither the caller nor the template says whom; without it, whom the settings name.
    """
    source = source_of(rows, kind=kind)
    head, text, path = _template(template)
    asked = (provider or _text(head, "provider"), model or _text(head, "model"))
    choice, is_chosen = _choice(app, source, asked, default, has_template=text is not None)
    shown = choice.provider
    if base_url:
        choice = replace(choice, provider=app.with_base_url(choice.provider, base_url))
    folders = [Path(one).expanduser() for one in (*roots, *([source.folder] if source.folder else []),
                                                  *([path.parent] if path is not None else []))]
    workshop = Workshop(folders or [Path.cwd()], variables or {})
    name = str(path) if path is not None else tr("the template")
    whole_system = None if source.is_made else _text(head, "system") or system or app.settings.system
    given = _parameters(parameters, head, name)
    named_page, named_id = page or _text(head, "page"), id or _text(head, "id")
    recipe = Recipe(
        shown, choice.model, workshop, workshop.template(text, name) if text is not None else None,
        workshop.template(whole_system, tr("the system prompt")) if whole_system and text is not None else None,
        workshop.template(named_id, tr("the id")) if named_id else None,
        workshop.template(named_page, tr("the name of the page")) if named_page else None,
        tuple(images) or _images(head, name), merge_parameters(given, app.settings.parameters), _schema(schema, head),
        is_model_fixed=model is not None, is_model_chosen=is_chosen,
    )
    if source.is_made:
        recipe = replace(recipe, parameters=NO_PARAMETERS, schema=None, is_model_fixed=False, is_made=True)
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


def jobs_of(plan: Plan, rejected: Callable[[Reject], None] = lambda one: None) -> Iterator[Job]:
    """Every request of a plan, as a run would ask it that finds nothing done. `rejected` is told what is no row."""
    sorter = Sorter(JobMaker(plan.recipe), Past(), selection=plan.selection, rejected=rejected)
    for one in plan.source.read():
        yield from sorter.jobs_of(one)
        if sorter.is_complete:
            return


def survey_of(plan: Plan, *, samples: int = 3) -> Survey:
    """One pass over the input. Raises InvalidBatchError when the input cannot be read."""
    count = _Count(plan.price, samples)
    sorter = Sorter(
        JobMaker(plan.recipe), Past(), selection=replace(plan.selection, repeat=1), rejected=count.reject,
        lacking=count.lack,
    )
    for one in plan.source.read():
        for job in sorter.jobs_of(one):
            count.add(job)
        if sorter.is_complete:
            break
    repeat = plan.selection.repeat
    return Survey(
        count.rows * repeat, len(count.keys), sorter.census.rejects, sorter.duplicates, tuple(count.rejects),
        count.missing, count.first_missing, (count.tokens[0] * repeat, count.tokens[1] * repeat),
        (count.answers[0] * repeat, count.answers[1] * repeat), count.cost(repeat), tuple(count.shown),
    )


def surveyed(plan: Plan, *, samples: int = 3) -> Plan:
    """The plan with its survey, also where reading the rows leaves none for a run."""
    return plan if plan.survey is not None else replace(plan, survey=survey_of(plan, samples=samples))


def check(plan: Plan, *, budget: Optional[float] = None) -> None:
    """Whether the plan may run. Raises InvalidBatchError, and RefusedError where the studio's policy forbids it."""
    survey = plan.survey
    if survey is not None and survey.missing:
        names = ", ".join(
            tr("{name} ({count} row)", "{name} ({count} rows)", name=name, count=count)
            for name, count in sorted(survey.missing.items()))
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
        raise no_row(plan.source.title, survey.first_rejects[0] if survey.first_rejects else None)
    if budget is not None and plan.price is None:
        raise InvalidBatchError(
            f"the price of {plan.choice.model} is unknown",
            user_text=tr("A budget needs the price of {model}, and nobody says it.",
                         model=plan.choice.model or tr("the model")),
            next_step=tr("Say the price, in US dollars for a million tokens (--price-in and --price-out), or leave out "
                         "the budget."),
        )
    row = plan.app.providers.settings(plan.choice.provider)
    refused = refusal(plan.app.gate.current(), subject_of_row(row, plan.choice.model))
    if refused is not None:
        raise RefusedError(refused.message, user_text=refused.user_text, next_step=refused.next_step)


class _Count:
    """Adds up rows, tokens and dollars, and keeps the first of what is to be shown."""

    def __init__(self, price: Optional[Price], samples: int) -> None:
        self.price = price
        self.rows = 0
        self.tokens = [0, 0]
        self.answers = [0, 0]
        self.keys = CompactMap()
        self.missing: Dict[str, int] = {}
        self.first_missing = ""
        self.rejects: List[Reject] = []
        self.shown: List[Mapping[str, Json]] = []
        self._samples = samples

    def add(self, job: Job) -> None:
        """One request, asked once."""
        pictures = sum(len(one.attachments) for one in job.said)
        size = job.prompt_bytes + (len(str(job.schema)) if job.schema is not None else 0)
        self.tokens[0] += int(size / _LEAST_BYTES)
        self.tokens[1] += int(size / _MOST_BYTES) + _MESSAGE_TOKENS * (len(job.said) + 1) + 8 * IMAGE_TOKENS * pictures
        self.answers[1] += job.parameters.max_tokens or ANSWER_TOKENS
        self.rows += 1
        self.keys.put(number_of(job.key), 1)
        if len(self.shown) < self._samples:
            self.shown.append(line_of(job))

    def lack(self, row: Row, error: MissingValueError) -> None:
        """A row lacks what the template names."""
        self.missing[error.name] = self.missing.get(error.name, 0) + 1
        self.first_missing = self.first_missing or f"{row.place}: {error.message}"

    def reject(self, reject: Reject) -> None:
        """Something that is no row."""
        if len(self.rejects) < SHOWN_REJECTS:
            self.rejects.append(reject)

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


def _choice(
    app: App, source: Source, asked: Tuple[Optional[str], Optional[str]], default: Optional[ModelChoice], *,
    has_template: bool,
) -> Tuple[ModelChoice, bool]:
    """Who is asked, and whether somebody chose the model; requests that are there already may name theirs."""
    provider, model = asked
    if default is not None and provider in (None, default.provider):
        provider, model = default.provider, model or default.model or None
    try:
        return app.choice(provider, model), True
    except SettingsError:
        named = None if has_template else _first_model(source)
        if named is None:
            raise
        choice = app.choice(provider, named or _UNNAMED)
        return (choice if named else replace(choice, model="")), False


def _first_model(source: Source) -> Optional[str]:
    """The model of the first request; empty for a source that is read only once, None where there is none."""
    if not source.is_repeatable:
        return ""
    first = next((one for one in source.read() if isinstance(one, Row)), None)
    named = first.body.get("model") if first is not None and first.body is not None else None
    return named if isinstance(named, str) and named else None


def _parameters(given: Parameters, head: Mapping[str, Json], name: str) -> Parameters:
    """What was given, else what the head says. Raises InvalidBatchError."""
    said = _checked(head, tr("{name}, in its head: ", name=name))
    chosen = _checked(vars(given), "")
    return replace(said, **{one: value for one, value in vars(chosen).items() if value not in (None, ())})


def _checked(given: Mapping[str, Json], where: str) -> Parameters:
    try:
        return parameters_of(given)
    except RowError as error:
        raise InvalidBatchError(
            f"{where}{error.message}", user_text=f"{where}{error.user_text}.",
            next_step=f"{error.next_step} {tr('Nothing was sent.')}",
        ) from error


def _schema(given: Optional[Mapping[str, Json]], head: Mapping[str, Json]) -> Optional[Mapping[str, Json]]:
    """The schema of the answers. Raises InvalidBatchError for one that cannot work."""
    found = given if given is not None else head.get("schema")
    problem = schema_problem(found) if found is not None else ""
    if problem:
        raise InvalidBatchError(
            f"the schema cannot work: {problem}", user_text=tr("The schema cannot work: {problem}.", problem=problem),
            next_step=tr("Mend the schema; patterns are written as Python takes them. Nothing was sent."),
        )
    return found


def _images(head: Mapping[str, Json], name: str) -> Tuple[str, ...]:
    value = head.get("images")
    if value is None or isinstance(value, str):
        return (value,) if value else ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidBatchError(
            f"{name}: images are no columns",
            user_text=tr("{name}, in its head: images must be a column, or a list of columns.", name=name),
            next_step=tr("Mend the head of the template."),
        )
    return tuple(value)


def _text(head: Mapping[str, Json], name: str) -> Optional[str]:
    found = head.get(name)
    return None if found is None else str(found)


def _price(app: App, choice: ModelChoice, price_in: Optional[float], price_out: Optional[float]) -> Optional[Price]:
    known = price_of(app.gate.current(), choice.provider, choice.model, _info(app, choice), is_inside=False)
    return price_from(known, price_in, price_out)


def _info(app: App, choice: ModelChoice) -> Optional[ModelInfo]:
    models = app.providers.models(choice.provider).models
    return next((one for one in models if choice.model == one.id or choice.model in one.aliases), None)


def _check_sight(app: App, plan: Plan) -> None:
    if plan.recipe.images and _is_blind(app, plan.choice):
        raise InvalidBatchError(
            f"{plan.choice.model} cannot see", user_text=tr("{model} cannot see pictures.", model=plan.choice.model),
            next_step=tr("Choose a model that can, or leave out the images."),
        )


def _is_blind(app: App, choice: ModelChoice) -> bool:
    """Whether the model is known to take no pictures."""
    if app.providers.settings(choice.provider).kind == "local" and choice.model in CATALOGUE:
        return True
    info = _info(app, choice)
    return info is not None and info.capabilities is not None and "vision" not in info.capabilities

"""Turns what is known about models into the picker's sections, and into the facts of one. Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from nuke_ai_panel.core.model_facts import price_words
from nuke_ai_panel.core.provider_status import ModelCatalogue, ProviderStatus
from nuke_ai_panel.providers.base import ModelInfo
from nuke_ai_panel.words import tr

from ..ui.chip_row import short_count
from ..ui.panel_values import ModelEntry, ModelKey, ModelSection

_BADGES = ("vision", "pdf", "tools", "reasoning")
OLD_AFTER_S = 60.0


def sections_of(
    catalogue: ModelCatalogue, statuses: Sequence[ProviderStatus], *, favourites: Sequence[ModelKey],
    recent: Sequence[ModelKey], now: float,
) -> Tuple[ModelSection, ...]:
    """Favourites, Recent, then every provider in its order, each with the age of its list or why it has none."""
    starred = frozenset(favourites)
    reasons = {one.name: _reason(one) for one in statuses}
    titles = {one.name: one.title for one in statuses}
    entries: Dict[ModelKey, ModelEntry] = {}
    by_provider: Dict[str, List[ModelEntry]] = {one.name: [] for one in statuses}
    for model in catalogue.models:
        if model.provider not in by_provider:
            continue
        entry = entry_of(
            model, provider_title=titles[model.provider], reason=reasons[model.provider],
            is_favourite=(model.provider, model.id) in starred,
        )
        entries[entry.key] = entry
        by_provider[model.provider].append(entry)
    sections = [
        ModelSection(tr("Favourites"), _known(favourites, entries, titles, starred)),
        ModelSection(tr("Recent"), _known(recent, entries, titles, starred)),
    ]
    for status in statuses:
        models = sorted(by_provider[status.name], key=lambda one: (one.name or one.id).lower())
        sections.append(ModelSection(status.title, tuple(models), _note(status, catalogue, now=now)))
    return tuple(section for section in sections if section.models or section.note)


def entry_of(model: ModelInfo, *, provider_title: str, reason: str = "", is_favourite: bool = False) -> ModelEntry:
    """One model as the picker shows it."""
    badges = [tr("{size} window", size=short_count(model.context_tokens))] if model.context_tokens else []
    badges += [tr(name) for name in _BADGES if model.capabilities is not None and name in model.capabilities]
    if model.parameter_size:
        badges.insert(0, model.parameter_size)
    badges += [word for word, is_so in ((tr("local"), model.local), (tr("loaded"), model.loaded)) if is_so]
    details = []
    if model.size_bytes:
        details.append(tr("{size:.1f} GB on disk", size=model.size_bytes / 1e9))
    if model.max_output_tokens:
        details.append(tr("answers of up to {count} tokens", count=short_count(model.max_output_tokens)))
    if model.input_modalities:
        details.append(tr("takes {names}", names=', '.join(sorted(model.input_modalities))))
    if model.output_modalities and model.output_modalities != {"text"}:
        details.append(tr("gives {names}", names=', '.join(sorted(model.output_modalities))))
    if model.expires:
        details.append(tr("gone after {expires}", expires=model.expires))
    if model.capabilities is None:
        details.append(tr("The server does not say what this model can do."))
    if price_of(model).startswith("$"):
        details.append(tr("prices in and out, a million tokens"))
    return ModelEntry(
        model.provider, model.id, model.name, provider_title, tuple(badges), price_of(model), " · ".join(details),
        model.unavailable_reason or reason, is_favourite,
    )


def price_of(model: Optional[ModelInfo]) -> str:
    """Dollars per million tokens in and out; "free" only where it is known, a dash where nobody says."""
    return price_words(model)


def request_price(model: Optional[ModelInfo], tokens: int) -> str:
    """What sending `tokens` costs; the answer comes on top."""
    if model is None or (model.price_input is None and not model.local):
        return "–"
    fee = model.price_request or 0.0
    if model.local or not (model.price_input or fee):
        return tr("free")
    return tr("${price:.4f} to send", price=tokens * (model.price_input or 0.0) / 1_000_000 + fee)


def age_text(seconds: float) -> str:
    """How long ago, in words."""
    if seconds < OLD_AFTER_S:
        return tr("just now")
    if seconds >= 86_400:
        return tr("{count} day ago", "{count} days ago", count=int(seconds // 86_400))
    if seconds >= 3_600:
        return tr("{count} hour ago", "{count} hours ago", count=int(seconds // 3_600))
    if seconds >= 60:
        return tr("{count} minute ago", "{count} minutes ago", count=int(seconds // 60))
    return tr("just now")


def _known(
    keys: Sequence[ModelKey], entries: Mapping[ModelKey, ModelEntry], titles: Mapping[str, str],
    starred: frozenset[ModelKey],
) -> Tuple[ModelEntry, ...]:
    # A model that no list holds (typed by hand, or its server is away) stays choosable: a missing one is a label.
    return tuple(
        entries.get(key) or ModelEntry(key[0], key[1], "", titles[key[0]], is_favourite=key in starred)
        for key in keys if key[0] in titles
    )


def _reason(status: ProviderStatus) -> str:
    if status.state == "needs key":
        return tr("{title} needs a key", title=status.title)
    if status.state == "forbidden by policy":
        return tr("forbidden by policy")
    return tr("{title} cannot be reached", title=status.title) if status.state == "unreachable" else ""


def _note(status: ProviderStatus, catalogue: ModelCatalogue, *, now: float) -> str:
    fetched_at = catalogue.fetched_at.get(status.name)
    age = tr("updated {age}", age=age_text(now - fetched_at)) if fetched_at is not None else ""
    if status.state == "connecting":
        return tr("asking …") if not age else tr("{age} · asking …", age=age)
    if status.state == "forbidden by policy":
        return tr("forbidden by policy")
    error = catalogue.errors.get(status.name)
    if error is not None or status.state in ("unreachable", "needs key"):
        why = tr("needs a key") if status.state == "needs key" else (
            tr("cannot be reached") if status.state == "unreachable" else tr("could not list its models")
        )
        return f"{why} · {age}" if age else why
    return age or tr("not asked yet")

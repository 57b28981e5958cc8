"""Decides what the studio's policy says about a provider, a model, an address, a tool. Pure; any thread.

Names in settings are the artist's to give, so a provider is also known by where it lives: a row of any name at the
public address of a vendor that comes along counts as that vendor. What decides about addresses is `origins`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Iterable, List, Optional, Tuple
from urllib.parse import urlsplit

from ..errors import PolicyError
from ..words import later, tr
from .addresses import is_loopback_url, origin_of
from .policy import NameRules, Policy, PolicyFile, Trust
from .presets import BUILT_IN

_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet")
_PORTS = {"http": 80, "https": 443}
_CHOOSE_MODEL = later("choose another model.")


@dataclass(frozen=True)
class Subject:
    """What a rule is asked about. `row` is the provider's name in the settings; empty parts are not asked about."""

    row: str = ""
    kind: str = ""
    title: str = ""
    url: str = ""
    proxy: str = ""
    models: Tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What a human calls the provider."""
        return self.title or self.row or tr("The server")


def refusal(policy: Policy, subject: Subject) -> Optional[PolicyError]:
    """Why the policy forbids it; None when it does not. A policy that cannot be read forbids everything."""
    if policy.error is not None:
        return again(policy.error)
    for file in policy.files:
        found = (
            _provider_refusal(file, subject) or _local_refusal(file, subject) or _origin_refusal(file, subject)
            or _model_refusal(file, subject)
        )
        if found is not None:
            return found
    return None


def tool_refusal(policy: Policy, tool: str) -> Optional[PolicyError]:
    """Why a tool may not be used."""
    if policy.error is not None:
        return again(policy.error)
    for file in policy.files:
        key = _verdict(file.tools, (tool,))
        if key:
            return _forbidden(file, ("tools", key), tr("the tool {tool}", tool=tool), tr("go on without it."))
    return None


def again(error: PolicyError) -> PolicyError:
    """The same error as a new object: one must not be raised by many."""
    return PolicyError(
        error.message, user_text=error.user_text, next_step=error.next_step, rule=error.rule,
        provider=error.provider, model=error.model,
    )


@lru_cache(maxsize=256)
def trust_of(url: str) -> Trust:
    """How far a request to `url` goes: this machine, the house's own network, or beyond."""
    if is_loopback_url(url):
        return "machine"
    return "house" if _is_private(_host_of(url)) else "cloud"


def vendor_at(url: str) -> str:
    """The vendor that comes along whose public address this is; empty for every other place."""
    origin = origin_of(url).lower()
    return next((name for name, known in _vendors() if known == origin), "")


# ---------------------------------------------------------------- one rule each


def _provider_refusal(file: PolicyFile, subject: Subject) -> Optional[PolicyError]:
    if not subject.row and not subject.kind:
        return None
    vendor = vendor_at(subject.url) if subject.url else ""
    names = [_base_row(subject.row), vendor]
    if subject.kind != "openai":  # half the world speaks that dialect, so as a name it says nothing
        names.append(subject.kind)
    what = subject.label
    if any(_fits(name, file.providers.deny) for name in names):
        return _forbidden(file, ("providers", "deny"), what, tr(_CHOOSE_MODEL), subject)
    allowed = file.providers.allow
    if allowed is None:
        return None
    is_named = any(_fits(name, allowed) for name in names)
    # A row that borrows an allowed name does not make its vendor an allowed one; a listed address does.
    is_disguised = vendor not in ("", names[0]) and not _fits(vendor, allowed)
    if not is_named or (is_disguised and not _is_listed(file, subject.url)):
        return _forbidden(file, ("providers", "allow"), what, tr(_CHOOSE_MODEL), subject)
    return None


def _local_refusal(file: PolicyFile, subject: Subject) -> Optional[PolicyError]:
    wanted = file.general.local_only
    if not wanted:
        return None
    for url in (subject.url, subject.proxy):
        level = trust_of(url) if url else "machine"
        if level == "cloud" or (level == "house" and wanted == "machine"):
            where = tr("this computer") if wanted == "machine" else tr("the house's own network")
            return _forbidden(
                file, ("local_only",), tr("sending anything to {place_of}, which is outside {where}",
                place_of=_place_of(url), where=where),
                tr("choose a model inside it."), subject,
            )
    return None


def _origin_refusal(file: PolicyFile, subject: Subject) -> Optional[PolicyError]:
    for url in (subject.url, subject.proxy):
        if not url:
            continue
        what = tr("sending anything to {place_of}", place_of=_place_of(url))
        if any(_origin_fits(url, one) for one in file.origins.deny):
            return _forbidden(file, ("origins", "deny"), what, tr(_CHOOSE_MODEL), subject)
        allowed = file.origins.allow
        if allowed is not None and url == subject.url and not any(_origin_fits(url, one) for one in allowed):
            return _forbidden(file, ("origins", "allow"), what, tr(_CHOOSE_MODEL), subject)
    return None


def _model_refusal(file: PolicyFile, subject: Subject) -> Optional[PolicyError]:
    for model in subject.models:
        full = _spellings(subject, model)
        if any(_fits(name, file.models.deny) for name in (*full, *_bases(full))):
            key = "deny"
        elif file.models.allow is not None and not any(_fits(name, file.models.allow) for name in full):
            key = "allow"
        else:
            continue
        found = _forbidden(file, ("models", key), tr("the model {model}", model=model), tr(_CHOOSE_MODEL), subject)
        found.model = model
        return found
    return None


# ---------------------------------------------------------------- how


def _verdict(rules: NameRules, names: Iterable[str]) -> str:
    """The key that forbids, empty for none."""
    found = list(names)
    if any(_fits(name, rules.deny) for name in found):
        return "deny"
    return "allow" if rules.allow is not None and not any(_fits(name, rules.allow) for name in found) else ""


def _fits(name: str, patterns: Iterable[str]) -> bool:
    # Brackets are letters here: model files have them in their names.
    text = name.strip().lower()
    return bool(text) and any(fnmatchcase(text, one.strip().lower().replace("[", "[[]")) for one in patterns)


def _spellings(subject: Subject, model: str) -> List[str]:
    """The ways in which one model may be written, each alone and behind its provider's names."""
    names = [model]
    if subject.kind == "ollama" and ":" not in model.rpartition("/")[2]:
        names.append(f"{model}:latest")
    if subject.kind == "google" and model.startswith("models/"):
        names.append(model[len("models/"):])
    owners = [owner for owner in (_base_row(subject.row), vendor_at(subject.url) if subject.url else "") if owner]
    return [*names, *(f"{owner}/{name}" for owner in owners for name in names)]


def _base_row(row: str) -> str:
    """The row in the settings behind one that a script sent to another address (see App.with_base_url)."""
    return row.partition(" at ")[0]


def _bases(names: Iterable[str]) -> List[str]:
    """The names without a variant such as `:free`: what forbids a model forbids its variants."""
    return [name.rpartition(":")[0] for name in names if ":" in name.rpartition("/")[2]]


def _origin_fits(url: str, pattern: str) -> bool:
    scheme, mark, rest = pattern.strip().lower().rstrip("/").rpartition("://")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return False
    wanted_host, wanted_port = _split_port(rest)
    if mark and not fnmatchcase(parts.scheme.lower(), scheme):
        return False
    if wanted_port == "" and mark and scheme in _PORTS:
        wanted_port = str(_PORTS[scheme])
    if wanted_port not in ("", "*") and wanted_port != str(port):
        return False
    return fnmatchcase(host.lower(), wanted_host.strip("[]").replace("[", "[[]"))


def _split_port(text: str) -> Tuple[str, str]:
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d+|\*))?", text)
    return (found.group(1), found.group(2) or "") if found else (text, "")


def _is_listed(file: PolicyFile, url: str) -> bool:
    return any(_origin_fits(url, one) for one in file.origins.allow or ())


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url if "://" in url else f"//{url}").hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def _is_private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return bool(host) and ("." not in host or host.endswith(_PRIVATE_SUFFIXES)) and not _is_number(host)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_private or mapped.is_link_local) and not mapped.is_multicast


def _is_number(host: str) -> bool:
    """Whether the system's resolver would read the name as an address: `134744072` is 8.8.8.8."""
    return bool(re.fullmatch(r"(?:0x[0-9a-f]+|[0-9]+)", host))


def _place_of(url: str) -> str:
    return origin_of(url).partition("://")[2] or url


@lru_cache(maxsize=1)
def _vendors() -> Tuple[Tuple[str, str], ...]:
    known = ((name, row.get("base_url", "")) for name, row in BUILT_IN.items())
    return tuple((name, origin_of(url).lower()) for name, url in known if url and trust_of(url) == "cloud")


def _forbidden(
    file: PolicyFile, name: Tuple[str, ...], what: str, else_do: str, subject: Optional[Subject] = None
) -> PolicyError:
    rule = ".".join(name)
    whom = tr("Ask {contact}", contact=file.general.contact) if file.general.contact else tr(
        "Ask whoever keeps the policy")
    return PolicyError(
        f"{file.place(*name)}: {rule} forbids {what}",
        user_text=tr("The studio's policy forbids {what} (rule {rule}).", what=what, rule=rule),
        next_step=tr("{whom}, or {else_do}", whom=whom, else_do=else_do),
        rule=rule, provider=subject.row or subject.title if subject is not None else "",
        model=subject.models[0] if subject is not None and subject.models else None,
    )

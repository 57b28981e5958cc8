"""How the vendors and servers that speak OpenAI's dialect differ, as a table. Data; `vendor_of` looks it up.

A new vendor is a row here and, if it is to come along, one in settings/presets.py. A row of settings belongs to the
vendor that its option `vendor` names, else to the one that it is called like, else to the one whose host it has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Dict, Literal, Tuple
from urllib.parse import urlsplit

from ..errors import SettingsError
from ..settings import ProviderSettings
from ..words import tr
from .openai_dialect import Dialect
from .urls import is_private_url

_PLAIN = Dialect()


@dataclass(frozen=True)
class Vendor:
    """One vendor. A host that begins with a dot stands for all under it. `key_header` empty: a bearer token.

    `details` is where the server says more about its models than `/models` does, below its root or its base URL.
    """

    name: str
    dialect: Dialect = _PLAIN
    hosts: Tuple[str, ...] = ()
    key_header: str = ""
    is_azure: bool = False
    needs_address: bool = False
    details: str = ""
    waits_for_loading: bool = False
    kind: Literal["cloud", "server"] = "cloud"


# OpenAI's models from o1 on take their instructions from a developer; "system" is the older word.
_DEVELOPER_MODELS = re.compile(r"^(?:o\d|gpt-5|gpt-[6-9])")
_SERVER = Dialect(switch="template")

VENDORS: Dict[str, Vendor] = {one.name: one for one in (
    Vendor("openai", Dialect(
        length_field="max_completion_tokens", developer_models=_DEVELOPER_MODELS, takes_pdf=True,
    ), hosts=("api.openai.com",)),
    Vendor("azure", Dialect(
        length_field="max_completion_tokens", developer_models=_DEVELOPER_MODELS, takes_pdf=True,
    ), hosts=(".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"), key_header="api-key",
        is_azure=True, needs_address=True),
    Vendor("deepseek", Dialect(
        schema_form="json_object", reasoning_field="reasoning_content", switch="thinking",
    ), hosts=("api.deepseek.com",)),
    Vendor("groq", Dialect(length_field="max_completion_tokens", think_tags=True), hosts=("api.groq.com",)),
    Vendor("xai", Dialect(length_field="max_completion_tokens"), hosts=("api.x.ai", ".api.x.ai"),
           details="base:language-models"),
    Vendor("lmstudio", _SERVER, details="root:api/v1/models", kind="server"),
    Vendor("vllm", _SERVER, kind="server"),
    Vendor("llamacpp", replace(_SERVER, extra_body={"return_progress": True}), waits_for_loading=True, kind="server"),
    Vendor("litellm", Dialect(takes_pdf=True), details="root:model/info", kind="server"),
)}
# A server that nobody named: on the local network most likely one of the three above, elsewhere a vendor's gateway.
_UNKNOWN_LOCAL = Vendor("", _SERVER, details="root:api/v1/models", waits_for_loading=True, kind="server")
_UNKNOWN = Vendor("", Dialect(takes_pdf=True))


def vendor_of(settings: ProviderSettings, base_url: str) -> Vendor:
    """The vendor behind a row. Raises SettingsError for an option that names none."""
    named = settings.options.get("vendor")
    if named is not None and named not in VENDORS:
        known = ", ".join(VENDORS)
        raise SettingsError(
            f"providers.{settings.name}.options.vendor = {named!r} is none of {known}",
            user_text=tr("The option vendor of {name} is not valid.", name=settings.name),
            next_step=tr("Set it to one of: {known}.", known=known),
        )
    if named is not None:
        return VENDORS[str(named)]
    # "openai" is what every address of the dialect is put under, so its name says nothing.
    if settings.name in VENDORS and settings.name != "openai":
        return VENDORS[settings.name]
    host = (urlsplit(base_url).hostname or "").rstrip(".").lower()
    for vendor in VENDORS.values():
        if any(host == known or (known[0] == "." and host.endswith(known)) for known in vendor.hosts):
            return vendor
    return _UNKNOWN_LOCAL if is_private_url(base_url) else _UNKNOWN

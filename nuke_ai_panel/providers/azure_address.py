"""Azure's addresses: an endpoint, a deployment or the newer v1 path, and the version that the older ones need. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from .urls import join_url

DEFAULT_API_VERSION = "2024-10-21"
# The last version whose data plane lists deployments; newer ones ask the management plane, which takes no key.
_LIST_VERSION = "2023-03-15-preview"
_DEPLOYMENT = re.compile(r"^(?P<root>.*?)/openai/deployments/(?P<name>[^/]+)(?:/.*)?$")


@dataclass(frozen=True)
class AzureAddress:
    """A resource. `root` is its endpoint; `deployment` is set when the address names one; `is_v1` is the newer path."""

    root: str
    deployment: Optional[str] = None
    api_version: Optional[str] = None
    is_v1: bool = False

    def chat_url(self, model: str) -> str:
        """Where a question goes; a model is the name of a deployment."""
        if self.is_v1:
            return self._versioned(join_url(self.root, "openai/v1/chat/completions"), None)
        name = quote(self.deployment or model, safe="")
        return self._versioned(
            join_url(self.root, f"openai/deployments/{name}/chat/completions"), DEFAULT_API_VERSION)

    def models_url(self) -> str:
        """Where the resource says what it has."""
        if self.is_v1:
            return self._versioned(join_url(self.root, "openai/v1/models"), None)
        return f"{join_url(self.root, 'openai/deployments')}?api-version={_LIST_VERSION}"

    def _versioned(self, url: str, default: Optional[str]) -> str:
        version = self.api_version or default
        return f"{url}?{urlencode({'api-version': version})}" if version else url


def read_address(base_url: str, api_version: Optional[str] = None) -> AzureAddress:
    """What a base URL names, however much of a request's address was pasted. An option's version wins over a URL's."""
    parts = urlsplit(base_url)
    said = next((value for name, value in parse_qsl(parts.query) if name.lower() == "api-version"), None)
    version = (api_version or "").strip() or said
    head = f"{parts.scheme}://{parts.netloc}"
    found = _DEPLOYMENT.match(parts.path)
    if found is not None:
        return AzureAddress(head + found["root"], unquote(found["name"]), version)
    path = parts.path.rstrip("/")
    if path.endswith("/openai/v1"):
        return AzureAddress(head + path[: -len("/openai/v1")], None, version, is_v1=True)
    return AzureAddress(head + (path[: -len("/openai")] if path.endswith("/openai") else path), None, version)

"""The lists of models known so far: read from the cache, brought by providers, marked by the policy. Any thread."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Callable, Dict, Iterable, Optional, Tuple

from ..messages import ErrorInfo
from ..providers.base import ModelInfo
from ..settings import ProviderSettings
from ..settings.policy import Policy
from ..settings.policy_rules import refusal
from .passing import subject_of_row
from .provider_status import ModelCatalogue

Models = Tuple[ModelInfo, ...]
_NO_LIST: Tuple[float, Models] = (0.0, ())


class ModelLists:
    """One list per provider. `read` loads a provider's cached list, `policy` is the studio's as it was last seen."""

    def __init__(
        self, row: Callable[[str], ProviderSettings], policy: Callable[[], Policy],
        read: Callable[[ProviderSettings], Optional[Tuple[float, Models]]],
    ) -> None:
        self._row = row
        self._policy = policy
        self._read = read
        self._lock = threading.Lock()
        self._lists: Dict[str, Tuple[float, Models]] = {}
        self._errors: Dict[str, ErrorInfo] = {}
        self._was_read: Dict[str, bool] = {}
        self._marks: Dict[str, Tuple[Policy, Models, Models]] = {}

    def catalogue(self, names: Iterable[str]) -> ModelCatalogue:
        """What is known, without waiting for anything but, the first time, a small file."""
        names = tuple(names)
        for one in names:
            self.read_cache(one)
        with self._lock:
            lists = {one: self._lists[one] for one in names if one in self._lists}
            errors = {one: self._errors[one] for one in names if one in self._errors}
        return ModelCatalogue(
            tuple(model for one, (_, models) in lists.items() for model in self._marked(one, models)),
            {one: fetched_at for one, (fetched_at, _) in lists.items()}, errors,
        )

    def find(self, name: str, model: str) -> Optional[ModelInfo]:
        """What the list that is in memory says about a model by its id."""
        return next((one for one in self._lists.get(name, _NO_LIST)[1] if one.id == model), None)

    def was_read(self, name: str) -> bool:
        """Whether the cached list was looked for."""
        return name in self._was_read

    def read_cache(self, name: str) -> None:
        """Takes the cached list, unless there is a newer one. Reads a file, once."""
        if self._was_read.get(name):
            return
        self._was_read[name] = True
        found = self._read(self._row(name))
        with self._lock:
            if found is not None and name not in self._lists:
                self._lists[name] = found

    def keep(self, name: str, fetched_at: float, models: Models) -> None:
        """The provider has said which models it has."""
        with self._lock:
            self._lists[name] = (fetched_at, models)
            self._errors.pop(name, None)

    def failed(self, name: str, error: ErrorInfo) -> None:
        """The provider could not be asked; the old list stays."""
        with self._lock:
            self._errors[name] = error

    def forget(self, name: str) -> None:
        """Nothing is known any more."""
        with self._lock:
            for known in (self._lists, self._errors, self._was_read):
                known.pop(name, None)

    def _marked(self, name: str, models: Models) -> Models:
        """The models, those that the policy forbids with the reason."""
        policy, known = self._policy(), self._marks.get(name)
        if not policy:
            return models
        if known is None or known[0] is not policy or known[1] is not models:
            row = self._row(name)
            refusals = [refusal(policy, subject_of_row(row, one.id)) for one in models]
            marked = tuple(
                one if refused is None else replace(one, unavailable_reason=f"forbidden by policy ({refused.rule})")
                for one, refused in zip(models, refusals)
            )
            known = self._marks[name] = (policy, models, marked)
        return known[2]

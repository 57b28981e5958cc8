"""What a template's head or a request's body says of the parameters: each of its kind and within its range. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Mapping

from ..messages import Json
from ..providers.base import Parameters
from ..settings.table import ROWS, check
from ..words import tr
from .front_matter import PARAMETERS
from .templates import RowError

# The ranges are those of the settings; how many stops there may be is the provider's affair.
_ROWS = {**ROWS["parameters"], "stop": replace(ROWS["parameters"]["stop"], maximum=None)}


def parameters_of(given: Mapping[str, Json]) -> Parameters:
    """The parameters among what is given. Raises RowError for one that no provider could take."""
    found: Dict[str, Any] = {}  # Any: values of many kinds
    for name in PARAMETERS:
        value = given.get(name)
        if name == "stop" and isinstance(value, str):
            value = [value] if value else None
        if value is None:
            continue
        try:
            problem = check(_ROWS[name], value)[1]
        except OverflowError:
            problem = tr("is too large")
        if problem:
            raise RowError(f"{name} {problem}", next_step=tr("Mend {name}.", name=name))
        found[name] = tuple(value) if name == "stop" else value
    return Parameters(**found)

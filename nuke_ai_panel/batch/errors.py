"""What ends a batch before its last row: each error knows its exit code."""

from __future__ import annotations

from ..errors import NukeAIError
from .values import CAPPED, INVALID, LOCKED, REFUSED


class BatchError(NukeAIError):
    """A batch cannot go on; `code` is the exit code."""

    kind = "batch"
    code = REFUSED


class InvalidBatchError(BatchError):
    """The input, the template, the price or the schema is wrong. Nothing was sent."""

    code = INVALID


class LockedRunError(BatchError):
    """Another process writes to the run directory."""

    code = LOCKED


class CappedError(BatchError):
    """A cap of money or time is reached."""

    code = CAPPED


class RefusedError(BatchError):
    """The provider refuses for good: the key, the credit, the model; or too many rows failed."""

    code = REFUSED

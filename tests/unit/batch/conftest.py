"""The bench, for every test of batches."""

from __future__ import annotations

from .farm_kit import farm
from .kit import bench

__all__ = ["bench", "farm"]

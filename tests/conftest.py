"""Fixtures for every test; they live beside what they start."""

from __future__ import annotations

pytest_plugins = ["tests.fakes.fixtures"]

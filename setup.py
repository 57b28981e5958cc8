"""Builds both packages; the metadata is declared in pyproject.toml."""

from setuptools import setup

setup()

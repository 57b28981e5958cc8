"""Builds a folder that a Nuke can load, takes it away again, and says what is missing in one. Standard library only.

Whatever is missing or broken, this must still be importable: it is what names the cause.
"""

"""Where a name stands in a settings file, whatever the file looks like."""

from __future__ import annotations

import pytest

from nuke_ai_panel.settings.addresses import is_loopback_url, origin_of
from nuke_ai_panel.settings.toml_file import find_lines

FILE = '''\
# a comment with key = value
top = 1
a.b."c.d" = 2
[ table ] # said
key = """
inside = 3
[not.a.table]
"""
"quoted name" = 4
list = [
  1,
]
[table."sub table"]
x = '' # ''' + "'''" + '''
[[many]]
y = 5
'''


def test_lines_of_tables_keys_and_quoted_names() -> None:
    lines = find_lines(FILE)

    assert lines[("top",)] == 2
    assert lines[("a", "b", "c.d")] == 3
    assert (lines[("table",)], lines[("table", "key")], lines[("table", "quoted name")]) == (4, 5, 9)
    assert ("table", "inside") not in lines and ("not", "a", "table") not in lines
    assert lines[("table", "sub table", "x")] == 14


@pytest.mark.parametrize(("address", "expected"), [
    ("http://127.0.0.1:8080/v1", True), ("localhost", True), ("http://LOCALHOST:1/", True), (":11434", True),
    ("http://[::1]:8/v1", True), ("0.0.0.0", True), ("127.9.9.9", True), ("http://a.localhost", True),
    ("http://127.0.0.1.evil.com", False), ("http://10.0.0.1", False), ("example.com", False),
    ("http://localhost.example.com", False), ("https://api.openai.com/v1", False), ("http://[bad", False),
])
def test_this_machine_is_told_from_others(address: str, expected: bool) -> None:
    assert is_loopback_url(address) is expected


def test_an_origin_has_its_port_and_no_path() -> None:
    assert origin_of("https://api.openai.com/v1") == "https://api.openai.com:443"
    assert origin_of("http://h:80/x") == origin_of("http://h") == "http://h:80"

"""Bodies and headers, encoded and decoded; and what is masked in text that people see."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Dict

import pytest

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.providers.payload import (
    address_of,
    clean_headers,
    encode_json,
    inflate,
    is_large,
    parse_json,
    redirect_target,
    slices,
)
from nuke_ai_panel.providers.redact import MASK, redact

PLAIN = b'{"ok": "' + b"x" * 500 + b'"}'


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("", PLAIN), ("identity", PLAIN), ("gzip", gzip.compress(PLAIN)), (" X-GZIP ", gzip.compress(PLAIN)),
     ("deflate", zlib.compress(PLAIN)), ("deflate", raw_deflate(PLAIN))],
)
def test_known_encodings_are_undone(encoding: str, packed: bytes) -> None:
    assert inflate(packed, encoding, 1000) == PLAIN


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("br", PLAIN), ("gzip", PLAIN), ("deflate", PLAIN), ("gzip", gzip.compress(PLAIN)[:-9]),
     ("gzip", gzip.compress(b"\0" * (1 << 20)))],
    ids=["unknown", "not gzip", "not deflate", "cut", "bomb"],
)
def test_bad_encodings_are_refused(encoding: str, packed: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        inflate(packed, encoding, 1000)
    assert caught.value.kind == "protocol"


def test_size_is_judged_without_encoding() -> None:
    assert is_large({"messages": [{"content": ["x" * 700, "y" * 700]}]}, limit=1000)
    assert not is_large({"messages": [{"content": "x" * 700, "n": 5, "none": None}]}, limit=1000)


def test_slices_are_the_whole() -> None:
    data = bytes(range(256)) * 1000
    assert b"".join(slices(data, 1000)) == data
    assert max(len(piece) for piece in slices(data, 1000)) == 1000


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_lacks_are_refused(number: float) -> None:
    with pytest.raises(ProviderError) as caught:
        encode_json({"temperature": number})
    assert caught.value.kind == "bad_request"


def test_encoded_json_reads_back() -> None:
    body = {"text": "größe 中 😀", "n": [1, 2.5, None, True]}
    assert json.loads(encode_json(body)) == body


@pytest.mark.parametrize("data", [b"", b"  \n", b"<html>", b'{"a":', b"[" * 200_000])
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        parse_json(data, "text/plain")
    assert caught.value.kind == "protocol"


def test_bom_before_json_is_ignored() -> None:
    assert parse_json(b"\xef\xbb\xbf[1]", "application/json") == [1]


HEADERS = [
    ({"A": " x \r\n"}, {"A": "x"}),
    ({"A": "x"}, {"A": "x"}),
    ({"Authorization": "Bearer a\nb"}, {"Authorization": "Bearer ab"}),
    ({"authorization": "Bearer"}, {}),
    ({"X-Api-Key": " "}, {}),
    ({"A": ""}, {"A": ""}),
]


@pytest.mark.parametrize(("given", "sent"), HEADERS)
def test_headers_are_cleaned(given: Dict[str, str], sent: Dict[str, str]) -> None:
    assert clean_headers(given) == sent


def test_later_headers_win_whatever_their_case() -> None:
    assert clean_headers({"User-Agent": "a", "B": "1"}, {"user-agent": "b"}) == {"User-Agent": "b", "B": "1"}


@pytest.mark.parametrize(("name", "kind"), [("Authorization", "auth"), ("X-Title", "bad_request")])
@pytest.mark.parametrize("value", ["Bearer sk-…", "Bearer “sk”", "a\tb", "a\x7f"])
def test_impossible_header_values_are_refused(name: str, value: str, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        clean_headers({name: value}, provider="studio")
    assert caught.value.kind == kind
    assert value not in caught.value.message


@pytest.mark.parametrize(("url", "address"), [
    ("http://h/x", "h:80"), ("https://u:p@h:8443/x?key=1", "h:8443"), ("https://[::1]/", "[::1]:443"),
    ("http://[", "an address that is none"),
])
def test_address_names_host_and_port_only(url: str, address: str) -> None:
    assert address_of(url) == address


@pytest.mark.parametrize(("location", "target"), [
    ("/login?next=secret", "https://h:443"), ("http://evil.test/x", "http://evil.test:80"), ("", "nowhere"),
    ("file:///etc/passwd", "a file: address"), ("http://[", "an address that is none"), ("//other.test/", "https://other.test:443"),
])
def test_redirect_target_is_an_origin(location: str, target: str) -> None:
    assert redirect_target("https://h/v1", location) == target


@pytest.mark.parametrize("text", [
    "Incorrect API key provided: sk-proj-abcdef0123456789", "Authorization: Bearer abcdefghijkl",
    "https://artist:hunter2secret@proxy.test/", "https://g.test/v1?key=AIzaSyA0123456789abcdef&x=1",
    "xx my-own-secret-value xx", "xx my-own%2Fsecret%20value xx", "data:image/png;base64,QUJDREVGR0hJSktMTU5PUA==",
])
def test_secrets_are_masked(text: str) -> None:
    shown = redact(text, ("my-own-secret-value", "my-own/secret value"))
    assert MASK in shown
    for secret in ("abcdef", "hunter2", "AIza", "my-own", "QUJD"):
        assert secret not in shown


def test_ordinary_text_is_left_alone() -> None:
    text = "model m is overloaded, ask again in 20 s (task-force, disk-usage)\nsecond line"
    assert redact(text, ("sk-canary-0123456789",)) == text


def test_control_characters_and_length_are_tamed() -> None:
    assert redact("a\x1b[31mb\u202ec\x00") == "a [31mb c "
    assert len(redact("x" * 10_000)) == 2001

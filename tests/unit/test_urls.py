"""Base URLs and Ollama addresses in every form that people write them."""

from __future__ import annotations

import pytest

from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.providers.urls import (
    is_loopback_url,
    is_private_host,
    is_private_url,
    join_url,
    normalise_base_url,
    ollama_base_url,
    ollama_host,
    origin_of,
)

# The reference table of Ollama's own environment reader.
OLLAMA_HOSTS = [
    ("", "http://127.0.0.1:11434"),
    ("1.2.3.4", "http://1.2.3.4:11434"),
    (":1234", "http://:1234"),
    ("1.2.3.4:1234", "http://1.2.3.4:1234"),
    ("example.com", "http://example.com:11434"),
    ("example.com:1234", "http://example.com:1234"),
    (":0", "http://:0"),
    (":66000", "http://:11434"),
    (":-1", "http://:11434"),
    ("[::1]", "http://[::1]:11434"),
    ("[::]", "http://[::]:11434"),
    ("::1", "http://[::1]:11434"),
    ("[::1]:1337", "http://[::1]:1337"),
    (" 1.2.3.4 ", "http://1.2.3.4:11434"),
    ('"1.2.3.4"', "http://1.2.3.4:11434"),
    (' " 1.2.3.4 " ', "http://1.2.3.4:11434"),
    ("'1.2.3.4'", "http://1.2.3.4:11434"),
    ("http://1.2.3.4", "http://1.2.3.4:80"),
    ("http://1.2.3.4:4321", "http://1.2.3.4:4321"),
    ("https://1.2.3.4", "https://1.2.3.4:443"),
    ("https://1.2.3.4:4321", "https://1.2.3.4:4321"),
    ("https://example.com/ollama", "https://example.com:443/ollama"),
    ("ollama.com", "https://ollama.com:443"),
]
CONNECTABLE = [
    (None, "http://127.0.0.1:11434"),
    ("", "http://127.0.0.1:11434"),
    ("localhost", "http://localhost:11434"),
    ("127.0.0.1:5000", "http://127.0.0.1:5000"),
    ("0.0.0.0", "http://127.0.0.1:11434"),
    ("0.0.0.0:8080", "http://127.0.0.1:8080"),
    ("http://0.0.0.0:8080", "http://127.0.0.1:8080"),
    ("https://0.0.0.0", "https://127.0.0.1:443"),
    (":1234", "http://127.0.0.1:1234"),
    ("[::]", "http://[::1]:11434"),
    ("[::]:8080", "http://[::1]:8080"),
    ("::", "http://[::1]:11434"),
    ("[::1]:1337", "http://[::1]:1337"),
    ("0.0.0.0/ollama", "http://127.0.0.1:11434/ollama"),
    ("https://h/path/", "https://h:443/path"),
    ("http://localhost:11434/api", "http://localhost:11434"),
    ("http://localhost:11434/v1/", "http://localhost:11434"),
    ("http://localhost:11434/api/chat", "http://localhost:11434"),
    ("ollama.com", "https://ollama.com:443"),
    ("HTTP://Example.com:8080", "http://example.com:8080"),
    ("renderbox:99999", "http://renderbox:11434"),
]
BASE_URLS = [
    ("https://api.openai.com/v1", "https://api.openai.com/v1"),
    ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
    ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1"),
    ("https://api.openai.com/v1/chat/completions/", "https://api.openai.com/v1"),
    ("https://api.openai.com/v1/models", "https://api.openai.com/v1"),
    (" 'http://127.0.0.1:1234/v1/' ", "http://127.0.0.1:1234/v1"),
    ("127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
    ("renderbox:8000/v1", "http://renderbox:8000/v1"),
    ("10.0.0.4:8000", "http://10.0.0.4:8000"),
    ("llm.studio.example/v1", "https://llm.studio.example/v1"),
    ("http://host", "http://host"),
    ("https://r.example/openai/deployments/d/chat/completions?api-version=1", "https://r.example/openai/deployments/d?api-version=1"),
    ("", ""),
]


@pytest.mark.parametrize(("value", "expected"), OLLAMA_HOSTS)
def test_ollama_host_means_what_it_means_to_ollama(value: str, expected: str) -> None:
    assert ollama_host(value) == expected


@pytest.mark.parametrize(("value", "expected"), CONNECTABLE)
def test_ollama_base_url_can_be_connected_to(value: str, expected: str) -> None:
    assert ollama_base_url(value) == expected


@pytest.mark.parametrize(("value", "expected"), BASE_URLS)
def test_base_url_loses_what_was_pasted_with_it(value: str, expected: str) -> None:
    assert normalise_base_url(value) == expected


@pytest.mark.parametrize("value", ["ftp://host/v1", "http://", "http://host:port/v1", "http://[::1", "://x"])
def test_base_url_that_is_none_names_the_text(value: str) -> None:
    with pytest.raises(SettingsError, match="not a"):
        normalise_base_url(value)


def test_join_keeps_the_query_of_the_base_at_the_end() -> None:
    assert join_url("https://h/v1", "chat/completions") == "https://h/v1/chat/completions"
    assert join_url("https://h/v1/", "/models") == "https://h/v1/models"
    assert join_url("https://h/d?api-version=1", "chat/completions") == "https://h/d/chat/completions?api-version=1"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/v1", "http://localhost", "http://LOCALHOST.:80", "http://[::1]:1", "http://127.9.9.9", "http://0.0.0.0:1",
     "http://a.localhost", "http://[::ffff:127.0.0.1]:1"],
)
def test_loopback_is_recognised(url: str) -> None:
    assert is_loopback_url(url)


@pytest.mark.parametrize(
    "url", ["http://example.com", "http://10.0.0.1", "http://localhost.example.com", "http://127.0.0.1.example.com", "https://128.0.0.1"]
)
def test_other_hosts_are_not_loopback(url: str) -> None:
    assert not is_loopback_url(url)


def test_private_hosts_are_told_from_public_ones() -> None:
    private = ["10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "fd00::1", "[fe80::1]", "renderbox", "llm.local"]
    public = ["8.8.8.8", "172.32.0.1", "example.com", "2606:4700::1111", "local.example.com"]

    assert [host for host in private if not is_private_host(host)] == []
    assert [host for host in public if is_private_host(host)] == []
    assert is_private_url("http://192.168.1.1:8000/v1")


def test_origin_drops_path_query_and_credentials() -> None:
    assert origin_of("https://user:pw@h.example:8443/v1?key=1") == "https://h.example:8443"

"""Listens to every packet while servers answer with redirects; run as a program, in a network namespace of its own.

    unshare -n python -m tests.campaigns.redirect_capture      # prints one JSON object

Loopback is up, and whatever is meant for anywhere else goes into a tun device that leads nowhere: so a second request
shows, wherever it was to go, and so does a question to a name server.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import struct
import subprocess
import threading
from typing import Dict, List, Optional, Set, Tuple

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.messages import Message
from nuke_ai_panel.providers.base import ChatRequest
from nuke_ai_panel.providers.http import HttpClient, HttpOptions
from nuke_ai_panel.providers.registry import provider_class, provider_kinds
from nuke_ai_panel.settings import ProviderSettings
from tests.fakes import fault_server as fake

KEY = "sk-canary-0123456789abcdef"
STATUSES = (300, 301, 302, 303, 304, 305, 307, 308)
KEYS = ({"Authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}, {"api-key": KEY}, {"x-goog-api-key": KEY}, {})
ALL_PROTOCOLS = 0x0003
QUESTION = ChatRequest("m", (Message("q", "c", None, "user", "secret prompt"),))


class Capture:
    """Who was called: every first packet of a TCP connection, and every other packet that is not TCP."""

    def __init__(self) -> None:
        self.calls: Set[Tuple[str, int]] = set()
        self.syns = 0
        self.strays: List[str] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            packet, (device, protocol, kind, *_) = self._socket.recvfrom(65536)
            if kind == 4 and device == "lo":  # loopback shows each packet twice, once as it leaves
                continue
            self._take(packet, protocol, device)

    def _take(self, packet: bytes, protocol: int, device: str) -> None:
        if protocol == 0x0800:
            inner, transport, target = packet[(packet[0] & 15) * 4:], packet[9], socket.inet_ntoa(packet[16:20])
        elif protocol == 0x86DD:
            inner, transport = packet[40:], packet[6]
            target = socket.inet_ntop(socket.AF_INET6, packet[24:40])
        else:
            return
        if transport == 6:
            if inner[13] & 0x12 == 0x02:
                self.syns += 1
                self.calls.add((target, struct.unpack(">H", inner[2:4])[0]))
        elif transport in (17, 132):
            self.strays.append(f"{device} {transport} {target}")


def targets(second: fake.FaultServer, first_port: int) -> Tuple[str, ...]:
    """Where the redirects point: another port, another address, another name, another scheme, itself."""
    port = second.port
    return (
        f"http://127.0.0.1:{port}/stolen", f"http://localhost:{port}/", f"http://127.0.0.2:{port}/",
        f"//127.0.0.1:{port}/",
        f"https://127.0.0.1:{port}/", f"http://[::1]:{port}/", "http://10.77.0.9/", "http://8.8.8.8:80/",
        "https://evil.example/v1", f"http://user:pass@127.0.0.1:{port}/", "file:///etc/passwd", "ftp://127.0.0.1/x",
        "/elsewhere", "?again", "", f"http://127.0.0.1:{first_port}/v1/chat/completions", "gopher://10.77.0.9:70/",
    )


def main() -> None:
    """Sets the network up, asks, and says who was called."""
    for command in ("link set lo up", "tuntap add nap0 mode tun", "addr add 10.77.0.1/32 dev nap0", "link set nap0 up",
                    "route add default dev nap0"):
        subprocess.run(["ip", *command.split()], check=True)
    nowhere = os.open("/dev/net/tun", os.O_RDWR)  # somebody must hold the other end for the device to be up
    fcntl.ioctl(nowhere, 0x400454CA, struct.pack("16sH22x", b"nap0", 0x1001))
    capture = Capture()
    proof = socket.socket()
    proof.setblocking(False)
    proof.connect_ex(("10.99.0.1", 4242))  # the capture sees what leaves
    with fake.FaultServer(fake.json_answer({"stolen": True})) as second, fake.FaultServer(fake.answer(500)) as first:
        asked, errors = asyncio.run(ask_everything(first, second))
        found = {
            "asked": asked, "errors": errors, "arrived": len(first.requests), "stolen": second.connections,
            "port": first.port,
        }
    calls = sorted(f"{host} {port}" for host, port in capture.calls)
    print(json.dumps({**found, "calls": calls, "strays": capture.strays, "syns": capture.syns}), flush=True)
    os._exit(0)


async def ask_everything(first: fake.FaultServer, second: fake.FaultServer) -> Tuple[int, Dict[str, int]]:
    """Every kind of redirect for every style of key and for every provider; the number of requests and of errors."""
    asked, errors = 0, {}  # type: Tuple[int, Dict[str, int]]

    def count(error: Optional[ProviderError]) -> None:
        kind = error.kind if error is not None else "none"
        errors[kind] = errors.get(kind, 0) + 1

    client = HttpClient("studio", HttpOptions(connect_timeout_s=2.0), secrets=[KEY])
    for status in STATUSES:
        for location in targets(second, first.port):
            for headers in KEYS:
                first.behaviours[:] = [fake.redirect(status, location)]
                for work in (client.get_json(first.url, headers=headers),
                             client.post_json(first.url, {"prompt": "secret"}, headers=headers),
                             client.post_stream(first.url, {"prompt": "secret"}, headers=headers)):
                    asked += 1
                    try:
                        await work
                    except ProviderError as error:
                        count(error)
                    else:
                        count(None)
    await client.close()
    for kind in provider_kinds():
        if kind in ("local", "scripted"):
            continue
        for status in (302, 307, 308):
            first.behaviours[:] = [fake.redirect(status, f"http://127.0.0.1:{second.port}/v1")]
            provider = provider_class(kind)(ProviderSettings(kind, kind=kind, base_url=f"{first.url}/v1"), key=KEY)
            before = len(first.requests)
            try:
                async for _ in provider.stream(QUESTION):
                    count(None)
            except ProviderError as error:
                count(error)
            asked += len(first.requests) - before
            before = len(first.requests)
            try:
                await provider.models()
            except ProviderError as error:
                count(error)
            asked += len(first.requests) - before
            await provider.close()
    return asked, errors


if __name__ == "__main__":
    main()

"""A package index on loopback with one wheel: it can cut its answers, forget how to continue, and serve other bytes."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import List, Optional

PROJECT = "tiny-model"
FILE_NAME = "tiny_model-1.0-py3-none-any.whl"


class PackageIndex:
    """Serves `wheel` at `url`. `ranges` are the Range headers that asked for it, oldest first."""

    def __init__(
        self, wheel: bytes, *, lists_it: bool = True, speaks_json: bool = False, project: str = PROJECT,
        file_name: str = FILE_NAME,
    ) -> None:
        self.wheel = wheel
        self.page_path, self.wheel_path = f"/simple/{project}/", f"/files/{file_name}"
        self.lists_it, self.speaks_json = lists_it, speaks_json
        self.cut_after_bytes: List[int] = []
        self.knows_ranges = True
        self.status = 200
        self.hold: Optional[threading.Event] = None
        self.ranges: List[str] = []
        self.pages = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02], name="package-index")
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/simple"

    def __enter__(self) -> PackageIndex:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.hold is not None:
            self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def page(self) -> bytes:
        """The project's page."""
        name = self.wheel_path.rpartition("/")[2]
        if self.speaks_json:
            return json.dumps({"files": [{"filename": name, "url": self.wheel_path}] if self.lists_it else []}).encode()
        link = f'<a href="../..{self.wheel_path}#sha256=0000" data-requires-python="&gt;=3.9">{name}</a><br/>'
        return f"<!DOCTYPE html><html><body>{link if self.lists_it else ''}</body></html>".encode()

    def _handler(self) -> type:
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == index.page_path:
                    index.pages += 1
                    kind = "application/vnd.pypi.simple.v1+json" if index.speaks_json else "text/html"
                    self._answer(index.status, kind, index.page())
                elif self.path == index.wheel_path:
                    self._wheel()
                else:
                    self._answer(404, "text/plain", b"no")

            def _wheel(self) -> None:
                asked = self.headers.get("Range", "")
                index.ranges.append(asked)
                start = int(asked[6:-1]) if asked and index.knows_ranges else 0
                if start > len(index.wheel):
                    self._answer(416, "text/plain", b"")
                    return
                body = index.wheel[start:]
                self.send_response(206 if asked and index.knows_ranges else 200)
                if asked and index.knows_ranges:
                    self.send_header("Content-Range", f"bytes {start}-{len(index.wheel) - 1}/{len(index.wheel)}")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                cut = index.cut_after_bytes.pop(0) if index.cut_after_bytes else len(body)
                self.wfile.write(body[:cut])
                self.wfile.flush()
                if index.hold is not None:
                    index.hold.wait(10)
                self.close_connection = True

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler

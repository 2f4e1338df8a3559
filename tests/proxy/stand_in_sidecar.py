"""A small sidecar for supervision tests: holds its lock, answers /healthz, ends on SIGTERM, can be told to fail.

With a file `fail` in the data directory it prints that file's text and exits 1; with a file `hang` it listens but
never answers.
"""

from __future__ import annotations

import argparse
import http.server
import signal
import sys
import time
from pathlib import Path

from clauditor.proxy import locks
from clauditor.proxy.rundir import RunDir


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Stay quiet."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--api-port", type=int, required=True)
    options, _ = parser.parse_known_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    fail = options.data_dir / "fail"
    if fail.exists():
        sys.exit(fail.read_text())
    locks.hold(RunDir(options.data_dir).sidecar_lock)
    while (options.data_dir / "hang").exists():
        time.sleep(0.05)
    http.server.ThreadingHTTPServer(("127.0.0.1", options.api_port), Handler).serve_forever()


if __name__ == "__main__":
    main()

"""A real Prometheus that scrapes a sidecar, for as long as a test needs it."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from support.waiting import until

SCRAPE_SECONDS = 0.5
NO_PROMETHEUS = "no prometheus program here (Debian: apt install prometheus)"


@dataclass(frozen=True)
class Series:
    """One series of an answer: its labels, and (time, value) of every sample that is a number."""

    labels: dict[str, str]
    samples: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        return self.samples[-1][1]


@dataclass(frozen=True)
class Prometheus:
    client: httpx.Client

    def now(self) -> float:
        """Seconds since the epoch, by the clock of the one who is asked."""
        return self.instant("vector(time())")[0].last

    def instant(self, expr: str) -> list[Series]:
        return _series(self._get("query", query=expr)["result"])

    def over(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        return _series(self._get("query_range", query=expr, start=start, end=end, step=step)["result"])

    def values(self, label: str, metric: str) -> list[str]:
        found: list[str] = self._get(f"label/{label}/values", **{"match[]": metric})
        return found

    def _get(self, path: str, **params: Any) -> Any:
        answer = self.client.get(f"/api/v1/{path}", params=params)
        body = answer.json()
        assert body["status"] == "success", f"{params}: {body}"
        return body["data"]


@contextlib.contextmanager
def scraping(
    directory: Path, sidecar_url: str, token_file: Path, rules: Sequence[Path] = ()
) -> Iterator[Prometheus]:
    """Prometheus on a free port; entered once the first scrape succeeded."""
    program = shutil.which("prometheus")
    assert program is not None
    config = {
        "global": {
            "scrape_interval": f"{SCRAPE_SECONDS * 1000:.0f}ms",
            "scrape_timeout": f"{SCRAPE_SECONDS * 1000:.0f}ms",
            "evaluation_interval": f"{SCRAPE_SECONDS * 1000:.0f}ms",
        },
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {
                "job_name": "clauditor",
                "authorization": {"credentials_file": str(token_file)},
                "static_configs": [{"targets": [sidecar_url.removeprefix("http://")]}],
            }
        ],
    }
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML as well
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
            prometheus = Prometheus(client)

            def scraped() -> bool:
                assert process.poll() is None, (directory / "log").read_text()
                with contextlib.suppress(httpx.TransportError, json.JSONDecodeError):
                    return any(series.last == 1 for series in prometheus.instant("up"))
                return False

            until(scraped, "the first scrape")
            yield prometheus
    finally:
        process.kill()
        process.wait()


def _series(result: list[dict[str, Any]]) -> list[Series]:
    found = []
    for one in result:
        pairs = one["values"] if "values" in one else [one["value"]]
        numbers = tuple((float(at), float(value)) for at, value in pairs if not math.isnan(float(value)))
        if numbers:
            found.append(Series(one["metric"], numbers))
    return found

"""Writes every dashboard to grafana/dashboards, and removes what is none of them."""

from __future__ import annotations

from pathlib import Path

from grafana.boards.files import files

DIRECTORY = Path(__file__).parents[1] / "dashboards"


def main() -> None:
    wanted = files()
    for path in DIRECTORY.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

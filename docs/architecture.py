"""Draw the pictures of ``architecture.md`` from the contracts in pyproject.toml: ``python docs/architecture.py``."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- begin: {} (python docs/architecture.py) -->\n", "<!-- end -->"


def rows(contract: str) -> list[list[str]]:
    """The rooms of a contract of layers whose name begins so, the uppermost row first."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [each["layers"] for each in linter["contracts"] if each["name"].startswith(contract)]
    return [re.split(r"\s*[|:]\s*", layer) for layer in layers]


def page() -> str:
    """The page as it should be: its text, with the pictures drawn anew."""
    text = PAGE.read_text(encoding="utf-8")
    for contract in ("The rooms", "Inside the launchers", "Inside the optimizer", "Inside the sweep"):
        begin = BEGIN.format(contract)
        before, found, rest = text.partition(begin)
        if not found:
            raise SystemExit(f"{PAGE} has no line {begin!r}")
        text = before + begin + "\n".join(_picture(rows(contract))) + "\n" + END + rest.partition(END)[2]
    return text


def _picture(layers: Sequence[Sequence[str]]) -> Iterator[str]:
    """A box for each row with its rooms in it, and an arrow from each row to the next one below."""
    yield "```mermaid"
    yield "flowchart TB"
    for number, rooms in enumerate(layers):
        yield f'  subgraph row{number}[" "]'
        yield "    direction LR"
        yield from (f'    {_key(room)}["{room}"]' for room in rooms)
        yield "  end"
    yield from (f"  row{number} --> row{number + 1}" for number in range(len(layers) - 1))
    yield "```"


def _key(room: str) -> str:
    """Mermaid takes some words, such as ``end``, for its own."""
    return "room_" + re.sub(r"\W", "_", room)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

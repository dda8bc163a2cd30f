"""Assembles the page from its template, styles, scripts, plotly and the sweep's data; it loads no other file."""

import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from ax_moo.system.disk import replace_file

# The order matters: each script uses those before it.
_SCRIPTS = (
    "text",
    "dom",
    "copying",
    "plots",
    "sweep",
    "view",
    "summary",
    "points",
    "best_so_far",
    "frontier",
    "progress",
    "table",
    "timeline",
    "curves",
    "scales",
    "parallel",
    "surrogate",
    "surfaces",
    "failures",
    "reproduce",
    "main",
)


def page(payload: Mapping[str, Any]) -> str:
    """The HTML that shows a payload of ``payload.py``.

    Raises:
        ValueError: the payload holds NaN or infinity, which JSON does not have.
    """
    from plotly.offline import get_plotlyjs

    parts = {
        "title": _as_html(f"{payload['title']} · sweep"),
        "css": _part("page.css"),
        "theme": _part("scripts/theme.js"),
        "payload": _as_data(payload),
        "plotly": get_plotlyjs(),
        "script": _in_one([_part(f"scripts/{name}.js") for name in _SCRIPTS]),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _part("page.html"))


def write_page(path: Path, payload: Mapping[str, Any]) -> None:
    replace_file(path, page(payload))


def _part(name: str) -> str:
    return files("ax_moo.html_report").joinpath(name).read_text(encoding="utf-8")


def _as_html(text: str) -> str:
    """The text in ASCII, since a folder's name may hold half of a surrogate pair, which UTF-8 cannot encode."""
    return html.escape(text).encode("ascii", "xmlcharrefreplace").decode()


def _as_data(payload: Mapping[str, Any]) -> str:
    """JSON in ASCII; no value can close the script with ``</script>`` or a line separator of JavaScript."""
    return json.dumps(payload, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _in_one(scripts: list[str]) -> str:
    return "(() => {\n'use strict';\n" + "\n".join(scripts) + "})();"

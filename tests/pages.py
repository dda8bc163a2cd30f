"""What is in a page that was written."""

import json
import re
from pathlib import Path
from typing import Any


def data_of(page: Path) -> dict[str, Any]:
    """The sweep's data, as the page's script reads them."""
    found = re.search(r'<script type="application/json" id="payload">(.*?)</script>', page.read_text(encoding="utf-8"))
    assert found, f"{page} holds no data"
    data: dict[str, Any] = json.loads(found[1])
    return data

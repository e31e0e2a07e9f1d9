"""metrics.md: every metric at /metrics."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.generate.markdown import code, document, table

PACKAGES = ("interfaces", "infra")  # the ones that may know a technology of metrics
ROOT = Path(__file__).parents[2]
INTRODUCTION = """
`GET /metrics` answers in the text format of Prometheus. Each process counts for itself: with several replicas, scrape
each, and add up counters, not gauges about the database, which every replica reads from the same place.

A histogram has the buckets that the table shows, in the unit of its name. Beside these metrics there are those that the
Python client of Prometheus adds by itself: `process_*` and `python_*`.
"""


def page() -> str:
    rows = sorted(metrics())
    return document("Metrics", INTRODUCTION, table(("name", "kind", "labels", "meaning"), rows))


def metrics() -> Iterator[tuple[str, str, str, str]]:
    """Name, kind, labels and meaning of each metric that the source defines."""
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and (row := metric(node)):
                yield row


def metric(call: ast.Call) -> tuple[str, str, str, str] | None:
    """The row of a call such as `Counter("tenure_requests_total", "Requests answered", ["method"])`."""
    kind = ast.unparse(call.func).rpartition(".")[2]
    if kind not in ("Counter", "Gauge", "Histogram") or len(call.args) < 2:
        return None
    name, meaning, *labels = map(literal, call.args)
    if not isinstance(name, str) or not name.startswith("tenure_"):
        return None
    keywords = {keyword.arg: literal(keyword.value) for keyword in call.keywords}
    buckets = f"; buckets {', '.join(map(str, keywords['buckets']))}" if "buckets" in keywords else ""
    label_names = labels[0] if labels else keywords.get("labelnames", [])
    return code(name), kind.lower(), ", ".join(map(code, label_names)), f"{meaning}{buckets}"


def literal(node: ast.expr) -> Any:
    """The value of a constant; None for anything else."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None

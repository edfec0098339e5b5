"""The text exposition format of Prometheus.

Source: Prometheus, "Exposition formats", "Text-based format".
"""

from __future__ import annotations

from collections.abc import Iterable

from chatctl.common.text import clean


def labels_of(**labels: str) -> str:
    """Return labels as they stand behind a metric's name."""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def gauges(samples: Iterable[tuple[str, str, str]], labels: str) -> str:
    """Return gauges, each with the text that describes it.

    Args:
        samples: name, description and value of each.
        labels: as ``labels_of`` returns them.
    """
    return "\n".join(
        f"# HELP {name} {about}\n# TYPE {name} gauge\n{name}{labels} {value}" for name, about, value in samples
    )


def _escape(label: str) -> str:
    return clean(label).replace("\\", "\\\\").replace('"', '\\"')

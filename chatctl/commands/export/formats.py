"""Formats of an export: lines of JSON, lines of text, or the lines of one HTML page.

Text of members is cleaned or escaped: it acts neither on a terminal nor in a browser.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from chatctl.cli.output import json_line, message_lines
from chatctl.common.text import clean
from chatctl.common.times import local
from chatctl.protocol import Msg

_PAGE_TOP = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --dim: #767676; --line: #8883; }}
body {{ font: 16px/1.45 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; }}
h1 {{ font-size: 1.3rem; }}
h2 {{ font-size: .9rem; color: var(--dim); border-bottom: 1px solid var(--line); margin: 1.5rem 0 .5rem; }}
p {{ margin: .3rem 0; display: grid; grid-template-columns: 3.2rem 1fr; overflow-wrap: anywhere; }}
time {{ color: var(--dim); font-size: .8rem; padding-top: .2rem; font-variant-numeric: tabular-nums; }}
span {{ white-space: pre-wrap; }}
</style>
</head>
<body>
<h1>{title}</h1>"""
_PAGE_END = "</body>\n</html>"


def export_lines(entries: Iterable[Msg], form: str, room: str) -> Iterator[str]:
    """Return the lines of an export. ``form`` is jsonl, text or html."""
    if form == "html":
        return _html(entries, room)
    if form == "jsonl":
        return map(json_line, entries)
    return (line for entry in entries for line in message_lines(entry, zone=True))


def _html(entries: Iterable[Msg], room: str) -> Iterator[str]:
    yield _PAGE_TOP.format(title=escape(f"chatctl: {clean(room)}"))
    day = None
    for entry in entries:
        today = local("%A, %d %B %Y (UTC%z)", entry.time)  # on the day that the clocks change there are two of them
        if today != day:
            day = today
            yield f"<h2>{today}</h2>"
        yield _html_entry(entry, local("%H:%M", entry.time))
    yield _PAGE_END


def _html_entry(entry: Msg, hour: str) -> str:
    nick, text = escape(clean(entry.nick)), escape(clean(entry.text, lines=True))
    said = f"<em>* <b>{nick}</b> {text}</em>" if entry.action else f"<b>{nick}</b>: {text}"
    said = "<em>(redacted)</em>" if entry.redacted else said
    return f'<p id="m{entry.seq}"><time>{hour}</time><span>{said}</span></p>'

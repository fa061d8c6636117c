"""Page: a receipt as one HTML file that needs nothing else: no script, no font, no address.

Responsible for: tags, the style, light and dark, headings and captions for those who listen. Must not: make a word or a cell.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from ...answer import Table
from ...errors import InputError
from . import sections as words
from .picture import STYLE as PICTURE_STYLE
from .picture import picture
from .record import AdlReceipt, Receipt
from .sections import Section
from .text import text_of, told

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--page:#fff;--edge:#d8dee4;--shade:#f3f5f7}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#a9b4c0;--page:#14181d;--edge:#3a434d;--shade:#1d232a}}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:960px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 4px}h2{font-size:1.15rem;margin:32px 0 8px}
.when{color:var(--soft);margin:0 0 16px}.sentence{font-size:1.1rem}
figure{margin:24px 0;padding:12px;border:1px solid var(--edge);border-radius:8px}figure svg{width:100%;height:auto;display:block}
.scroll{overflow-x:auto;margin:12px 0}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.95rem}
th,td{padding:4px 12px 4px 0;text-align:right;white-space:nowrap;border-bottom:1px solid var(--edge)}
th:first-child,td:first-child{text-align:left}thead th{color:var(--soft);font-weight:600}tbody th{font-weight:500}
tbody tr.sum th,tbody tr.sum td{font-weight:700;border-top:2px solid var(--ink)}
pre{overflow-x:auto;background:var(--shade);padding:12px;border-radius:8px;font-size:.8rem}
summary{cursor:pointer}a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid #1f5fb4;outline-offset:2px}
@media print{details{display:none}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(receipt: Receipt | AdlReceipt) -> str:
    """The whole file."""
    title, sentence, sections = told(receipt)
    figure = ""
    if isinstance(receipt, Receipt):
        drawn = picture(receipt).replace(f"<style>{PICTURE_STYLE}</style>\n", "")
        figure = f"<figure>\n{drawn}\n</figure>\n"
    body = "\n".join(
        _section(section, place) for place, section in enumerate(sections) if section.lines or section.tables
    )
    data = escape(json.dumps(receipt.to_dict(), indent=1, ensure_ascii=False))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{PICTURE_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{escape(title)}</h1>\n<p class="when">{escape(words.when(receipt))}</p>\n'
        f'<p class="sentence">{escape(sentence)}</p>\n{figure}{body}\n'
        f"<details><summary>The same as data (JSON)</summary>\n<pre>{data}</pre>\n</details>\n</main>\n</body>\n</html>\n"
    )


def save(receipt: Receipt | AdlReceipt, path: str | Path) -> Path:
    """Write a receipt: the file's ending says how.

    Errors   InputError for an ending that is none of .html, .json, .svg, .txt, and for the picture of an auto-deleveraging.
    """
    found = Path(path)
    suffix = found.suffix.lower()
    if suffix == ".html":
        text = page(receipt)
    elif suffix == ".json":
        text = json.dumps(receipt.to_dict(), indent=2, ensure_ascii=False) + "\n"
    elif suffix == ".txt":
        text = text_of(receipt) + "\n"
    elif suffix == ".svg" and isinstance(receipt, Receipt):
        text = picture(receipt)
    else:
        known = ".html, .json, .svg, .txt" if isinstance(receipt, Receipt) else ".html, .json, .txt"
        raise InputError(f"receipt: {path} ends in none of {known}")
    found.write_text(text, encoding="utf-8")
    return found


def _section(section: Section, place: int) -> str:
    name = f"part-{place}"
    told = "".join(f"<p>{escape(line)}</p>\n" for line in section.lines)
    tables = "".join(_table(table, section.heading) for table in section.tables)
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(section.heading)}</h2>\n{told}{tables}</section>'
    )


def _table(table: Table, heading: str) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head)
    rows = []
    for row in table.rows:
        kind = ' class="sum"' if row[0] in ("Sum", "Margin balance") else ""
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        rows.append(f'<tr{kind}><th scope="row">{escape(row[0])}</th>{cells}</tr>')
    return (
        f'<div class="scroll" role="region" aria-label="{escape(heading)}" tabindex="0"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(f'{row}{chr(10)}' for row in rows)}</tbody>\n</table></div>\n"
    )

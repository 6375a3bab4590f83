"""The table of engines and sources, made from what each engine's class says of itself."""

import inspect
from collections.abc import Iterator

from rich.table import Table

from spiders.base import Engine
from spiders.detect import engines

COLUMNS = (
    "what a person gives",
    "read from",
    "posts",
    "authors",
    "times",
    "edits",
    "deletions",
    "private contact",
    "only what is new",
)
_HEAD = """\
# What Quietword reads

Printed by `quietword engines --markdown` from the engines themselves; a test keeps this page in
step. An engine is recognised by the address or by its page, or named with `--engine`. How to add
one: [adding-a-source.md](adding-a-source.md).

A forum's index tells, by the number or the time of each board's newest message, which boards have
news, so that a forum without any costs two requests, robots.txt and the index. Its feeds are read
only to find out its time zone: a feed would be one request more, holds the last ten or so messages
and knows nothing of threads that were moved or deleted. What an index cannot tell (a deleted or
edited message below the newest) is seen when the boards are read again, once a day. A thread with
an open case is read again about once a day whatever its list says, where its source shows one
thread alone; "not there twice" is two looks, twenty minutes or more apart.
"""
_KEYS = """\
## Keys

A key comes from the environment (or `.env`), or from the file that the same name with `_FILE`
points to. It is sent to the hosts named here, over https, and to nobody else; it stands in no log,
message or stored address.

| source | setting | sent to | what |
| --- | --- | --- | --- |
"""


_SELECTORS = """\
## Selectors that may be told for one site

`--selector NAME=CSS`, or `[source.selectors]` in a sources file, takes the place of an engine's own
([sources.md](sources.md)). A name that an engine has not is refused. Ids, times, numbers and the
author's name may be an attribute or text (`::attr(x)`, `::text`); the others pick an element.
"""


def _kinds() -> Iterator[tuple[str, list[Engine]]]:
    """Yield the headings of the page, each with its engines by name."""
    found = sorted(
        engines().values(), key=lambda engine: (engine.generic, _product(engine).lower())
    )
    social = [engine for engine in found if ".social." in type(engine).__module__]
    yield "Forum engines", [engine for engine in found if engine not in social]
    yield "Open social and review sources", social


def _product(engine: Engine) -> str:
    return engine.gives.product or engine.name


def _row(engine: Engine) -> tuple[str, ...]:
    gives = engine.gives
    return (
        gives.addresses,
        gives.means,
        gives.posts,
        gives.authors,
        gives.times,
        gives.edits,
        gives.deletions,
        gives.private,
        gives.incremental,
    )


def as_table() -> Table:
    """Return what fits a terminal: each engine, what it is given, read from, and its contact."""
    table = Table()
    table.add_column("engine", no_wrap=True)
    for column in ("what a person gives", "read from", "private contact"):
        table.add_column(column)
    for _, found in _kinds():
        for engine in found:
            gives = engine.gives
            table.add_row(engine.name, gives.addresses, gives.means, gives.private)
        table.add_section()
    return table


def as_markdown() -> str:
    """Return the text of ``docs/engines.md``."""
    lines = [_HEAD]
    for heading, found in _kinds():
        lines += [f"## {heading}\n", "| engine | " + " | ".join(COLUMNS) + " |"]
        lines.append("| --- " * (len(COLUMNS) + 1) + "|")
        for engine in found:
            cells = " | ".join(cell.replace("|", "\\|") for cell in _row(engine))
            lines.append(f"| {_product(engine)} (`{engine.name}`) | {cells} |")
        lines.append("")
    lines.append(_KEYS.rstrip("\n"))
    for _, found in _kinds():
        for engine in found:
            for key in engine.keys:
                hosts = ", ".join(f"`{host}`" for host in sorted(key.hosts)) or "nobody"
                must = "needed" if key.required else "optional"
                setting = f"`QUIETWORD_{key.setting.upper()}`"
                lines.append(f"| {_product(engine)} | {setting} ({must}) | {hosts} | {key.what} |")
    lines.append(f"\n{_SELECTORS}")
    told: dict[frozenset[str], list[str]] = {}
    for engine in engines().values():
        told.setdefault(engine.honours, []).append(f"`{engine.name}`")
    for names, whose in sorted(told.items(), key=lambda one: -len(one[0])):
        said = ", ".join(f"`{name}`" for name in sorted(names)) or "none: it is not read by any"
        lines.append(f"- {', '.join(sorted(whose))}: {said}.")
    lines.append("\n## By what they are recognised\n")
    for _, found in _kinds():
        for engine in found:
            about = (inspect.getdoc(type(engine)) or "").partition("\n")[0]
            lines.append(f"- `{engine.name}`: {engine.marks}. {about}")
    return "\n".join(lines) + "\n"

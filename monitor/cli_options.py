"""Options that several commands share."""

from typing import Annotated

import typer

Contact = Annotated[
    str | None,
    typer.Option(help="How a site's owner reaches you; QUIETWORD_CONTACT by default."),
]
Since = Annotated[
    str | None, typer.Option(help="How far back: 45m, 12h, 30d, 2w or a date (2026-11-01).")
]
Timezone = Annotated[
    str | None,
    typer.Option(help="Zone in which the site shows times to a guest; found out by default."),
]
Selectors = Annotated[
    list[str] | None,
    typer.Option("--selector", help="NAME=CSS in place of the engine's own; may be repeated."),
]
DateOrder = Annotated[
    str | None, typer.Option(help="DMY, MDY or YMD, where the page does not tell.")
]
Language = Annotated[
    str | None, typer.Option(help="Language of the site's interface, ISO 639-1: pl, ru, en.")
]
EngineName = Annotated[
    str | None, typer.Option(help="Read as this engine instead of the one that is recognised.")
]
Pages = Annotated[int, typer.Option(min=0, help="Stop after so many pages; 0: no limit.")]

"""The body of a digest by e-mail: plain text, and HTML that mail programs show as it is meant.

Tables and inline styles, no style sheet, no script, nothing to be fetched: the charts are parts of
the mail, named by ``cid:``. Where a program shows no pictures their words stand in their place.
"""

from email.message import EmailMessage
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from alerts.digest import Digest, lines
from alerts.pictures import png
from models import Level

COLOURS = {Level.URGENT: "#a3271d", Level.REACH_OUT: "#855000", Level.WATCH: "#41556a"}
"""As the pages have them by day (monitor/web/static/style.css)."""


def fill(mail: EmailMessage, digest: Digest) -> None:
    """Give ``mail`` the body that shows ``digest``."""
    images = {one.name: image for one in digest.pictures if (image := png(one)) is not None}
    mail.set_content("\n".join(lines(digest)) + "\n")
    addresses = {name: f"cid:{_cid(digest, name)}" for name in images}
    mail.add_alternative(html(digest, addresses), subtype="html")
    *_, page = mail.iter_parts()
    for name, image in images.items():
        page.add_related(
            image,
            "image",
            "png",
            cid=f"<{_cid(digest, name)}>",
            disposition="inline",
            filename=f"{name}.png",
        )


def html(digest: Digest, images: dict[str, str]) -> str:
    """Return ``digest`` as HTML; ``images`` gives the address of each chart by its name."""
    return _template().render(digest=digest, images=images, colours=COLOURS)


def _cid(digest: Digest, name: str) -> str:
    return f"{name}.{digest.list_id}@digest.quietword"


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
        autoescape=True,  # forum text is hostile
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("digest.html")

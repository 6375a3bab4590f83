"""FluxBB 1.4 and 1.5, which kept the markup of PunBB 1.2."""

from typing import ClassVar

from spiders.base import Gives
from spiders.engines.punbb import Punbb


class Fluxbb(Punbb):
    """Read FluxBB boards; only what they are recognised by differs from PunBB 1.2."""

    name: ClassVar[str] = "fluxbb"
    gives: ClassVar[Gives] = Gives(
        product="FluxBB",
        times="as the page shows them, in the site's zone and language",
        edits="yes",
        private="none: profile",
    )
    marks: ClassVar[str] = 'a footer "Powered by FluxBB", ids such as punviewtopic and brdmain'
    css_hints: ClassVar[tuple[tuple[str, str, float], ...]] = (
        ('a[href*="fluxbb.org"]', "the footer leads to fluxbb.org", 0.6),
        (".pun[id^=pun]", "the page's id begins with pun", 0.5),
        (".pun #brdmain, #punwrap #brdmain", "ids of FluxBB", 0.5),
    )

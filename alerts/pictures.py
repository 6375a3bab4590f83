"""Charts for mails and Slack: an SVG becomes a PNG, here on this machine.

vl-convert brings a rasteriser and Liberation Sans, so that a chart looks the same everywhere and
no fonts need be installed; it is loaded where the first picture is made.
"""

import logging

from alerts.digest import Picture

logger = logging.getLogger(__name__)
SCALE = 2.0
"""Pixels for each unit of the SVG, for sharp letters on good screens."""


def png(picture: Picture) -> bytes | None:
    """Return ``picture`` as PNG; ``None``, with a word in the log, where that cannot be done.

    A digest goes out without its charts rather than not at all: their numbers stand in the text.
    """
    try:
        import vl_convert

        return bytes(vl_convert.svg_to_png(picture.svg, scale=SCALE))
    except (ImportError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        logger.warning("the chart %s cannot be drawn: %s", picture.name, reason)
        return None

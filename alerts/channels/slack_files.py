"""Charts on their way into a Slack message: uploaded to nobody, then named by the message."""

import logging
import time
from collections.abc import Callable, Sequence
from http.client import HTTPException
from urllib.error import HTTPError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackRequestError

from alerts.base import DeliveryError
from alerts.digest import Picture
from alerts.pictures import png

logger = logging.getLogger(__name__)
WAITS_S = (0.5, 1.0, 2.0, 4.0)
"""Pauses before a message that names new files is tried: Slack takes them in its own time."""
BUDGET_S = 25.0
"""Charts that would be begun after so long are left out, since a sender's lease is soon over."""


def upload(
    client: WebClient,
    pictures: Sequence[Picture],
    refusal: Callable[[SlackApiError], Exception],
) -> dict[str, str]:
    """Upload ``pictures`` without showing them anywhere; return their Slack ids by name.

    Needs the scope ``files:write``. What Slack refuses is left out, with a word in the log; when
    Slack asks for patience, is in trouble or away, ``DeliveryError`` says so. ``refusal`` says
    what an answer of Slack's means.
    """
    began, files = time.monotonic(), dict[str, str]()
    for picture in pictures:
        image = png(picture)
        if image is None or time.monotonic() - began > BUDGET_S:
            continue
        try:
            answer = client.files_upload_v2(
                file=image, filename=f"{picture.name}.png", title=picture.title
            )
            files[picture.name] = str((answer.get("files") or [{}])[0]["id"])
        except SlackApiError as error:
            meant = refusal(error)
            # Nothing was shown to anybody, so there is no doubt to look into.
            if isinstance(meant, DeliveryError) and meant.retry_after is not None:
                raise meant from error
            if error.response.status_code >= 500:
                raise DeliveryError(f"Slack takes no files now: {meant}") from error
            logger.warning("Slack takes no charts: %s", meant)
            return files
        except HTTPError as error:  # from the server for files
            if error.code >= 500 or error.code == 429:
                raise DeliveryError(f"Slack takes no files now: HTTP {error.code}") from error
            logger.warning("a chart could not be uploaded: HTTP %d", error.code)
            return files
        except (SlackRequestError, KeyError) as error:
            logger.warning("a chart could not be uploaded: %s", error)
            return files
        except (OSError, HTTPException) as error:
            raise DeliveryError(
                f"Slack could not be reached with a chart: {type(error).__name__} {error}"
            ) from error
    return files

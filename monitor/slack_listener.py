"""Socket Mode: Slack's requests come through a connection that we open, so no address is public."""

import contextlib
import logging
import socket
import threading
from typing import Any

from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from monitor.slack_app import SlackDesk
from monitor.slack_people import UNREACHABLE

logger = logging.getLogger(__name__)
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0
WORKERS = 4


class SlackListener:
    """Keeps a connection to Slack from ``start`` to ``stop``; a lost one is opened again.

    A refusal, such as a revoked token, is logged and tried again once a minute: alerts go on
    meanwhile, and ``quietword slack check`` tells what is wrong.
    """

    def __init__(self, desk: SlackDesk, app_token: str, api_url: str) -> None:
        client = WebClient(app_token, base_url=api_url, timeout=10, retry_handlers=[])
        self._handler: Any = SocketModeHandler(
            desk.app, app_token, web_client=client, concurrency=WORKERS, ping_interval=5
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._connect, name="slack", daemon=True)

    def start(self) -> None:
        """Connect in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Close the connection; what was acknowledged is still done."""
        self._stop.set()
        self._thread.join()
        client = self._handler.client
        client.auto_reconnect_enabled = False
        session = client.current_session
        if session is not None and session.sock is not None:
            with contextlib.suppress(OSError):  # closed from the other side already
                session.sock.shutdown(socket.SHUT_RDWR)  # or its reader waits for its timeout
        client.close()

    @property
    def connected(self) -> bool:
        """Whether Slack can reach us now."""
        return bool(self._handler.client.is_connected())

    def _connect(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                self._handler.connect()
            except SlackApiError as error:
                said = error.response.get("error") if error.response else error
                logger.warning("Slack does not let us listen: %s", said)
                pause = LONGEST_PAUSE_S
            except UNREACHABLE as error:
                logger.warning("Slack cannot be reached: %s", error)
            else:
                logger.info("Slack is listened to")
                return  # from here on the client reconnects by itself
            self._stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

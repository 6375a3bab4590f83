"""What an alert is, and what every channel promises."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from alerts.tongue import Tongue, tongue
from models import Level, Outreach
from models.errors import QuietwordError

if TYPE_CHECKING:
    from alerts.digest import Digest
    from alerts.notice import Notice


class MessageError(QuietwordError):
    """A stored alert cannot be read; it was written by another version, or by hand."""


class DeliveryError(QuietwordError):
    """A channel did not take a message.

    ``permanent``: a person must change something (token, room) before another attempt can
    succeed. ``retry_after``: seconds the channel asked to be left alone. ``in_doubt``: the
    channel may have taken the message without saying so. ``channel``: no message to this room
    can succeed until a person has mended something, so the queue waits. ``recipient``: that is
    so of this room alone; a word to one person goes elsewhere then.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        in_doubt: bool = False,
        channel: bool = False,
        recipient: bool = False,
    ) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.retry_after = retry_after
        self.in_doubt = in_doubt
        self.channel = channel
        self.recipient = recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One alert: every fact that a channel needs in order to show it.

    Facts only, no markup: ``quote``, ``thread_title``, ``author``, the addresses and the names
    come from a public page and may be hostile. ``alerts.words`` makes them fit to be shown.
    """

    case_id: int
    level: Level
    raised_from: Level | None = None
    """The level that people heard of before, for a case that has got worse."""
    brand: str
    thread_title: str
    thread_url: str
    post_url: str
    private_message_url: str | None = None
    profile_url: str | None = None
    """The author's own page on the site."""
    author: str
    author_newcomer: bool | None = None
    """``None`` where the site does not tell."""
    quote: str
    """The author's own words, the telling part; shown up to 300 characters."""
    reasons: tuple[str, ...] = ()
    """Why the case was opened or raised, in words, weightiest first."""
    source_name: str
    engine: str
    language: str
    posts: int
    """Posts in the thread, all told."""
    new_posts: int
    thread_since: AwareDatetime | None = None
    negative: float
    """Probability that the quoted post is negative towards the brand, 0 to 1."""
    topic: str | None = None
    outreach: Outreach
    outreach_note: str = ""
    checkpoint: str
    """The checkpoint that judged the post."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values, as kept in ``Alert.content``."""
        fields: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return fields

    @staticmethod
    def from_json(fields: dict[str, Any]) -> "Message":
        """Return the message that ``as_json`` gave ``fields``; raise ``MessageError`` if unfit.

        Fields that this version does not know are passed over.
        """
        try:
            return _adapter().validate_python(fields)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
            )
            raise MessageError(
                f"a stored alert cannot be read ({faults}); it was written by another version of "
                "Quietword: run the version that wrote it, or delete the row from table alert"
            ) from error


@cache
def _adapter() -> TypeAdapter[Message]:
    return TypeAdapter(Message)


class Channel(ABC):
    """One place that alerts go to.

    Sends once and says what came of it; leasing, retrying and recording belong to
    ``alerts.dispatch``.
    """

    kind: ClassVar[str]
    pause_s: float = 0.0
    """Least time between two messages to one room, in seconds."""

    def __init__(self, room: str, *, speech: Tongue | None = None) -> None:
        self.room = room
        self.speech = speech or tongue()
        """The language of this room."""
        self.pages: str | None = None
        """Where readers reach the pages; ``None``: not known, so nothing links there."""

    def page_of(self, case_id: int) -> str | None:
        """Return the address of a case's page."""
        return f"{self.pages.rstrip('/')}/case/{case_id}" if self.pages else None

    @abstractmethod
    def send(self, message: Message) -> str | None:
        """Deliver ``message``; return what the channel calls it, if it has a name for it.

        Return only when the message is taken; raise ``DeliveryError`` otherwise.
        """

    def find(self, message: Message) -> str | None:  # noqa: ARG002
        """Return the receipt of ``message`` if the room already has it, ``None`` if it has not.

        Asked when an earlier attempt ended without an answer. Raises ``DeliveryError`` where
        the channel cannot be searched.
        """
        raise DeliveryError(f"the {self.kind} channel cannot be searched", permanent=True)

    def send_notice(self, notice: "Notice") -> str | None:
        """Deliver a word about cases, as ``send`` does an alert."""
        raise DeliveryError(
            f"the {self.kind} channel takes no notices ({notice.kind})", permanent=True
        )

    def find_notice(self, notice: "Notice") -> str | None:
        """Return the receipt of ``notice`` if the room has it, as ``find`` does for an alert."""
        raise DeliveryError(
            f"the {self.kind} channel cannot be searched for a {notice.kind}", permanent=True
        )

    def send_digest(self, digest: "Digest") -> str | None:
        """Deliver a digest, as ``send`` does an alert."""
        raise DeliveryError(
            f"the {self.kind} channel takes no digests ({digest.key})", permanent=True
        )

    def find_digest(self, digest: "Digest") -> str | None:
        """Return the receipt of ``digest`` if the room has it, as ``find`` does for an alert."""
        raise DeliveryError(
            f"the {self.kind} channel cannot be searched for {digest.key}", permanent=True
        )

"""Database tables; importing this package registers every one of them."""

from models.account import Access, Account, LoginTry
from models.agent import Agent, AgentRole, DayOff, Shift
from models.brand import Brand, BrandTerm, Mention, Role, Unhappy, Verdict
from models.case import (
    CLOSED,
    WAITING,
    Alert,
    AlertKind,
    BrokenChannel,
    Case,
    CaseChange,
    CaseEvent,
    CaseState,
    Delivery,
    DeliveryState,
    Dismissal,
    How,
    Level,
)
from models.contact import Contact, OptOut, Timer
from models.digest import DigestSubscription, Every
from models.feedback import Label, QuietAlias, Threshold
from models.post import Activity, Author, Post, PostRevision, Quote, Thread
from models.privacy import Audit, Objection
from models.slack import SlackCard, SlackPress
from models.source import Board, CrawlRun, ListPage, Outreach, Source
from models.tally import Tally

__all__ = [
    "CLOSED",
    "WAITING",
    "Access",
    "Account",
    "Activity",
    "Agent",
    "AgentRole",
    "Alert",
    "AlertKind",
    "Audit",
    "Author",
    "Board",
    "Brand",
    "BrandTerm",
    "BrokenChannel",
    "Case",
    "CaseChange",
    "CaseEvent",
    "CaseState",
    "Contact",
    "CrawlRun",
    "DayOff",
    "Delivery",
    "DeliveryState",
    "DigestSubscription",
    "Dismissal",
    "Every",
    "How",
    "Label",
    "Level",
    "ListPage",
    "LoginTry",
    "Mention",
    "Objection",
    "OptOut",
    "Outreach",
    "Post",
    "PostRevision",
    "QuietAlias",
    "Quote",
    "Role",
    "Shift",
    "SlackCard",
    "SlackPress",
    "Source",
    "Tally",
    "Thread",
    "Threshold",
    "Timer",
    "Unhappy",
    "Verdict",
]

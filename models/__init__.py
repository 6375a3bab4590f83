"""Database tables; importing this package registers every one of them."""

from models.account import Access, Account, LoginTry
from models.agent import Agent, AgentRole, DayOff, Shift
from models.brand import Brand, BrandTerm, Mention, Role, Unhappy, Verdict
from models.case import (
    CLOSED,
    Alert,
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
from models.post import Activity, Author, Post, PostRevision, Quote, Thread
from models.privacy import Audit, Objection
from models.source import Board, CrawlRun, Outreach, Source
from models.tally import Tally

__all__ = [
    "CLOSED",
    "Access",
    "Account",
    "Activity",
    "Agent",
    "AgentRole",
    "Alert",
    "Audit",
    "Author",
    "Board",
    "Brand",
    "BrandTerm",
    "Case",
    "CaseChange",
    "CaseEvent",
    "CaseState",
    "CrawlRun",
    "DayOff",
    "Delivery",
    "DeliveryState",
    "Dismissal",
    "How",
    "Level",
    "LoginTry",
    "Mention",
    "Objection",
    "Outreach",
    "Post",
    "PostRevision",
    "Quote",
    "Role",
    "Shift",
    "Source",
    "Tally",
    "Thread",
    "Unhappy",
    "Verdict",
]

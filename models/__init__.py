"""Database tables; importing this package registers every one of them."""

from models.brand import Brand, BrandTerm, Mention, Role, Unhappy, Verdict
from models.case import (
    Agent,
    Alert,
    Case,
    CaseEvent,
    CaseState,
    Delivery,
    DeliveryState,
    Level,
)
from models.post import Activity, Author, Post, PostRevision, Quote, Thread
from models.source import Board, CrawlRun, ListPage, Outreach, Source

__all__ = [
    "Activity",
    "Agent",
    "Alert",
    "Author",
    "Board",
    "Brand",
    "BrandTerm",
    "Case",
    "CaseEvent",
    "CaseState",
    "CrawlRun",
    "Delivery",
    "DeliveryState",
    "Level",
    "ListPage",
    "Mention",
    "Outreach",
    "Post",
    "PostRevision",
    "Quote",
    "Role",
    "Source",
    "Thread",
    "Unhappy",
    "Verdict",
]

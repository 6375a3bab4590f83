"""What the tests of the pages share: accounts, logging in, the token of a form."""

import re
from datetime import datetime

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from models import Access, Agent
from models.database import writing
from monitor.accounts import create
from tests.monitor.scene import NOW

WORDS = "correct horse battery staple"
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time


def account(engine: Engine, name: str, access: Access, agent: str | None = None) -> None:
    """Make an account, with an agent of its own if one is named."""
    with writing(engine) as session:
        acting = None
        if agent is not None:
            acting = Agent(name=agent)
            session.add(acting)
            session.flush()
        create(session, name, access, password=WORDS, agent=acting)


def csrf(client: TestClient, path: str = "/login") -> str:
    """Return the token that the forms of a page carry."""
    found = CSRF.search(client.get(path).text)
    assert found
    return found[1]


def enter(client: TestClient, name: str, password: str = WORDS) -> int:
    """Log in and return the status of the answer."""
    form = {"csrf": csrf(client), "login": name, "password": password}
    return client.post("/login", data=form).status_code

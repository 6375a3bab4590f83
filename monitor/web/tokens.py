"""Tokens for programs (feed reader, script, Prometheus): signed, of one account, ended with it."""

from fastapi import Request
from itsdangerous import BadData, URLSafeSerializer
from starlette.exceptions import HTTPException

from models import Access, Account
from models.database import reading
from monitor.accounts import Person, person
from monitor.web.site import Site

SALT = "quietword.token"


def token_for(secret: str, account: Account) -> str:
    """Return the token of an account; a new password, role or switch-off ends it."""
    signed = URLSafeSerializer(secret, salt=SALT).dumps([account.id, account.epoch])
    return signed.decode() if isinstance(signed, bytes) else signed


def asking(site: Site, secret: str, request: Request) -> Person:
    """Return whose token or login a request carries; 401 without either.

    The token stands in ``Authorization: Bearer`` or, for feed readers, in ``?token=``.
    """
    header = request.headers.get("authorization", "")
    scheme, _, given = header.partition(" ")
    token = given if scheme.lower() == "bearer" else request.query_params.get("token", "")
    if token:
        try:
            account, epoch = URLSafeSerializer(secret, salt=SALT).loads(token)
        except (BadData, TypeError, ValueError):
            raise HTTPException(401, "token") from None
        with reading(site.engine) as session:
            found = person(session, account, epoch) if isinstance(account, int) else None
    else:
        found = site.person(request)
    if found is None:
        raise HTTPException(401, "token")
    return found


def managing(site: Site, secret: str, request: Request) -> Person:
    """Return who asks, if that is a manager or ops; 401 or 403 otherwise."""
    found = asking(site, secret, request)
    if not found.may(Access.MANAGER):
        raise HTTPException(403, "role")
    return found

"""Links by which the owner of an account chooses its password, once."""

from datetime import datetime, timedelta

from itsdangerous import BadData, URLSafeSerializer
from sqlmodel import Session

from models import Account

LASTS = timedelta(days=3)
SALT = "quietword.join"


class Invitations:
    """Makes the links and reads them; ``key`` is that of the pages.

    Nothing is remembered: a link names the account's ``epoch``, which choosing a password ends.
    """

    def __init__(self, key: str) -> None:
        self._signer = URLSafeSerializer(key, salt=SALT)

    def new(self, account: Account, now: datetime) -> str:
        """Return a token for ``account``; good for ``LASTS``, until it or the account is used."""
        until = (now + LASTS).timestamp()
        signed = self._signer.dumps([account.id, account.epoch, until])
        return signed.decode() if isinstance(signed, bytes) else signed

    def account(self, session: Session, token: str, now: datetime) -> Account | None:
        """Return the account that ``token`` still stands for, or ``None``."""
        try:
            account_id, epoch, until = self._signer.loads(token)
        except (BadData, TypeError, ValueError):
            return None
        account = session.get(Account, account_id)
        if account is None or not account.active or account.epoch != epoch:
            return None
        return account if now.timestamp() < until else None

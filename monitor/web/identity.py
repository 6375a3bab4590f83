"""Logging in through an identity provider (OpenID Connect): Slack, Keycloak, Google, any other.

State, nonce, PKCE and the token's signature are checked by Authlib. The provider only says who
somebody is; whether they may come in, and as what, is said by an account that ops have made.
"""

import logging
from collections.abc import Callable

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter, Request, Response
from httpx2 import HTTPError
from joserfc.errors import JoseError

from models import Account
from models.database import writing
from monitor.accounts import by_identity
from monitor.config import Settings
from monitor.web.site import Site

logger = logging.getLogger(__name__)

LetIn = Callable[[Request, Account], Response]
"""Begins the session of an account and says where to go."""


def configured(settings: Settings) -> bool:
    """Return whether an identity provider is set."""
    return bool(settings.oidc_issuer and settings.oidc_client_id and settings.oidc_client_secret)


def routes(site: Site, settings: Settings, let_in: LetIn, address: str) -> APIRouter:
    """Return the way in through the provider; ``address`` is where these pages are reached."""
    pages = APIRouter()
    if not configured(settings):
        return pages
    assert settings.oidc_issuer and settings.oidc_client_secret  # noqa: S101, PT018
    provider = OAuth().register(
        "provider",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        server_metadata_url=settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256"},
    )
    callback = address.rstrip("/") + "/login/provider/back"

    def unanswered(request: Request, error: Exception) -> Response:
        logger.error("the identity provider %s failed", settings.oidc_issuer, exc_info=error)
        return site.message(
            request,
            "The identity provider does not answer",
            "Nobody was logged in. Try again; if it stays so, ask ops to look into the log.",
            status=502,
        )

    @pages.get("/login/provider")
    async def go(request: Request) -> Response:
        try:
            sent: Response = await provider.authorize_redirect(request, callback)
        except (HTTPError, RuntimeError) as error:
            return unanswered(request, error)
        return sent

    @pages.get("/login/provider/back")
    async def back(request: Request) -> Response:
        try:
            token = await provider.authorize_access_token(request)
        except (OAuthError, JoseError) as error:
            logger.warning("a login through the provider was refused: %s", error)
            return site.message(
                request,
                "Not logged in",
                "The provider's answer did not fit the login that was begun here, or it said no. "
                "Begin again.",
                status=403,
            )
        except (HTTPError, RuntimeError) as error:
            return unanswered(request, error)
        claims = token.get("userinfo") or {}
        with writing(site.engine) as session:
            account = by_identity(
                session,
                str(claims.get("iss", "")),
                str(claims.get("sub", "")),
                claims.get("email"),
                verified=claims.get("email_verified") is True,
                now=site.now(),
            )
        if account is None:
            return site.message(
                request,
                "Nobody here knows you yet",
                "The provider says who you are, but there is no account for you. Ask ops for one: "
                "quietword user add YOUR-E-MAIL --only-sso",
                status=403,
            )
        return let_in(request, account)

    return pages

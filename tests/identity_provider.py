"""An OpenID Connect provider on this machine: discovery, keys, tokens with PKCE, lies on demand."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey


@dataclass
class Provider:
    """Knows one client; ``person`` are the claims of whoever logs in next."""

    url: str = ""
    person: dict[str, Any] = field(default_factory=dict)
    lies: dict[str, Any] = field(default_factory=dict)
    """Claims that are false, or ``key``: a key that is not the one published."""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def authorize(self, sent_to: str) -> str:
        """Play the person's browser at the provider: log in and come back with a code."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(sent_to).query).items()}
        code = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
        self.codes[code] = asked
        return asked["redirect_uri"] + "?" + urlencode({"code": code, "state": asked["state"]})

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if asked is None or challenge != asked["code_challenge"]:
            return None
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": asked["client_id"],
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
            **self.person,
        } | {name: value for name, value in self.lies.items() if name != "key"}
        key = self.lies.get("key", self.key)
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, key)
        return {"access_token": "x", "token_type": "Bearer", "expires_in": 300, "id_token": signed}


@contextmanager
def serving() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def answer(self, content: object, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            if self.path == "/.well-known/openid-configuration":
                self.answer(
                    {
                        "issuer": provider.url,
                        "authorization_endpoint": provider.url + "/authorize",
                        "token_endpoint": provider.url + "/token",
                        "jwks_uri": provider.url + "/keys",
                        "id_token_signing_alg_values_supported": ["RS256"],
                    }
                )
            elif self.path == "/keys":
                self.answer({"keys": [provider.key.as_dict(private=False)]})
            else:
                self.answer({}, 404)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            form = parse_qs(self.rfile.read(length).decode())
            found = provider.token({name: values[0] for name, values in form.items()})
            self.answer(found or {"error": "invalid_grant"}, 200 if found else 400)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

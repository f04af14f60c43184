"""What every request must pass: its host, its origin, and who makes it."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watcher.outputs.text.catalog import message, tr


CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", CSP.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
HEADER_BYTES: Final = 16 * 1024
_LINKED: Final = frozenset({"/", "/alerts"})
_YEAR_S: Final = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Access:
    """Who may look.

    Attributes:
        hosts: names by which the page may be asked for, in lower case.
        token: lets in everybody who has it.
        users: numbers of the users who need no token.
        trusted: whether all who can connect may look: a socket with file permissions.
    """

    hosts: frozenset[str]
    token: str
    users: frozenset[int]
    trusted: bool = False

    @property
    def cookie(self) -> str:
        """Its name: servers on other ports of this host have others."""
        return f"gptwatch-{sha256(self.token.encode()).hexdigest()[:8]}"


class Guard:
    """Answers what must not pass, and adds headers to what does."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        if sum(len(n) + len(value) for n, value in scope["headers"]) > HEADER_BYTES:
            return _refused(431, message("too many headers"), headers)
        if scope["method"] not in {"GET", "HEAD"}:
            return _refused(405, message("nothing can be changed here"), headers)
        if _host(headers.get("host", "")) not in self._access.hosts:
            text = message("host not allowed; add it to [web] hosts in gptwatch.toml")
            return _refused(421, text, headers)
        if not _is_own(headers, scope["path"]):
            return _refused(403, message("not for other sites"), headers)
        return self._stranger(scope, headers)

    def _stranger(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        """What is answered to who may not look; None to who may."""
        peer = scope.get("state", {}).get("peer_uid")
        if self._access.trusted or peer in self._access.users:
            return None
        if self._is_token(_cookie(headers.get("cookie", ""), self._access.cookie)):
            return None
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and self._is_token(query.get("token", [""])[0]):
            return self._welcome()
        text = message("a token is needed: open the address that gptwatch web printed")
        return _refused(401, text, headers)

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._access.token.encode())

    def _welcome(self) -> Response:
        """The token goes from the address, where it is seen, into a cookie."""
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            self._access.cookie,
            self._access.token,
            max_age=_YEAR_S,
            httponly=True,
            samesite="strict",
        )
        answer.headers["cache-control"] = "no-store"
        return answer


def _refused(code: int, text: str, headers: Mapping[str, str]) -> Response:
    """An answer in the language of the browser."""
    lang = headers.get("accept-language", "en")
    return PlainTextResponse(f"{tr(lang, text)}\n", code)


def _host(header: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _is_own(headers: Mapping[str, str], path: str) -> bool:
    """Whether a request comes from the page itself, or from nowhere."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return False
    if headers.get("sec-fetch-site", "none") in {"same-origin", "none"}:
        return True
    # Following a link to the page is fine; a frame is not.
    is_link = headers.get("sec-fetch-mode") == "navigate"
    return path in _LINKED and is_link and headers.get("sec-fetch-dest") == "document"


def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _with_headers(send: Send) -> Callable[[Message], Any]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_HEADERS]
        await send(message)

    return sending

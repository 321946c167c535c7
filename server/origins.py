"""Which web pages may make this server work: its own, and those of `--cors-origins`.

Any page in a browser can send requests to a server on the same machine. CORS only keeps it from
reading the answer, and forms, uploads and EventSource need no preflight, so whatever changes
state or starts synthesis is refused here. Clients that are no browser send neither header and
are not looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

from server.errors import RefusedError

_HARMLESS_METHODS = ("GET", "HEAD", "OPTIONS")
_SYNTHESIS_PATH = "/v1/generate/stream"  # a GET that costs device time
_LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]", "::1")
_PORT = re.compile(r":[0-9]*\Z")


@dataclass(frozen=True, kw_only=True)
class OriginRules:
    """`trusted` are origins as browsers spell them, `bound_host` the address listened on."""

    trusted: tuple[str, ...] = ()
    bound_host: str = ""

    def check(self, scope: Scope) -> None:
        """Raises RefusedError 403 for another site's page. Takes any HTTP scope."""
        if scope["method"] in _HARMLESS_METHODS and scope["path"] != _SYNTHESIS_PATH:
            return
        if not self._is_welcome(Headers(raw=scope["headers"])):
            raise RefusedError(
                403,
                "foreign_origin",
                "pages of other sites may not use this server",
                field="Origin",
                fix="start the server with --cors-origins and the origin of that page",
            )

    def _is_welcome(self, headers: Headers) -> bool:
        # Browsers write Sec-Fetch-Site themselves, and only to https and localhost: a name
        # rebound to this machine never gets it. A proxy may have changed the Host since.
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site == "same-origin":
            return True
        if origin is None:
            return site not in ("cross-site", "same-site")
        return origin in self.trusted or self._is_own(origin, headers.get("host", ""))

    def _is_own(self, origin: str, host: str) -> bool:
        authority = origin.partition("://")[2].lower()
        return authority == host.lower() and not self._is_rebound(authority)

    def _is_rebound(self, authority: str) -> bool:
        """A name that is not this machine's although only this machine can connect."""
        names = (*_LOOPBACK_HOSTS, self.bound_host.lower())
        is_local = self.bound_host.lower() in _LOOPBACK_HOSTS
        return is_local and _PORT.sub("", authority) not in names

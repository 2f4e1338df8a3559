"""How the web page is let in: a single-use code for its first moment, then a key that is made of the token.

The code stands in the arguments of the program that opens a browser, where others on the machine may read it: so it
is good once, and for a minute. The key is an HMAC (RFC 2104) of the token: it outlives a restart of the sidecar, ends
with the token, opens what the page asks for and nothing else, and tells nobody the token.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

CODE_SECONDS: Final = 60.0
MAX_CODES: Final = 16  # a person opens one page at a time; the oldest goes

_PURPOSE: Final = b"clauditor web page, 1"


def page_key(token: str) -> str:
    """The key of the page for this token: 64 hexadecimal letters."""
    return hmac.new(token.encode(), _PURPOSE, hashlib.sha256).hexdigest()


class Codes:
    """Codes that were given out and not used yet. `now` is Unix seconds."""

    def __init__(self) -> None:
        self.dropped = 0
        self._good_until: dict[str, float] = {}

    def issue(self, now: float) -> str:
        """A new code, good until `now + CODE_SECONDS`."""
        self._forget_old(now)
        while len(self._good_until) >= MAX_CODES:
            del self._good_until[next(iter(self._good_until))]
            self.dropped += 1
        code = secrets.token_urlsafe(24)
        self._good_until[code] = now + CODE_SECONDS
        return code

    def redeem(self, given: str, now: float) -> bool:
        """Whether `given` is a code that is still good; it is not after that."""
        self._forget_old(now)
        offered = given.encode("utf-8", "replace")
        # Every one is compared, in constant time: how long it takes tells nothing.
        matches = [code for code in self._good_until if hmac.compare_digest(code.encode(), offered)]
        for code in matches:
            del self._good_until[code]
        return bool(matches)

    def _forget_old(self, now: float) -> None:
        # A clock that was set back makes no code live longer than it was given.
        old = [code for code, until in self._good_until.items() if not 0 < until - now <= CODE_SECONDS]
        for code in old:
            del self._good_until[code]

"""Repeatable identifiers and dice: everything random in the pretend world follows from its seed."""

from __future__ import annotations

import hashlib
import random
import uuid

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def digest(*parts: object) -> bytes:
    """32 bytes that are the same for the same parts, in every run and on every machine."""
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(errors="replace"), digest_size=32).digest()


def stable_id(prefix: str, *parts: object, length: int = 24) -> str:
    """An identifier in the vendor's spelling (`msg_01…`, `toolu_01…`, `req_01…`)."""
    number = int.from_bytes(digest(prefix, *parts))
    letters = []
    for _ in range(length - 2):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return f"{prefix}01{''.join(letters)}"


def stable_uuid(*parts: object) -> str:
    return str(uuid.UUID(bytes=digest("uuid", *parts)[:16], version=4))


def dice(*parts: object) -> random.Random:
    """Dice of their own for one part of the play, so that parallel parts do not disturb each other."""
    return random.Random(digest("dice", *parts))  # noqa: S311 - repeatable on purpose, never a secret

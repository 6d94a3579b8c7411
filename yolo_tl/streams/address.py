"""Addresses of cameras, and what of them may be shown."""

from __future__ import annotations

from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit


def public(address: str) -> str:
    """The address without user and password."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=_host(parts)))


def login(address: str) -> tuple[str, str] | None:
    """User and password of an address that has them."""
    parts = urlsplit(address)
    return None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]

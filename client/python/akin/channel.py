"""Connections, and when a call is tried again."""

from __future__ import annotations

import random

import grpc

from .errors import Error

ATTEMPTS = 4
_OPTIONS = [("grpc.max_receive_message_length", 16 << 20), ("grpc.enable_retries", 0)]


def arguments(addr: str, tls: bool | None, ca: bytes | None):
    """Target, credentials (None: plain) and options of a channel.

    Connections within this machine are plain, unless tls says otherwise.
    """
    host = addr.removeprefix("dns:///")
    local = host.startswith(("localhost", "127.", "[::1]", "unix:"))
    if not addr.startswith("unix:") and ":" not in host.rpartition("]")[2]:
        addr += ":7700"
    secure = not local if tls is None else tls
    return addr, grpc.ssl_channel_credentials(ca) if secure or ca else None, _OPTIONS


def metadata(token: str | None):
    return (("authorization", f"Bearer {token}"),) if token else ()


def wait(error: Error, attempt: int, left: float, again: bool) -> float | None:
    """Seconds to wait before attempt+1 (attempts are counted from 1), or None to give up.

    A server that names a time is asked again then. again: a call that may have been carried out may be repeated.
    """
    if attempt >= ATTEMPTS:
        return None
    if error.retry_after is not None:
        delay = error.retry_after
    elif error.code is grpc.StatusCode.UNAVAILABLE and again:
        delay = min(2.0, 0.1 * 2 ** (attempt - 1))
    else:
        return None
    delay += random.uniform(0, delay / 4)  # callers turned away together do not come back together
    return delay if delay < left else None

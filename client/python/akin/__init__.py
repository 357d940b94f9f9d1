"""Client of Akin, which keeps research papers and finds the nearest ones.

Client is for scripts and notebooks, AsyncClient for asyncio; they have the same methods. Errors are Error.
"""

from .aio import AsyncClient, AsyncProfile
from .client import Client, Profile
from .errors import Error, FieldViolation
from .papers import Paper
from .requests import SearchOptions
from .results import Hit, ImportFailure, ImportReport, Reason, Result, Stats, Written

__all__ = [
    "AsyncClient", "AsyncProfile", "Client", "Error", "FieldViolation", "Hit", "ImportFailure", "ImportReport", "Paper",
    "Profile", "Reason", "Result", "SearchOptions", "Stats", "Written",
]

"""Requests from what callers give; both clients share them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TypedDict
from uuid import uuid4

from .v1 import profile_service_pb2 as profiles
from .v1 import similarity_service_pb2 as similarity


class SearchOptions(TypedDict, total=False):
    """Options of search, similar and recommend.

    limit: hits a page, 10 unless given, at most 1,000. filter: AIP-160, such as 'categories:"cs.LG"'. mode: "auto", "exact"
    or "approximate". abstracts: return them too. page_token: of the page before. min_cosine: drop hits below. diversity:
    0 to 1. recency: age in which a score halves. dense_weight: share of the cosine, 0 to 1.
    """

    limit: int
    filter: str
    mode: str
    abstracts: bool
    page_token: str
    min_cosine: float
    diversity: float
    recency: timedelta
    dense_weight: float


def _with_options(request, options: SearchOptions):
    unknown = set(options) - SearchOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no option {', '.join(sorted(unknown))}")
    into = request.options
    request.page_size = options.get("limit", 0)
    request.page_token = options.get("page_token", "")
    into.filter = options.get("filter", "")
    if mode := options.get("mode"):
        into.mode = similarity.SearchMode.Value(f"SEARCH_MODE_{mode.upper()}")
    if options.get("abstracts"):
        into.read_mask.paths.append("*")
    for name in ("min_cosine", "diversity", "dense_weight"):
        if name in options:
            setattr(into, name, options[name])
    if "recency" in options:
        into.recency_half_life.FromTimedelta(options["recency"])
    return request


def search(text: str, options: SearchOptions):
    return _with_options(similarity.SearchPapersRequest(text=text), options)


def similar(paper_id: str, options: SearchOptions):
    return _with_options(similarity.SearchPapersRequest(paper_id=paper_id), options)


def search_vector(values, model: str, options: SearchOptions):
    query = similarity.VectorQuery(values=[float(v) for v in values], model=model)
    return _with_options(similarity.SearchPapersRequest(vector=query), options)


def recommend(
    likes: Iterable[str], dislikes: Iterable[str], interests: Iterable[str], exclude: Iterable[str], profile: str,
    fading: timedelta | None, shown_rest: timedelta | None, strict: bool, explain: bool, options: SearchOptions,
):
    liked = [similarity.Preference(paper_id=i) for i in _many(likes)]
    request = similarity.RecommendPapersRequest(
        likes=liked + [similarity.Preference(text=t) for t in _many(interests)],
        dislikes=[similarity.Preference(paper_id=i) for i in _many(dislikes)],
        exclude_paper_ids=_many(exclude), profile_id=profile, strict=strict, explain=explain,
    )
    if fading is not None:
        request.half_life.FromTimedelta(fading)
    if shown_rest is not None:
        request.shown_rest.FromTimedelta(shown_rest)
    return _with_options(request, options)


def _many(texts: Iterable[str]) -> Sequence[str]:
    """The texts; one text alone is not taken for its letters."""
    return [texts] if isinstance(texts, str) else list(texts)


def events(profile: str, kind: str, paper_ids: Iterable[str]):
    """Events with ids made once, so that a call that is repeated records them once."""
    now = datetime.now(timezone.utc)
    request = profiles.RecordEventsRequest()
    for i, paper_id in enumerate(_many(paper_ids)):
        event = request.events.add(profile_id=profile, event_id=uuid4().hex, paper_id=paper_id)
        event.kind = profiles.EventKind.Value(f"EVENT_KIND_{kind}")
        event.event_time.FromDatetime(now + timedelta(microseconds=i))
    return request


def undo(profile: str, event_ids: Iterable[str]):
    request = profiles.RecordEventsRequest()
    for event_id in _many(event_ids):
        request.events.add(profile_id=profile, event_id=uuid4().hex, kind="EVENT_KIND_UNDO", undoes=event_id)
    return request

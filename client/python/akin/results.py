"""What calls return."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from .errors import Error
from .papers import Paper, decode

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Reason:
    """One like because of which a paper was recommended: its id ("" for a text), its part of the score, its words."""

    paper_id: str
    part: float
    words: list[str]


@dataclass(frozen=True)
class Hit:
    """One paper found. Hits are ranked by score, within one answer; cosine compares between answers of one model."""

    paper: Paper
    score: float
    cosine: float
    bm25: float
    because_of: list[Reason]


@dataclass(frozen=True)
class Result:
    """One page of hits, best first. It can be iterated, and made a table by to_frame."""

    hits: list[Hit]
    next_page_token: str = ""
    missing_ids: list[str] = field(default_factory=list)
    unknown_words: list[str] = field(default_factory=list)
    without_likes: bool = False
    model: str = ""

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def to_frame(self) -> pandas.DataFrame:
        """A pandas table, one row a hit: id, score, cosine, bm25, and the other fields of papers. Needs pandas."""
        import pandas

        rows = [{"score": h.score, "cosine": h.cosine, "bm25": h.bm25} | asdict(h.paper) for h in self.hits]
        columns = ["id", "score", "cosine", "bm25", *(c for c in Paper.__dataclass_fields__ if c != "id")]
        return pandas.DataFrame(rows, columns=columns)


@dataclass(frozen=True)
class Written:
    """What a write of one paper did."""

    id: str
    revision: int
    created: bool
    unchanged: bool


@dataclass(frozen=True)
class Stats:
    """What the server holds."""

    papers: int
    model: str
    model_trained: bool
    dims: int
    version: str
    activity: str


@dataclass(frozen=True)
class ImportFailure:
    """A paper that was not stored: its place in the iteration, from 1."""

    item: int
    paper_id: str
    error: Error


@dataclass
class ImportReport:
    """What an import did: written and unchanged papers, and those that failed."""

    written: int = 0
    unchanged: int = 0
    failures: list[ImportFailure] = field(default_factory=list)


def result_of(response) -> Result:
    """The Result of a search or a recommendation."""
    hits = []
    for h in response.hits:
        reasons = [Reason(r.paper_id, r.part, [t.term for t in r.terms]) for r in h.because_of.likes]
        hits.append(Hit(decode(h.paper), h.score, h.cosine, h.bm25, reasons))
    info = response.info
    return Result(
        hits, response.next_page_token, list(getattr(response, "missing_paper_ids", ())), list(info.unknown_words),
        info.without_likes, info.model,
    )


def written_of(response) -> Written:
    return Written(response.paper.id, response.paper.revision, response.created, response.unchanged)


def stats_of(s) -> Stats:
    return Stats(s.papers, s.model.fingerprint, s.model.trained, s.model.dims, s.version, s.activity)


def vectors_of(response):
    """The vectors of texts as a numpy array of float32, one row each; a row of zeros where no word is known."""
    import numpy

    dims = max((len(e.values) for e in response.embeddings), default=0)
    out = numpy.zeros((len(response.embeddings), dims), dtype=numpy.float32)
    for row, e in zip(out, response.embeddings):
        row[: len(e.values)] = e.values
    return out

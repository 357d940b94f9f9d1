"""Papers as Python values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timezone

from .v1 import paper_pb2

Attribute = str | float | bool


@dataclass
class Paper:
    """One research paper. Title and abstract say what it is about and must not both be empty.

    published is a date or a datetime, which without a zone is UTC; answers hold a datetime in UTC. attributes are your
    own fields: text, numbers or truth values. revision is set in answers alone.
    """

    id: str
    title: str = ""
    abstract: str = ""
    authors: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    published: date | datetime | None = None
    url: str = ""
    doi: str = ""
    attributes: dict[str, Attribute] = field(default_factory=dict)
    revision: int = 0


def encode(paper: Paper | Mapping) -> paper_pb2.Paper:
    """The message of a paper, or of a mapping with the fields of one."""
    if not isinstance(paper, Paper):
        paper = Paper(**paper)
    message = paper_pb2.Paper(
        id=paper.id, title=paper.title, abstract=paper.abstract, authors=paper.authors, categories=paper.categories,
        url=paper.url, doi=paper.doi,
    )
    if (when := paper.published) is not None:
        if not isinstance(when, datetime):
            when = datetime(when.year, when.month, when.day)
        message.publish_time.FromDatetime(when if when.tzinfo else when.replace(tzinfo=timezone.utc))
    for name, value in paper.attributes.items():
        if isinstance(value, bool):
            message.attributes[name].bool_value = value
        elif isinstance(value, str):
            message.attributes[name].string_value = value
        else:
            message.attributes[name].double_value = float(value)
    return message


def decode(message: paper_pb2.Paper) -> Paper:
    published = None
    if message.HasField("publish_time"):
        published = message.publish_time.ToDatetime(tzinfo=timezone.utc)
    attributes = {name: getattr(v, kind) for name, v in message.attributes.items() if (kind := v.WhichOneof("value"))}
    return Paper(
        message.id, message.title, message.abstract, list(message.authors), list(message.categories), published,
        message.url, message.doi, attributes, message.revision,
    )

"""The state of an import: what was sent and not acknowledged is sent again on the next stream."""

from __future__ import annotations

from collections import deque

from . import errors, papers
from .results import ImportFailure, ImportReport
from .v1 import paper_service_pb2 as service

WINDOW = 4096  # items sent and not acknowledged, at most


class Window:
    """One import. Not safe for concurrent use: the clients guard it."""

    def __init__(self) -> None:
        self.report = ImportReport()
        self.sent: deque = deque()  # requests not acknowledged, oldest first
        self.items = 0
        self.stream = 0  # number of the stream that may send

    def add(self, paper):
        """The request of the next paper."""
        self.items += 1
        request = service.ImportPapersRequest(item=self.items, paper=papers.encode(paper))
        self.sent.append(request)
        return request

    def full(self) -> bool:
        return len(self.sent) >= WINDOW

    def acknowledge(self, response) -> bool:
        """Take a response in; says whether it brought the import on."""
        before = len(self.sent)
        while self.sent and self.sent[0].item <= response.acknowledged_item:
            self.sent.popleft()
        self.report.written += response.written
        self.report.unchanged += response.unchanged
        for e in response.errors:
            self.report.failures.append(ImportFailure(e.item, e.paper_id, errors.of_item(e.status)))
        return len(self.sent) < before

"""The client for scripts and notebooks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Unpack

import grpc

from . import channel, errors, requests
from .importing import Window
from .papers import Paper, decode, encode
from .requests import SearchOptions
from .results import ImportReport, Result, Stats, Written, result_of, stats_of, vectors_of, written_of
from .v1 import index_service_pb2, index_service_pb2_grpc, paper_service_pb2, paper_service_pb2_grpc
from .v1 import profile_service_pb2, profile_service_pb2_grpc, similarity_service_pb2, similarity_service_pb2_grpc


class Client:
    """Talks to one Akin service. It may be used from many threads, and as a context manager.

    addr is "host:port" or "host" (port 7700). Connections within this machine are plain, others TLS, unless tls says
    otherwise; ca holds the PEM of authorities to trust instead of the system's. timeout is of each call with all its
    attempts, in seconds: refused calls are tried again up to three times, when the server says.
    """

    def __init__(
        self, addr: str = "127.0.0.1:7700", *, token: str | None = None, tls: bool | None = None,
        ca: bytes | None = None, timeout: float = 30.0,
    ) -> None:
        target, credentials, options = channel.arguments(addr, tls, ca)
        if credentials:
            self._channel = grpc.secure_channel(target, credentials, options)
        else:
            self._channel = grpc.insecure_channel(target, options)
        self._metadata, self._timeout = channel.metadata(token), timeout
        self._papers = paper_service_pb2_grpc.PaperServiceStub(self._channel)
        self._similarity = similarity_service_pb2_grpc.SimilarityServiceStub(self._channel)
        self._index = index_service_pb2_grpc.IndexServiceStub(self._channel)
        self._profiles = profile_service_pb2_grpc.ProfileServiceStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _call(self, method, request, again: bool = True):
        end = time.monotonic() + self._timeout
        attempt = 1
        while True:
            left = end - time.monotonic()
            try:
                return method(request, timeout=max(left, 0.001), metadata=self._metadata)
            except grpc.RpcError as failed:
                error = errors.of_call(failed)
                delay = channel.wait(error, attempt, end - time.monotonic(), again)
                if delay is None:
                    raise error from failed
            time.sleep(delay)
            attempt += 1

    def search(self, text: str, **options: Unpack[SearchOptions]) -> Result:
        """The papers nearest to a text."""
        return result_of(self._call(self._similarity.SearchPapers, requests.search(text, options)))

    def similar(self, paper_id: str, **options: Unpack[SearchOptions]) -> Result:
        """The papers nearest to a stored paper."""
        return result_of(self._call(self._similarity.SearchPapers, requests.similar(paper_id, options)))

    def search_vector(self, values: Sequence[float], model: str, **options: Unpack[SearchOptions]) -> Result:
        """The papers nearest to a vector that embed returned, with its model."""
        return result_of(self._call(self._similarity.SearchPapers, requests.search_vector(values, model, options)))

    def recommend(
        self, likes: Iterable[str] = (), dislikes: Iterable[str] = (), *, interests: Iterable[str] = (),
        exclude: Iterable[str] = (), profile: str = "", fading: timedelta | None = None,
        shown_rest: timedelta | None = None, strict: bool = False, explain: bool = False, **options: Unpack[SearchOptions],
    ) -> Result:
        """Papers near to what is liked (ids; interests are texts) and not nearer to what is disliked.

        profile adds the events of a stored one, whose preferences lose half their weight in the age fading, and who is
        not shown again for shown_rest what they were shown. Ids that are not stored are in missing_ids, or with strict an
        error. explain says why in because_of.
        """
        request = requests.recommend(
            likes, dislikes, interests, exclude, profile, fading, shown_rest, strict, explain, options
        )
        return result_of(self._call(self._similarity.RecommendPapers, request))

    def profile(self, profile_id: str) -> Profile:
        """What someone likes and has seen, kept by the service."""
        return Profile(self, profile_id)

    def get(self, paper_id: str) -> Paper:
        """A stored paper, whole."""
        return decode(self._call(self._papers.GetPaper, paper_service_pb2.GetPaperRequest(id=paper_id)).paper)

    def papers(self, filter: str = "", *, abstracts: bool = False) -> Iterator[Paper]:
        """All papers that a filter accepts, by ascending id."""
        request = paper_service_pb2.ListPapersRequest(filter=filter, page_size=500)
        if abstracts:
            request.read_mask.paths.append("*")
        while True:
            page = self._call(self._papers.ListPapers, request)
            yield from map(decode, page.papers)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def upsert(self, paper: Paper | Mapping) -> Written:
        """Store a paper under its id, in place of what was there. It is durable when the call returns."""
        request = paper_service_pb2.UpsertPaperRequest(paper=encode(paper))
        return written_of(self._call(self._papers.UpsertPaper, request))

    def delete(self, paper_id: str) -> None:
        """Remove a paper."""
        self._call(self._papers.DeletePaper, paper_service_pb2.DeletePaperRequest(id=paper_id), again=False)

    def embed(self, texts: Sequence[str]):
        """The vectors of 1 to 1,000 texts as a numpy array of float32, one row each. Needs numpy."""
        return self.embed_with_model(texts)[0]

    def embed_with_model(self, texts: Sequence[str]):
        """The vectors as embed returns them, and the fingerprint of their model, for search_vector."""
        request = similarity_service_pb2.EmbedTextsRequest(texts=requests._many(texts))
        response = self._call(self._similarity.EmbedTexts, request)
        return vectors_of(response), response.model

    def stats(self) -> Stats:
        """What the server holds."""
        return stats_of(self._call(self._index.GetIndexStats, index_service_pb2.GetIndexStatsRequest()))

    def import_papers(self, papers: Iterable[Paper | Mapping]) -> ImportReport:
        """Store papers of any number, read as they are sent. What fails is in the report; the others are stored.

        A broken stream is begun again where it ended, as long as that brings the import on. The iterable is read from
        another thread, and an error that it raises ends the import and is raised here.
        """
        source, window, changed = iter(papers), Window(), threading.Condition()
        broken: list[BaseException] = []

        def outgoing(stream: int):
            with changed:
                resend = list(window.sent)
            yield from resend
            while True:
                with changed:
                    while window.full() and window.stream == stream:
                        changed.wait()
                    if window.stream != stream:
                        return
                    try:
                        request = window.add(next(source))
                    except StopIteration:
                        return
                    except BaseException as error:
                        broken.append(error)
                        raise
                yield request

        attempt = 1
        while True:
            with changed:
                window.stream += 1
                stream = window.stream
            try:
                for response in self._papers.ImportPapers(outgoing(stream), metadata=self._metadata):
                    with changed:
                        if window.acknowledge(response):
                            attempt = 1
                        changed.notify_all()
                return window.report
            except grpc.RpcError as failed:
                error = errors.of_call(failed)
                delay = channel.wait(error, attempt, self._timeout, True)
                if broken:
                    raise broken[0] from None
                if delay is None:
                    raise error from failed
            finally:
                with changed:
                    window.stream += 1
                    changed.notify_all()
            time.sleep(delay)
            attempt += 1


class Profile:
    """What one person likes, dislikes, has read and was shown. Made by Client.profile."""

    def __init__(self, client: Client, profile_id: str) -> None:
        self.id, self._client = profile_id, client

    def _record(self, kind: str, paper_ids: Iterable[str]) -> None:
        self._client._call(self._client._profiles.RecordEvents, requests.events(self.id, kind, paper_ids))

    def like(self, *paper_ids: str) -> None:
        self._record("LIKE", paper_ids)

    def dislike(self, *paper_ids: str) -> None:
        self._record("DISLIKE", paper_ids)

    def not_interested(self, *paper_ids: str) -> None:
        self._record("NOT_INTERESTED", paper_ids)

    def read(self, *paper_ids: str) -> None:
        self._record("READ", paper_ids)

    def shown(self, *paper_ids: str) -> None:
        self._record("SHOWN", paper_ids)

    def undo(self, *event_ids: str) -> None:
        """Take events back, by the event_id of state's likes and dislikes."""
        self._client._call(self._client._profiles.RecordEvents, requests.undo(self.id, event_ids))

    def state(self) -> profile_service_pb2.Profile:
        """What the events add up to, as the contract has it."""
        request = profile_service_pb2.GetProfileRequest(profile_id=self.id)
        return self._client._call(self._client._profiles.GetProfile, request).profile

    def recommend(
        self, *, fading: timedelta | None = None, shown_rest: timedelta | None = None, explain: bool = False,
        **options: Unpack[SearchOptions],
    ) -> Result:
        """Papers for this person. Nothing is recorded: say what was shown with shown."""
        return self._client.recommend(profile=self.id, fading=fading, shown_rest=shown_rest, explain=explain, **options)

    def delete(self) -> None:
        """Forget all events."""
        request = profile_service_pb2.DeleteProfileRequest(profile_id=self.id)
        self._client._call(self._client._profiles.DeleteProfile, request, again=False)

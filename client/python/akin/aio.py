"""The client for asyncio: the methods of Client, to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Unpack

import grpc
import grpc.aio

from . import channel, errors, requests
from .importing import Window
from .papers import Paper, decode, encode
from .requests import SearchOptions
from .results import ImportReport, Result, Stats, Written, result_of, stats_of, vectors_of, written_of
from .v1 import index_service_pb2, index_service_pb2_grpc, paper_service_pb2, paper_service_pb2_grpc
from .v1 import profile_service_pb2, profile_service_pb2_grpc, similarity_service_pb2, similarity_service_pb2_grpc


class AsyncClient:
    """As Client, for one event loop: make it in a coroutine, and use it as an asynchronous context manager."""

    def __init__(
        self, addr: str = "127.0.0.1:7700", *, token: str | None = None, tls: bool | None = None,
        ca: bytes | None = None, timeout: float = 30.0,
    ) -> None:
        target, credentials, options = channel.arguments(addr, tls, ca)
        if credentials:
            self._channel = grpc.aio.secure_channel(target, credentials, options)
        else:
            self._channel = grpc.aio.insecure_channel(target, options)
        self._metadata, self._timeout = channel.metadata(token), timeout
        self._papers = paper_service_pb2_grpc.PaperServiceStub(self._channel)
        self._similarity = similarity_service_pb2_grpc.SimilarityServiceStub(self._channel)
        self._index = index_service_pb2_grpc.IndexServiceStub(self._channel)
        self._profiles = profile_service_pb2_grpc.ProfileServiceStub(self._channel)

    async def close(self) -> None:
        await self._channel.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_) -> None:
        await self.close()

    async def _call(self, method, request, again: bool = True):
        loop = asyncio.get_running_loop()
        end = loop.time() + self._timeout
        attempt = 1
        while True:
            try:
                return await method(request, timeout=max(end - loop.time(), 0.001), metadata=self._metadata)
            except grpc.RpcError as failed:
                error = errors.of_call(failed)
                delay = channel.wait(error, attempt, end - loop.time(), again)
                if delay is None:
                    raise error from failed
            await asyncio.sleep(delay)
            attempt += 1

    async def search(self, text: str, **options: Unpack[SearchOptions]) -> Result:
        return result_of(await self._call(self._similarity.SearchPapers, requests.search(text, options)))

    async def similar(self, paper_id: str, **options: Unpack[SearchOptions]) -> Result:
        return result_of(await self._call(self._similarity.SearchPapers, requests.similar(paper_id, options)))

    async def search_vector(self, values: Sequence[float], model: str, **options: Unpack[SearchOptions]) -> Result:
        request = requests.search_vector(values, model, options)
        return result_of(await self._call(self._similarity.SearchPapers, request))

    async def recommend(
        self, likes: Iterable[str] = (), dislikes: Iterable[str] = (), *, interests: Iterable[str] = (),
        exclude: Iterable[str] = (), profile: str = "", fading: timedelta | None = None,
        shown_rest: timedelta | None = None, strict: bool = False, explain: bool = False, **options: Unpack[SearchOptions],
    ) -> Result:
        request = requests.recommend(
            likes, dislikes, interests, exclude, profile, fading, shown_rest, strict, explain, options
        )
        return result_of(await self._call(self._similarity.RecommendPapers, request))

    def profile(self, profile_id: str) -> AsyncProfile:
        return AsyncProfile(self, profile_id)

    async def get(self, paper_id: str) -> Paper:
        return decode((await self._call(self._papers.GetPaper, paper_service_pb2.GetPaperRequest(id=paper_id))).paper)

    async def papers(self, filter: str = "", *, abstracts: bool = False) -> AsyncIterator[Paper]:
        request = paper_service_pb2.ListPapersRequest(filter=filter, page_size=500)
        if abstracts:
            request.read_mask.paths.append("*")
        while True:
            page = await self._call(self._papers.ListPapers, request)
            for message in page.papers:
                yield decode(message)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def upsert(self, paper: Paper | Mapping) -> Written:
        request = paper_service_pb2.UpsertPaperRequest(paper=encode(paper))
        return written_of(await self._call(self._papers.UpsertPaper, request))

    async def delete(self, paper_id: str) -> None:
        await self._call(self._papers.DeletePaper, paper_service_pb2.DeletePaperRequest(id=paper_id), again=False)

    async def embed(self, texts: Sequence[str]):
        return (await self.embed_with_model(texts))[0]

    async def embed_with_model(self, texts: Sequence[str]):
        request = similarity_service_pb2.EmbedTextsRequest(texts=requests._many(texts))
        response = await self._call(self._similarity.EmbedTexts, request)
        return vectors_of(response), response.model

    async def stats(self) -> Stats:
        return stats_of(await self._call(self._index.GetIndexStats, index_service_pb2.GetIndexStatsRequest()))

    async def import_papers(self, papers: Iterable[Paper | Mapping] | AsyncIterable[Paper | Mapping]) -> ImportReport:
        """As Client.import_papers, of an iterable or an asynchronous one."""
        window, changed = Window(), asyncio.Condition()
        source = papers.__aiter__() if isinstance(papers, AsyncIterable) else _asynchronous(papers)
        attempt = 1
        reading: asyncio.Future | None = None  # the next paper, which a stream that breaks leaves to the one behind it
        broken: list[BaseException] = []

        async def send(call) -> None:
            nonlocal reading
            for request in list(window.sent):
                await call.write(request)
            while True:
                async with changed:
                    await changed.wait_for(lambda: not window.full())
                if reading is None:
                    reading = asyncio.ensure_future(_next(source))
                try:
                    paper = await asyncio.shield(reading)
                    reading = None
                    if paper is _END:
                        break
                    request = window.add(paper)
                except Exception as error:
                    broken.append(error)
                    call.cancel()
                    return
                await call.write(request)
            await call.done_writing()

        while True:
            call = self._papers.ImportPapers(metadata=self._metadata)
            sending = asyncio.ensure_future(send(call))
            try:
                async for response in call:
                    if window.acknowledge(response):
                        attempt = 1
                    async with changed:
                        changed.notify_all()
                await sending
                return window.report
            except grpc.RpcError as failed:
                error = errors.of_call(failed)
                delay = channel.wait(error, attempt, self._timeout, True)
                if delay is None:
                    raise error from failed
            except asyncio.CancelledError:
                if not broken:  # it is this task that is cancelled
                    if reading is not None:
                        reading.cancel()
                    raise
            finally:
                sending.cancel()
                call.cancel()
                await asyncio.gather(sending, return_exceptions=True)  # what broke with the stream, the stream has told
            if broken:
                raise broken[0]
            await asyncio.sleep(delay)
            attempt += 1


_END = object()


async def _next(source):
    return await anext(source, _END)


async def _asynchronous(papers: Iterable):
    for paper in papers:
        yield paper


class AsyncProfile:
    """As Profile, to be awaited. Made by AsyncClient.profile."""

    def __init__(self, client: AsyncClient, profile_id: str) -> None:
        self.id, self._client = profile_id, client

    async def _record(self, kind: str, paper_ids: Iterable[str]) -> None:
        await self._client._call(self._client._profiles.RecordEvents, requests.events(self.id, kind, paper_ids))

    async def like(self, *paper_ids: str) -> None:
        await self._record("LIKE", paper_ids)

    async def dislike(self, *paper_ids: str) -> None:
        await self._record("DISLIKE", paper_ids)

    async def not_interested(self, *paper_ids: str) -> None:
        await self._record("NOT_INTERESTED", paper_ids)

    async def read(self, *paper_ids: str) -> None:
        await self._record("READ", paper_ids)

    async def shown(self, *paper_ids: str) -> None:
        await self._record("SHOWN", paper_ids)

    async def undo(self, *event_ids: str) -> None:
        await self._client._call(self._client._profiles.RecordEvents, requests.undo(self.id, event_ids))

    async def state(self) -> profile_service_pb2.Profile:
        request = profile_service_pb2.GetProfileRequest(profile_id=self.id)
        return (await self._client._call(self._client._profiles.GetProfile, request)).profile

    async def recommend(
        self, *, fading: timedelta | None = None, shown_rest: timedelta | None = None, explain: bool = False,
        **options: Unpack[SearchOptions],
    ) -> Result:
        return await self._client.recommend(
            profile=self.id, fading=fading, shown_rest=shown_rest, explain=explain, **options
        )

    async def delete(self) -> None:
        request = profile_service_pb2.DeleteProfileRequest(profile_id=self.id)
        await self._client._call(self._client._profiles.DeleteProfile, request, again=False)

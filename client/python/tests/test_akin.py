"""The package against a real server, AKIN_SERVER: the path of akin-server."""

import asyncio
import contextlib
import io
import os
import re
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timezone
from pathlib import Path

import grpc

import akin
from akin import importing
from akin.v1 import details_pb2, paper_service_pb2, paper_service_pb2_grpc, similarity_service_pb2_grpc, status_pb2

SERVING = re.compile(r"msg=serving address=(\S+)")
PAPERS = [
    akin.Paper("attention", "Attention for translation", "Translation of sentences by attention.", ["Ada Lovelace"], ["cs.CL"], date(2017, 6, 12)),
    akin.Paper("graphs", "Attention over graphs", "Attention weighs the neighbours in a graph.", categories=["cs.LG"]),
    akin.Paper("folding", "Protein folding", "The structure of proteins from their sequence.", categories=["q-bio"]),
    akin.Paper("proteins", "Design of proteins", "Proteins are designed for a given structure.", categories=["q-bio"],
               attributes={"year": 2020.0, "venue": "NeurIPS", "open": True}),
]


class WithServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        data = tempfile.TemporaryDirectory()
        cls.addClassCleanup(data.cleanup)
        cls.process = subprocess.Popen(
            [os.environ["AKIN_SERVER"], "--addr", "127.0.0.1:0", "--data", data.name], stderr=subprocess.PIPE, text=True
        )
        cls.addClassCleanup(cls.process.stderr.close)
        cls.addClassCleanup(cls.process.wait)
        cls.addClassCleanup(cls.process.kill)
        cls.addr = next(found[1] for line in cls.process.stderr if (found := SERVING.search(line)))
        with akin.Client(cls.addr) as client:
            report = client.import_papers(PAPERS)
            assert report.written == len(PAPERS), report

    def setUp(self):
        self.client = akin.Client(self.addr)
        self.addCleanup(self.client.close)


class TestClient(WithServer):
    def test_search(self):
        found = self.client.search("attention", limit=1, filter='categories:"cs.LG"', abstracts=True)
        self.assertEqual([h.paper.id for h in found], ["graphs"])
        self.assertIn("neighbours", found.hits[0].paper.abstract)
        self.assertGreater(found.hits[0].cosine, 0)
        first = self.client.search("attention", limit=1)
        second = self.client.search("attention", limit=1, page_token=first.next_page_token)
        self.assertEqual(len({first.hits[0].paper.id, second.hits[0].paper.id}), 2)
        self.assertEqual(self.client.similar("folding", mode="exact").hits[0].paper.id, "proteins")
        with self.assertRaises(TypeError):
            self.client.search("attention", limits=3)

    def test_fields_come_back(self):
        got = self.client.get("attention")
        self.assertEqual(got.published, datetime(2017, 6, 12, tzinfo=timezone.utc))
        self.assertEqual((got.authors, got.abstract), (["Ada Lovelace"], PAPERS[0].abstract))
        self.assertEqual(self.client.get("proteins").attributes, PAPERS[3].attributes)
        self.assertEqual([p.id for p in self.client.papers('categories:"q-bio"')], ["folding", "proteins"])

    def test_writes(self):
        first = self.client.upsert({"id": "new", "title": "A new paper"})
        again = self.client.upsert(akin.Paper("new", "A new paper"))
        self.assertEqual((first.created, first.unchanged, again.created, again.unchanged), (True, False, False, True))
        self.client.delete("new")
        with self.assertRaises(akin.Error) as caught:
            self.client.delete("new")
        self.assertEqual((caught.exception.code, caught.exception.reason), (grpc.StatusCode.NOT_FOUND, "PAPER_NOT_FOUND"))

    def test_errors_name_reason_and_field(self):
        with self.assertRaises(akin.Error) as caught:
            self.client.upsert(akin.Paper("x"))
        self.assertEqual((caught.exception.reason, caught.exception.field), ("INVALID_FIELD", "paper.title"))

    def test_recommendations_and_profiles(self):
        found = self.client.recommend(["folding", "nowhere"], ["graphs"], interests="structure", explain=True, limit=1)
        self.assertEqual((found.hits[0].paper.id, found.missing_ids), ("proteins", ["nowhere"]))
        self.assertTrue(found.hits[0].because_of)
        ada = self.client.profile("ada")
        ada.like("folding", "attention")
        ada.not_interested("graphs")
        self.assertEqual([h.paper.id for h in ada.recommend(filter='categories:"q-bio"')], ["proteins"])
        ada.undo(next(e.event_id for e in ada.state().likes if e.paper_id == "folding"))
        self.assertEqual([e.paper_id for e in ada.state().likes], ["attention"])
        ada.delete()
        self.assertEqual(ada.state().event_count, 0)

    def test_embed(self):
        vectors, model = self.client.embed_with_model(["attention in graphs", "?"])
        self.assertEqual((vectors.shape, vectors.dtype.name), ((2, self.client.stats().dims), "float32"))
        self.assertAlmostEqual(float((vectors[0] ** 2).sum()), 1, places=3)
        self.assertFalse(vectors[1].any())
        self.assertIn("graphs", [h.paper.id for h in self.client.search_vector(vectors[0], model)])
        with self.assertRaises(akin.Error) as caught:
            self.client.search_vector(vectors[0], "0" * 32)
        self.assertEqual(caught.exception.reason, "MODEL_MISMATCH")

    def test_import_reports_what_failed(self):
        report = self.client.import_papers(p for p in [PAPERS[0], {"id": "bad"}])
        self.assertEqual((report.written, report.unchanged), (0, 1))
        self.assertEqual([(f.item, f.paper_id, f.error.field) for f in report.failures], [(2, "bad", "paper.title")])

    def test_an_error_of_the_iterable_is_the_callers(self):
        def papers():
            yield PAPERS[0]
            raise KeyError("mine")

        with self.assertRaises(KeyError):
            self.client.import_papers(papers())

    def test_an_error_of_an_asynchronous_iterable_is_the_callers(self):
        async def papers():
            yield PAPERS[0]
            raise KeyError("mine")

        async def main():
            async with akin.AsyncClient(self.addr) as client:
                with self.assertRaises(KeyError):
                    await client.import_papers(papers())

        asyncio.run(main())

    def test_to_frame(self):
        frame = self.client.search("attention").to_frame()
        self.assertEqual(list(frame.columns[:4]), ["id", "score", "cosine", "bm25"])
        self.assertLessEqual({"attention", "graphs"}, set(frame["id"]))
        self.assertIn("Attention", frame["title"][0])
        self.assertEqual(list(self.client.search("attention", min_cosine=1).to_frame().columns), list(frame.columns))

    def test_asyncio(self):
        async def main():
            async with akin.AsyncClient(self.addr) as client:
                async def papers():
                    for p in [*PAPERS, akin.Paper("bad")]:
                        yield p

                report = await client.import_papers(papers())
                self.assertEqual((report.unchanged, len(report.failures)), (len(PAPERS), 1))
                found, similar = await asyncio.gather(client.search("attention"), client.similar("folding"))
                self.assertEqual((found.hits[0].paper.title[:9], similar.hits[0].paper.id), ("Attention", "proteins"))
                self.assertEqual((await client.embed(["attention"])).shape[0], 1)
                self.assertEqual([p.id async for p in client.papers('categories:"cs.LG"')], ["graphs"])
                bob = client.profile("bob")
                await bob.like("folding")
                self.assertEqual((await bob.recommend(limit=1)).hits[0].paper.id, "proteins")
                await bob.delete()
                with self.assertRaises(akin.Error) as caught:
                    await client.get("nowhere")
                self.assertEqual(caught.exception.reason, "PAPER_NOT_FOUND")
                with self.assertRaises(akin.Error):
                    await client.upsert({"id": "x"})

        asyncio.run(main())

    def test_the_notebook_of_the_docs_runs(self):
        docs = Path(__file__).resolve().parents[3] / "server" / "docs" / "clients.md"
        code = re.search(r"```python\n(.*?)```", docs.read_text(), re.S)[1]
        self.assertLessEqual(len(code.splitlines()), 10)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code.replace("127.0.0.1:7700", self.addr), {})
        self.assertIn("Attention", printed.getvalue())


class Failing(similarity_service_pb2_grpc.SimilarityServiceServicer, paper_service_pb2_grpc.PaperServiceServicer):
    """A server that refuses what it is told to, and acknowledges half of a stream before it breaks it."""

    def __init__(self):
        self.refuse, self.calls, self.stored = 0, 0, []

    def SearchPapers(self, request, context):
        self.calls += 1
        if self.calls <= self.refuse:
            delay = details_pb2.RetryInfo()
            delay.retry_delay.FromMilliseconds(1)
            status = status_pb2.Status(code=8, message="too much to do")
            status.details.add(type_url="type.googleapis.com/google.rpc.RetryInfo", value=delay.SerializeToString())
            context.set_trailing_metadata([("grpc-status-details-bin", status.SerializeToString())])
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much to do")
        return similarity_service_pb2_grpc.akin_dot_v1_dot_similarity__service__pb2.SearchPapersResponse()

    def ImportPapers(self, requests, context):
        self.calls += 1
        for n, request in enumerate(requests, 1):
            self.stored.append(request.paper.id)
            yield paper_service_pb2.ImportPapersResponse(acknowledged_item=request.item, written=1)
            if n == 3 and self.calls < 3:
                context.abort(grpc.StatusCode.UNAVAILABLE, "shutting down")


class TestRetries(unittest.TestCase):
    def setUp(self):
        self.failing = Failing()
        self.server = grpc.server(ThreadPoolExecutor(4))
        similarity_service_pb2_grpc.add_SimilarityServiceServicer_to_server(self.failing, self.server)
        paper_service_pb2_grpc.add_PaperServiceServicer_to_server(self.failing, self.server)
        self.addr = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()
        self.addCleanup(lambda: self.server.stop(None).wait())

    def test_a_refusal_is_tried_again_when_the_server_says(self):
        self.failing.refuse = 3
        with akin.Client(self.addr) as client:
            client.search("x")
        self.assertEqual(self.failing.calls, 4)

    def test_and_given_up_at_the_fourth(self):
        self.failing.refuse = 9
        with akin.Client(self.addr) as client, self.assertRaises(akin.Error) as caught:
            client.search("x")
        self.assertEqual((self.failing.calls, caught.exception.retry_after), (4, 0.001))

    def test_asyncio_too(self):
        self.failing.refuse = 3

        async def main():
            async with akin.AsyncClient(self.addr) as client:
                await client.search("x")

        asyncio.run(main())
        self.assertEqual(self.failing.calls, 4)

    def test_a_broken_import_goes_on(self):
        ids = [f"p{n}" for n in range(20)]
        with akin.Client(self.addr) as client:
            report = client.import_papers(akin.Paper(i, "A title") for i in ids)
        self.assertEqual((self.failing.calls, report.written, sorted(set(self.failing.stored))), (3, 20, sorted(ids)))

    def test_a_broken_import_of_asyncio_goes_on(self):
        ids = [f"p{n}" for n in range(20)]

        async def main():
            async with akin.AsyncClient(self.addr) as client:
                return await client.import_papers(akin.Paper(i, "A title") for i in ids)

        self.assertEqual(asyncio.run(main()).written, 20)
        self.assertEqual(sorted(set(self.failing.stored)), sorted(ids))

    def test_a_small_window_does_not_stop_an_import(self):
        before, importing.WINDOW = importing.WINDOW, 2
        self.addCleanup(setattr, importing, "WINDOW", before)
        self.failing.calls = 9  # breaks nothing
        with akin.Client(self.addr) as client:
            self.assertEqual(client.import_papers(akin.Paper(f"p{n}", "A title") for n in range(50)).written, 50)


if __name__ == "__main__":
    unittest.main()

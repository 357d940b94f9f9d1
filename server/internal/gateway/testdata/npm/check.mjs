// Calls a server as the npm clients do: node check.mjs HOST:PORT DESCRIPTORS. DESCRIPTORS is proto/descriptors.binpb,
// from which the messages are made, so that no generated code is needed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import * as wkt from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import * as web from "@connectrpc/connect-web";
import * as node from "@connectrpc/connect-node";
import grpc from "@grpc/grpc-js";

const [address, descriptors] = process.argv.slice(2);
const set = fromBinary(FileDescriptorSetSchema, readFileSync(descriptors));
const imported = [wkt.file_google_protobuf_any, wkt.file_google_protobuf_duration, wkt.file_google_protobuf_timestamp,
  wkt.file_google_protobuf_field_mask, wkt.file_google_protobuf_struct, wkt.file_google_protobuf_wrappers,
  wkt.file_google_protobuf_empty];
set.file.unshift(...imported.map((file) => file.proto));
const registry = createFileRegistry(set);
const Papers = registry.getService("akin.v1.PaperService");
const Similarity = registry.getService("akin.v1.SimilarityService");

const baseUrl = `http://${address}`;
const transports = {
  "connect-web": web.createConnectTransport({ baseUrl }),
  "connect-web, GET": web.createConnectTransport({ baseUrl, useHttpGet: true }),
  "connect-web, binary": web.createConnectTransport({ baseUrl, useBinaryFormat: true }),
  "connect-web, binary GET": web.createConnectTransport({ baseUrl, useBinaryFormat: true, useHttpGet: true }),
  "connect-node, HTTP/1.1": node.createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  "connect-node, HTTP/2": node.createConnectTransport({ baseUrl, httpVersion: "2" }),
  "connect-node, gRPC": node.createGrpcTransport({ baseUrl }),
};
for (const [name, transport] of Object.entries(transports)) {
  const papers = createClient(Papers, transport);
  const similarity = createClient(Similarity, transport);
  const id = `npm/${name}`;
  await papers.upsertPaper({ paper: { id, title: `Whales of ${name}`, abstract: "They sing. ".repeat(300) } });
  const got = await papers.getPaper({ id });
  assert.equal(got.paper.title, `Whales of ${name}`, name);
  const found = await similarity.searchPapers({ query: { case: "text", value: "whales sing" }, pageSize: 3 }, { timeoutMs: 20_000 });
  assert.ok(found.hits.length > 0 && found.hits[0].score > 0, name);

  let seen = 0;
  for await (const response of papers.exportPapers({ filter: `id = "${id}"` })) {
    seen += response.papers?.length ?? 1;
  }
  assert.equal(seen, 1, `${name}: exported`);

  await assert.rejects(papers.upsertPaper({ paper: { id: "" } }), (err) => {
    assert.ok(err instanceof ConnectError);
    assert.equal(err.code, Code.InvalidArgument, name);
    assert.ok(err.details.some((d) => d.type === "google.rpc.BadRequest"), `${name}: details ${JSON.stringify(err.details)}`);
    return true;
  });
  await assert.rejects(async () => {
    for await (const _ of papers.exportPapers({ filter: "nonsense (" }));
  }, (err) => err.code === Code.InvalidArgument && err.details.length > 0);
  console.log(`${name}: well`);
}

// Many requests and many responses: HTTP/2 and gRPC both ways at once.
for (const name of ["connect-node, HTTP/2", "connect-node, gRPC"]) {
  const papers = createClient(Papers, transports[name]);
  async function* items() {
    for (let i = 1; i <= 100; i++) yield { item: BigInt(i), paper: { id: `import/${i}`, title: `Paper ${i}` } };
  }
  let last = 0n;
  for await (const answer of papers.importPapers(items())) last = answer.acknowledgedItem;
  assert.equal(last, 100n, name);
  console.log(`${name}: imports`);
}

// grpc-js, with HTTP/2 of Node's own.
const methods = Object.fromEntries(Papers.methods.map((m) => [m.name, {
  path: `/${Papers.typeName}/${m.name}`,
  requestStream: m.methodKind === "client_streaming" || m.methodKind === "bidi_streaming",
  responseStream: m.methodKind === "server_streaming" || m.methodKind === "bidi_streaming",
  requestSerialize: (message) => Buffer.from(toBinary(m.input, message)),
  requestDeserialize: (bytes) => fromBinary(m.input, bytes),
  responseSerialize: (message) => Buffer.from(toBinary(m.output, message)),
  responseDeserialize: (bytes) => fromBinary(m.output, bytes),
}]));
const Client = grpc.makeGenericClientConstructor(methods, "PaperService");
const client = new Client(address, grpc.credentials.createInsecure());
const call = (method, message) => new Promise((resolve, reject) => {
  client[method](create(Papers.methods.find((m) => m.name === method).input, message), (err, answer) => (err ? reject(err) : resolve(answer)));
});
assert.equal((await call("GetPaper", { id: "import/1" })).paper.title, "Paper 1");
await assert.rejects(call("GetPaper", { id: "nobody" }), (err) => err.code === grpc.status.NOT_FOUND);
client.close();
console.log("grpc-js: well");
process.exit(0); // connect-node keeps its connections of HTTP/2

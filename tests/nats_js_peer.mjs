// The other client of js_interop.test: does one thing to an object store with nats.js, and prints what it sees. The
// packages are found in the directory named by NATS_JS.
//
//     node nats_js_peer.mjs URL BUCKET ACTION ?ARGUMENT ...?
//
// Arguments are hexadecimal digits of UTF-8, and so are bytes, in and out. An error is printed as its message, after "error".

import { createRequire } from "node:module";

const require = createRequire(`${process.env.NATS_JS}/`);
const { connect } = require("@nats-io/transport-node");
const { Objm } = require("@nats-io/obj");

const [url, bucket, action, ...words] = process.argv.slice(2);
const args = words.map((word) => Buffer.from(word, "hex").toString());
const connection = await connect({ servers: url, timeout: 30000 });
const manager = new Objm(connection);

const shown = (info) =>
  [info.name, info.size, info.chunks, info.digest || "-", info.deleted || false, info.description || "-",
    info.options?.link ? `->${info.options.link.bucket}/${info.options.link.name}` : ""].join(" ").trim();

const actions = {
  store: async () => {
    await manager.create(bucket, { storage: "memory" });
  },
  put: async (name, hex, description, chunkSize) => {
    const store = await manager.open(bucket);
    const options = { max_chunk_size: Number(chunkSize) };
    const info = await store.putBlob({ name, description, options }, Buffer.from(hex, "hex"));
    return shown(info);
  },
  get: async (name) => {
    const bytes = await (await manager.open(bucket)).getBlob(name);
    return bytes === null ? "none" : Buffer.from(bytes).toString("hex");
  },
  info: async (name) => {
    const info = await (await manager.open(bucket)).info(name);
    return info === null ? "none" : shown(info);
  },
  list: async () => {
    const infos = await (await manager.open(bucket)).list();
    return infos.map((info) => info.name).sort().join(" ");
  },
  delete: async (name) => {
    await (await manager.open(bucket)).delete(name);
  },
  link: async (name, target) => {
    const store = await manager.open(bucket);
    return shown(await store.link(name, await store.info(target)));
  },
  rename: async (name, other) => {
    await (await manager.open(bucket)).update(name, { name: other });
  },
};

try {
  const said = await actions[action](...args);
  if (said !== undefined) console.log(said);
} catch (error) {
  console.log("error", error.message);
}
await connection.close();

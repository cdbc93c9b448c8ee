// The cases of bench/all.tcl on nats.js. Arguments and output are those of bench/raw; the packages are found
// in the directory named by NATS_JS.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.NATS_JS}/`);
const { connect } = require("@nats-io/transport-node");
const { Kvm } = require("@nats-io/kv");

const READ = "bench_read", WRITE = "bench_write", WRITTEN = 1000;
const [url, name, ...numbers] = process.argv.slice(2);
const [count, keys, size, inflight] = numbers.map(Number);
const payload = new Uint8Array(size).fill(120);
const nc = await connect({ servers: url, timeout: 30000 });
const kvm = new Kvm(nc);
const read = await kvm.open(READ), write = await kvm.open(WRITE);

const key = (number) => `sensor.${String(number).padStart(7, "0")}`;

async function put(first, step) {
  for (let i = first; i < count; i += step) await write.put(key(i % WRITTEN), payload);
  return count;
}

async function get(first, step) {
  for (let i = first; i < count; i += step) {
    const entry = await read.get(key(i % keys));
    if (entry.value.length !== size) throw new Error("a value has the wrong length");
  }
  return count;
}

async function inFlight(run) {
  await Promise.all(Array.from({ length: inflight }, (_, i) => run(i, inflight)));
  return count;
}

// Iterators of nats.js end with the data, or say how much is left.
async function watch(each) {
  const entries = await read.watch();
  let done = 0;
  for await (const entry of entries) {
    each(entry);
    done++;
    if (entry.delta === 0) break;
  }
  return done;
}

async function all(iterator) {
  const list = [];
  for await (const item of iterator) list.push(item);
  return list.length;
}

async function pubsub() {
  let done = 0;
  const finished = new Promise((resolve) => {
    nc.subscribe("bench.pubsub", { callback: () => { if (++done === count) resolve(); } });
  });
  await nc.flush();
  for (let i = 0; i < count; i++) {
    nc.publish("bench.pubsub", payload);
    // Its buffer must be written now and then, or it grows with the whole run.
    if (i % 1000 === 999) await new Promise(setImmediate);
  }
  await finished;
  return done;
}

const values = new Map();
const cases = {
  put: () => put(0, 1),
  get: () => get(0, 1),
  put64: () => inFlight(put),
  get64: () => inFlight(get),
  watch: () => watch(() => {}),
  array: async () => { await watch((entry) => values.set(entry.key, entry.value)); return values.size; },
  keys: async () => all(await read.keys()),
  history: async () => all(await read.history()),
  pubsub,
};

const before = process.cpuUsage();
const start = process.hrtime.bigint();
const done = await cases[name]();
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
const peak = /^VmHWM:\s*(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))[1];
const { user, system } = process.cpuUsage(before);
console.log("result", done, seconds.toFixed(6), peak, Math.round((user + system) / 1000));
await nc.close();

// The other client of service_interop.test: asks services with nats.js, or is one. The packages are found in the directory
// named by NATS_JS.
//
//     node nats_js_service.mjs URL ask NAME SUBJECT DATA     asks the services of a name about themselves, then a request
//     node nats_js_service.mjs URL serve NAME                is a service until standard input ends
//
// What it sees is printed as lines.

import { createRequire } from "node:module";

const require = createRequire(`${process.env.NATS_JS}/`);
const { connect } = require("@nats-io/transport-node");
const { ServiceError, Svcm } = require("@nats-io/services");

const [url, action, name, subject, data] = process.argv.slice(2);
const connection = await connect({ servers: url, timeout: 30000 });
const services = new Svcm(connection);

const endpoint = (e) => `  ${e.name} ${e.subject} ${e.queue_group || "-"} ${e.num_requests ?? "-"} ${e.num_errors ?? "-"}`;

const actions = {
  ask: async () => {
    const client = services.client({ strategy: "stall", maxWait: 20000, stall: 1000 });
    for (const verb of ["ping", "info", "stats"]) {
      for await (const answer of await client[verb](name)) {
        console.log(answer.type, answer.name, answer.version, JSON.stringify(answer.metadata));
        (answer.endpoints ?? []).forEach((e) => console.log(endpoint(e)));
      }
    }
    const reply = await connection.request(subject, data, { timeout: 20000 });
    const error = ServiceError.isServiceError(reply) ? ServiceError.toServiceError(reply) : null;
    console.log(reply.string() || "-", error?.code ?? "-", error?.message ?? "-");
  },
  serve: async () => {
    const service = await services.add({ name, version: "3.2.1", description: "d", metadata: { k: "v" } });
    service.addGroup("js").addEndpoint("double", (error, message) => {
      if (message.string() === "fail") throw new ServiceError(418, "a teapot");
      if (message.string() === "refuse") message.respondError(409, "no", "why");
      else message.respond(message.string() + message.string());
    });
    await connection.flush();
    console.log("ready");
    process.stdin.resume();
    await new Promise((resolve) => process.stdin.on("end", resolve));
    await service.stop();
  },
};

await actions[action]();
await connection.close();

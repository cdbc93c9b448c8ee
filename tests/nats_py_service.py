"""The other client of service_interop.test: asks services with nats-py's own types, or is one.

    python3 nats_py_service.py URL ask NAME SUBJECT DATA     asks the service for what it says about itself, then a request
    python3 nats_py_service.py URL serve NAME                is a service until standard input ends

What it sees is printed as lines.
"""

import asyncio
import json
import sys

import nats
from nats.micro import add_service
from nats.micro.request import ServiceError
from nats.micro.service import ServiceInfo, ServicePing, ServiceStats


async def ask(connection, name, subject, data):
    for verb, reader in (("PING", ServicePing), ("INFO", ServiceInfo), ("STATS", ServiceStats)):
        reply = await connection.request(f"$SRV.{verb}.{name}", b"", timeout=20)
        facts = reader.from_dict(json.loads(reply.data))
        print(verb, facts.name, facts.version, json.dumps(facts.metadata, sort_keys=True))
        for endpoint in getattr(facts, "endpoints", None) or []:
            print(" ", endpoint.name, endpoint.subject, endpoint.queue_group, getattr(endpoint, "num_requests", "-"))
    reply = await connection.request(subject, data.encode(), timeout=20)
    headers = reply.headers or {}
    print(reply.data.decode(), headers.get("Nats-Service-Error-Code", "-"), headers.get("Nats-Service-Error", "-"))


async def serve(connection, name):
    service = await add_service(connection, name=name, version="3.2.1", description="d", metadata={"k": "v"})
    group = service.add_group(name="py")

    async def double(request):
        if request.data == b"fail":
            raise ServiceError("418", "a teapot")
        await request.respond(request.data * 2)

    await group.add_endpoint(name="double", handler=double)
    # nats-py's PING may overtake what it still has to send; the second one comes behind that.
    await connection.flush()
    await connection.flush()
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await service.stop()


async def main(url, action, *args):
    connection = await nats.connect(url)
    await (ask if action == "ask" else serve)(connection, *args)
    await connection.close()


asyncio.run(main(*sys.argv[1:]))

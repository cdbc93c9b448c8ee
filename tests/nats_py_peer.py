"""The other client of interop.test: does one thing to a bucket with nats-py, and prints what it sees.

    python3 nats_py_peer.py URL BUCKET ACTION ?ARGUMENT ...?

Entries are printed as lines: key, operation, value in hexadecimal digits, revision. An error is its class's name.
"""

import asyncio
import sys

import nats
from nats.js.api import KeyValueConfig, ObjectMeta, ObjectMetaOptions


def show(entry):
    value = (entry.value or b"").hex() or "-"
    print(entry.key, entry.operation or "PUT", value, entry.revision)


async def patiently(ask):
    """What a watch of nats-py brings. Such a watch believes that there is nothing when the server has sent everything and
    none of it has come yet, as happens on a busy machine."""
    for _ in range(50):
        try:
            return await ask()
        except nats.js.errors.NoKeysError:
            await asyncio.sleep(0.1)
    return await ask()


async def act(js, bucket, action, args):
    if action == "bucket":
        ttl = float(args[1]) if len(args) > 1 else None
        await js.create_key_value(KeyValueConfig(bucket=bucket, history=int(args[0]), limit_marker_ttl=ttl))
        return
    kv = await js.key_value(bucket)
    if action == "get":
        show(await kv.get(args[0]))
    elif action == "put":
        print(await kv.put(args[0], bytes.fromhex(args[1])))
    elif action == "create":
        ttl = float(args[2]) if len(args) > 2 else None
        print(await kv.create(args[0], bytes.fromhex(args[1]), msg_ttl=ttl))
    elif action == "update":
        print(await kv.update(args[0], bytes.fromhex(args[1]), last=int(args[2])))
    elif action == "delete":
        print(await kv.delete(args[0]))
    elif action == "purge":
        print(await kv.purge(args[0], msg_ttl=float(args[1]) if len(args) > 1 else None))
    elif action == "keys":
        print(*sorted(await patiently(kv.keys)))
    elif action == "history":
        for entry in await patiently(lambda: kv.history(args[0])):
            show(entry)
    elif action == "headers":
        message = await js.get_last_msg(f"KV_{bucket}", f"$KV.{bucket}.{args[0]}")
        for name, text in sorted((message.headers or {}).items()):
            print(name, text)
    else:
        raise ValueError(action)


def show_object(info):
    link = info.options.link if info.options else None
    target = f"->{link.bucket}/{link.name}" if link else ""
    print(info.name, info.size, info.chunks, info.digest or "-", info.deleted or False, info.description or "-", target)


async def act_on_objects(js, bucket, action, args):
    if action == "store":
        await js.create_object_store(bucket)
        return
    store = await js.object_store(bucket)
    if action == "put":
        meta = ObjectMeta(description=args[2], options=ObjectMetaOptions(max_chunk_size=int(args[3])))
        show_object(await store.put(args[0], bytes.fromhex(args[1]), meta=meta))
    elif action == "get":
        result = await store.get(args[0])
        print(result.data.hex())
    elif action == "info":
        show_object(await store.get_info(args[0], show_deleted=True))
    elif action == "delete":
        await store.delete(args[0])
    elif action == "list":
        print(*sorted(info.name for info in await store.list()))
    else:
        raise ValueError(action)


async def main(url, bucket, action, *args):
    connection = await nats.connect(url)
    try:
        if action.startswith("object-"):
            await act_on_objects(connection.jetstream(), bucket, action.removeprefix("object-"), args)
        else:
            await act(connection.jetstream(), bucket, action, args)
    except nats.errors.Error as error:
        print(type(error).__name__)
    finally:
        await connection.close()


asyncio.run(main(*sys.argv[1:]))

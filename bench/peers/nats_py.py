"""The cases of bench/all.tcl on nats-py. Arguments and output are those of bench/raw."""

import asyncio
import sys
import time

import nats

READ, WRITE, WRITTEN = "bench_read", "bench_write", 1000


def key(number):
    return f"sensor.{number:07d}"


async def put(kv, first, step, count, payload):
    for i in range(first, count, step):
        await kv.put(key(i % WRITTEN), payload)


async def get(kv, first, step, count, keys, payload):
    for i in range(first, count, step):
        entry = await kv.get(key(i % keys))
        assert len(entry.value) == len(payload)


async def in_flight(run, inflight):
    await asyncio.gather(*(run(i, inflight) for i in range(inflight)))


async def watch(kv, each):
    """Nothing is left to be read when the watcher says None."""
    watcher = await kv.watchall()
    done = 0
    while True:
        entry = await watcher.updates(timeout=60)
        if entry is None:
            break
        each(entry)
        done += 1
    await watcher.stop()
    return done


async def pubsub(nc, count, payload):
    finished = asyncio.get_running_loop().create_future()
    done = 0

    async def on_message(message):
        nonlocal done
        done += 1
        if done == count:
            finished.set_result(None)

    await nc.subscribe("bench.pubsub", cb=on_message, pending_msgs_limit=-1, pending_bytes_limit=-1)
    await nc.flush()
    for _ in range(count):
        await nc.publish("bench.pubsub", payload)
    await finished
    return done


async def main():
    url, case, count, keys, payload, inflight = sys.argv[1:]
    count, keys, payload, inflight = int(count), int(keys), b"x" * int(payload), int(inflight)
    nc = await nats.connect(url)
    js = nc.jetstream(timeout=30)
    read, write = await js.key_value(READ), await js.key_value(WRITE)
    before = time.process_time()
    start = time.perf_counter()
    if case == "put":
        await put(write, 0, 1, count, payload)
        done = count
    elif case == "get":
        await get(read, 0, 1, count, keys, payload)
        done = count
    elif case == "put64":
        await in_flight(lambda i, n: put(write, i, n, count, payload), inflight)
        done = count
    elif case == "get64":
        await in_flight(lambda i, n: get(read, i, n, count, keys, payload), inflight)
        done = count
    elif case == "watch":
        done = await watch(read, lambda entry: None)
    elif case == "array":
        values = {}

        def store(entry):
            values[entry.key] = entry.value

        await watch(read, store)
        done = len(values)
    elif case == "keys":
        done = len(await read.keys())
    elif case == "pubsub":
        done = await pubsub(nc, count, payload)
    else:
        sys.exit("no such case")  # history of all keys: nats-py looks for an exact key
    seconds = time.perf_counter() - start
    with open("/proc/self/status", encoding="ascii") as status:
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
    print("result", done, f"{seconds:.6f}", peak, round((time.process_time() - before) * 1000))


asyncio.run(main())

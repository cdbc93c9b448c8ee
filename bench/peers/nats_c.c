/* The cases of bench/all.tcl on nats.c. Arguments and output are those of bench/raw. */

#include <nats/nats.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { WRITTEN = 1000, TIMEOUT = 60000, MOST = 4096 };

static natsConnection *connection;
static jsCtx *js;
static kvStore *reading, *writing;
static long count, keys, length, inflight;
static char *payload;

static void check(natsStatus status, const char *what) {
    if (status != NATS_OK) {
        fprintf(stderr, "%s: %s\n", what, natsStatus_GetText(status));
        exit(1);
    }
}

static const char *name_key(char *key, long number) {
    sprintf(key, "sensor.%07ld", number);
    return key;
}

/* ---- calls, one after the other in a thread, as many threads as are to be in flight */

typedef void (*Call)(long number);

static void put(long number) {
    char key[32];
    check(kvStore_Put(NULL, writing, name_key(key, number % WRITTEN), payload, (int)length), "put");
}

static void get(long number) {
    char key[32];
    kvEntry *entry;
    check(kvStore_Get(&entry, reading, name_key(key, number % keys)), "get");
    if (kvEntry_ValueLen(entry) != length) check(NATS_ERR, "a value has the wrong length");
    kvEntry_Destroy(entry);
}

static void request(long number) {
    (void)number;
    natsMsg *answer;
    check(natsConnection_Request(&answer, connection, "bench.question", payload, (int)length, TIMEOUT), "request");
    if (natsMsg_GetDataLength(answer) != length) check(NATS_ERR, "an answer has the wrong length");
    natsMsg_Destroy(answer);
}

struct Share {
    Call call;
    long first, step;
};

static void *run_share(void *argument) {
    struct Share *share = argument;
    for (long i = share->first; i < count; i += share->step) share->call(i);
    return NULL;
}

static long all(Call call, long threads) {
    static struct Share shares[MOST];
    static pthread_t ids[MOST];
    for (long i = 0; i < threads; i++) {
        shares[i] = (struct Share){call, i, threads};
        if (threads == 1) run_share(&shares[0]);
        else if (pthread_create(&ids[i], NULL, run_share, &shares[i])) check(NATS_ERR, "no thread");
    }
    for (long i = 0; i < threads && threads > 1; i++) pthread_join(ids[i], NULL);
    return count;
}

/* ---- masses */

static long watch(void) {
    kvWatcher *watcher;
    kvEntry *entry;
    long done = 0;
    check(kvStore_WatchAll(&watcher, reading, NULL), "watch");
    for (;; done++) {
        check(kvWatcher_Next(&entry, watcher, TIMEOUT), "next");
        if (!entry) break;
        kvEntry_Destroy(entry);
    }
    kvWatcher_Destroy(watcher);
    return done;
}

static long list_keys(void) {
    kvKeysList list;
    check(kvStore_Keys(&list, reading, NULL), "keys");
    long done = list.Count;
    kvKeysList_Destroy(&list);
    return done;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t finished = PTHREAD_COND_INITIALIZER;
static long received;

static void on_message(natsConnection *nc, natsSubscription *subscription, natsMsg *message, void *closure) {
    (void)nc, (void)subscription, (void)closure;
    natsMsg_Destroy(message);
    pthread_mutex_lock(&lock);
    if (++received == count) pthread_cond_signal(&finished);
    pthread_mutex_unlock(&lock);
}

static long publish(const char *subject) {
    for (long i = 0; i < count; i++) check(natsConnection_Publish(connection, subject, payload, (int)length), "publish");
    check(natsConnection_FlushTimeout(connection, TIMEOUT), "flush");
    return count;
}

static long pubsub(void) {
    natsSubscription *subscription;
    check(natsConnection_Subscribe(&subscription, connection, "bench.pubsub", on_message, NULL), "subscribe");
    check(natsSubscription_SetPendingLimits(subscription, -1, -1), "limits");
    publish("bench.pubsub");
    pthread_mutex_lock(&lock);
    while (received < count) pthread_cond_wait(&finished, &lock);
    pthread_mutex_unlock(&lock);
    natsSubscription_Destroy(subscription);
    return received;
}

static long publish_many(void) {
    char subject[64], key[32];
    for (long i = 0; i < count; i++) {
        sprintf(subject, "$KV.bench_write.%s", name_key(key, i % WRITTEN));
        check(js_PublishAsync(js, subject, payload, (int)length, NULL), "publish");
    }
    check(js_PublishAsyncComplete(js, NULL), "acknowledgements");
    return count;
}

static long rtt(void) {
    int64_t nanoseconds;
    for (long i = 0; i < count; i++) check(natsConnection_GetRTT(connection, &nanoseconds), "rtt");
    return count;
}

static void on_question(natsConnection *nc, natsSubscription *subscription, natsMsg *message, void *closure) {
    (void)subscription, (void)closure;
    check(natsConnection_Publish(nc, natsMsg_GetReply(message), natsMsg_GetData(message), natsMsg_GetDataLength(message)),
          "answer");
    natsMsg_Destroy(message);
}

/* Answers until standard input ends. */
static long respond(void) {
    natsSubscription *subscription;
    check(natsConnection_Subscribe(&subscription, connection, "bench.question", on_question, NULL), "subscribe");
    check(natsConnection_Flush(connection), "flush");
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF) {}
    natsSubscription_Destroy(subscription);
    return 0;
}

static long run(const char *name) {
    if (!strcmp(name, "put")) return all(put, 1);
    if (!strcmp(name, "get")) return all(get, 1);
    if (!strcmp(name, "put64")) return all(put, inflight);
    if (!strcmp(name, "get64")) return all(get, inflight);
    if (!strcmp(name, "watch")) return watch();
    if (!strcmp(name, "keys")) return list_keys();
    if (!strcmp(name, "pubsub")) return pubsub();
    if (!strcmp(name, "publish")) return publish("bench.nobody");
    if (!strcmp(name, "many")) return publish_many();
    if (!strcmp(name, "rtt")) return rtt();
    if (!strcmp(name, "request")) return all(request, inflight);
    if (!strcmp(name, "respond")) return respond();
    fprintf(stderr, "no case %s\n", name);
    exit(1);
}

static double seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    count = atol(argv[3]), keys = atol(argv[4]), length = atol(argv[5]), inflight = atol(argv[6]);
    if (inflight < 1 || inflight > MOST) return 2;
    payload = malloc((size_t)length + 1);
    memset(payload, 'x', (size_t)length);
    check(natsConnection_ConnectTo(&connection, argv[1]), "connect");
    check(natsConnection_JetStream(&js, connection, NULL), "JetStream");
    check(js_KeyValue(&reading, js, "bench_read"), "bucket");
    check(js_KeyValue(&writing, js, "bench_write"), "bucket");
    double processor = seconds(CLOCK_PROCESS_CPUTIME_ID), start = seconds(CLOCK_MONOTONIC);
    long done = run(argv[2]);
    double took = seconds(CLOCK_MONOTONIC) - start;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("result %ld %.6f %ld %.0f\n", done, took, usage.ru_maxrss,
           (seconds(CLOCK_PROCESS_CPUTIME_ID) - processor) * 1e3);
    return 0;
}

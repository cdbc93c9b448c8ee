//! The floor: what the best program on async-nats alone does, for the cases of bench/all.tcl.
//!
//!     bench-raw url case count keys payload inflight
//!
//! Prints `result <operations> <seconds> <VmHWM in KiB> <processor time in ms>`. Like every client of the benchmark it does one case in one
//! process; connecting is not timed. Requests and consumers are made by hand on core NATS, without the layers of
//! async-nats above, which cost more.

use async_nats::{Client, ConnectOptions, Message, Subscriber};
use bench_raw::{key, peak_memory, processor_time, Result, READ, WRITE, WRITTEN};
use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::StreamExt;
use serde_json::Value;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Clone)]
struct Bench {
    client: Client,
    count: usize,
    keys: usize,
    payload: Bytes,
    inflight: usize,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    // On a worker, beside the connection's own task: the main thread would be one hop away.
    runtime.block_on(async { tokio::spawn(run()).await? })
}

async fn run() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let [_, url, case, count, keys, payload, inflight] = words.as_slice() else {
        return Err("usage: bench-raw url case count keys payload inflight".into());
    };
    let client = ConnectOptions::new()
        .skip_subject_validation(true)
        .subscription_capacity(1 << 20)
        .client_capacity(1 << 16)
        .connect(url)
        .await?;
    let bench = Bench {
        client,
        count: count.parse()?,
        keys: keys.parse()?,
        payload: vec![b'x'; payload.parse()?].into(),
        inflight: inflight.parse()?,
    };
    bench.client.flush().await?;
    let before = processor_time();
    let start = Instant::now();
    let done = match case.as_str() {
        "setup" => bench.setup().await?,
        "teardown" => bench.teardown().await?,
        "put" => bench.put(0, 1, WRITE, WRITTEN).await?,
        "get" => bench.get(0, 1).await?,
        "put64" => {
            bench
                .all(|b, i| async move { b.put(i, b.inflight, WRITE, WRITTEN).await })
                .await?
        }
        "get64" => {
            bench
                .all(|b, i| async move { b.get(i, b.inflight).await })
                .await?
        }
        // The floor of both is what arrives; where it goes is the client's own affair.
        "watch" | "array" => bench.watch().await?,
        "keys" => bench.keys().await?,
        "history" => bench.history().await?,
        "pubsub" => bench.pubsub().await?,
        "publish" => bench.publish().await?,
        // As many as publish_many has in flight.
        "many" => {
            bench
                .within(256)
                .all(|b, i| async move { b.put(i, b.inflight, WRITE, WRITTEN).await })
                .await?
        }
        "request" => bench.all(|b, i| async move { b.request(i).await }).await?,
        "respond" => bench.respond().await?,
        "pull" => bench.pull().await?,
        other => return Err(format!("no case {other}").into()),
    };
    let seconds = start.elapsed().as_secs_f64();
    let processor = processor_time() - before;
    println!("result {done} {seconds:.6} {} {processor}", peak_memory());
    Ok(())
}

impl Bench {
    /// Both buckets, filled.
    async fn setup(&self) -> Result<usize> {
        self.teardown().await?;
        for bucket in [READ, WRITE] {
            let config = format!(
                r#"{{"name":"KV_{bucket}","subjects":["$KV.{bucket}.>"],"storage":"memory","max_msgs_per_subject":1,
                "max_msgs":-1,"max_bytes":-1,"max_age":0,"max_msg_size":-1,"max_consumers":-1,"retention":"limits",
                "discard":"new","num_replicas":1,"duplicate_window":120000000000,"deny_delete":true,
                "allow_rollup_hdrs":true,"allow_direct":true}}"#
            );
            self.api(&format!("STREAM.CREATE.KV_{bucket}"), config)
                .await?;
        }
        self.all(|mut b, i| async move {
            b.count = b.keys;
            b.put(i, b.inflight, READ, b.keys).await?;
            b.count = WRITTEN;
            b.put(i, b.inflight, WRITE, WRITTEN).await
        })
        .await
    }

    async fn teardown(&self) -> Result<usize> {
        for bucket in [READ, WRITE] {
            // It may not be there.
            let _ = self
                .api(&format!("STREAM.DELETE.KV_{bucket}"), String::new())
                .await;
        }
        Ok(0)
    }

    async fn api(&self, tail: &str, body: String) -> Result<Value> {
        let reply = self
            .client
            .request(format!("$JS.API.{tail}"), body.into())
            .await?;
        let reply: Value = serde_json::from_slice(&reply.payload)?;
        match reply.get("error") {
            Some(error) => Err(error.to_string().into()),
            None => Ok(reply),
        }
    }

    /// So many requests in flight, each from a future of its own with its share of the keys. They run in one task:
    /// measured, a task each is slower.
    async fn all<F, R>(&self, run: F) -> Result<usize>
    where
        F: Fn(Bench, usize) -> R,
        R: Future<Output = Result<usize>>,
    {
        let mut running: FuturesUnordered<_> =
            (0..self.inflight).map(|i| run(self.clone(), i)).collect();
        let mut done = 0;
        while let Some(count) = running.next().await {
            done += count?;
        }
        Ok(done)
    }

    fn within(&self, inflight: usize) -> Bench {
        Bench {
            inflight,
            ..self.clone()
        }
    }

    async fn put(&self, first: usize, step: usize, bucket: &str, keys: usize) -> Result<usize> {
        let mut done = 0;
        for i in (first..self.count).step_by(step) {
            let subject = format!("$KV.{bucket}.{}", key(i % keys));
            let reply = self.client.request(subject, self.payload.clone()).await?;
            let ack: Value = serde_json::from_slice(&reply.payload)?;
            ack["seq"].as_u64().ok_or("no seq in the acknowledgement")?;
            done += 1;
        }
        Ok(done)
    }

    async fn get(&self, first: usize, step: usize) -> Result<usize> {
        let mut done = 0;
        for i in (first..self.count).step_by(step) {
            let key = key(i % self.keys);
            let subject = format!("$JS.API.DIRECT.GET.KV_{READ}.$KV.{READ}.{key}");
            let reply = self.client.request(subject, Bytes::new()).await?;
            let headers = reply.headers.as_ref().ok_or("no headers")?;
            let sequence = headers.get("Nats-Sequence").ok_or("no sequence")?;
            let _: u64 = sequence.as_str().parse()?;
            if reply.payload.len() != self.payload.len() {
                return Err("a value has the wrong length".into());
            }
            done += 1;
        }
        Ok(done)
    }

    /// An ordered push consumer on the whole bucket.
    async fn consume(&self, policy: &str, headers_only: bool) -> Result<Subscriber> {
        let inbox = self.client.new_inbox();
        let subscriber = self.client.subscribe(inbox.clone()).await?;
        let name = inbox.rsplit('.').next().unwrap_or_default();
        let body = format!(
            r#"{{"stream_name":"KV_{READ}","config":{{"name":"{name}","deliver_subject":"{inbox}",
            "deliver_policy":"{policy}","filter_subject":"$KV.{READ}.>","ack_policy":"none","max_deliver":1,
            "mem_storage":true,"num_replicas":1,"flow_control":true,"idle_heartbeat":5000000000,
            "headers_only":{headers_only}}}}}"#
        );
        let tail = format!("CONSUMER.CREATE.KV_{READ}.{name}.$KV.{READ}.>");
        self.api(&tail, body).await?;
        Ok(subscriber)
    }

    /// Hands over what is stored, checked for gaps, until nothing is pending.
    async fn read(
        &self,
        policy: &str,
        headers_only: bool,
        mut take: impl FnMut(Message, u64, u64),
    ) -> Result<usize> {
        let mut subscriber = self.consume(policy, headers_only).await?;
        let mut expected = 1;
        while let Some(message) = subscriber.next().await {
            let Some(reply) = message.reply.clone() else {
                continue; // a heartbeat
            };
            if message.status.is_some() {
                self.client.publish(reply, Bytes::new()).await?; // flow control
                continue;
            }
            // $JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<time>.<pending>
            let mut tokens = reply.rsplit('.');
            let mut number = || tokens.next().and_then(|token| token.parse::<u64>().ok());
            let (Some(pending), Some(time), Some(at), Some(sequence)) =
                (number(), number(), number(), number())
            else {
                return Err("a message without place".into());
            };
            if at != expected {
                return Err("a gap".into());
            }
            expected += 1;
            take(message, sequence, time);
            if pending == 0 {
                break;
            }
        }
        Ok(expected - 1).map(|n: u64| n as usize)
    }

    async fn watch(&self) -> Result<usize> {
        let mut bytes = 0;
        let prefix = format!("$KV.{READ}.").len();
        let done = self
            .read("last_per_subject", false, |message, _, _| {
                bytes += message.subject[prefix..].len() + message.payload.len();
            })
            .await?;
        if bytes < done * self.payload.len() {
            return Err("values are missing".into());
        }
        Ok(done)
    }

    async fn keys(&self) -> Result<usize> {
        let prefix = format!("$KV.{READ}.").len();
        let mut keys: Vec<String> = Vec::new();
        self.read("last_per_subject", true, |message, _, _| {
            keys.push(message.subject[prefix..].to_owned());
        })
        .await?;
        Ok(keys.len())
    }

    async fn history(&self) -> Result<usize> {
        let prefix = format!("$KV.{READ}.").len();
        let mut entries: Vec<(String, Bytes, u64, u64)> = Vec::new();
        self.read("all", false, |message, sequence, time| {
            let key = message.subject[prefix..].to_owned();
            entries.push((key, message.payload, sequence, time));
        })
        .await?;
        Ok(entries.len())
    }

    /// Publishes what nobody wants, until the server has read it.
    async fn publish(&self) -> Result<usize> {
        for _ in 0..self.count {
            let subject = async_nats::Subject::from_static("bench.nobody");
            self.client.publish(subject, self.payload.clone()).await?;
        }
        self.client.flush().await?;
        self.round_trip().await?;
        Ok(self.count)
    }

    /// A flush of async-nats ends with the writing.
    async fn round_trip(&self) -> Result<()> {
        self.api("INFO", String::new()).await.map(drop)
    }

    async fn request(&self, first: usize) -> Result<usize> {
        let mut done = 0;
        for _ in (first..self.count).step_by(self.inflight) {
            let reply = self
                .client
                .request("bench.question", self.payload.clone())
                .await?;
            if reply.payload.len() != self.payload.len() {
                return Err("an answer has the wrong length".into());
            }
            done += 1;
        }
        Ok(done)
    }

    /// Answers until standard input ends.
    async fn respond(&self) -> Result<usize> {
        let mut questions = self.client.subscribe("bench.question").await?;
        self.round_trip().await?;
        println!("ready");
        std::thread::spawn(|| {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            std::process::exit(0);
        });
        let mut done = 0;
        while let Some(question) = questions.next().await {
            if let Some(reply) = question.reply {
                self.client.publish(reply, question.payload).await?;
                done += 1;
            }
        }
        Ok(done)
    }

    /// All of the bucket by a pull consumer, each message acknowledged.
    async fn pull(&self) -> Result<usize> {
        const BATCH: usize = 250;
        let name = format!("pull{}", std::process::id());
        let config = format!(
            r#"{{"stream_name":"KV_{READ}","config":{{"durable_name":"{name}","ack_policy":"explicit",
            "max_ack_pending":-1,"mem_storage":true,"num_replicas":1}}}}"#
        );
        self.api(&format!("CONSUMER.DURABLE.CREATE.KV_{READ}.{name}"), config)
            .await?;
        let inbox = self.client.new_inbox();
        let mut messages = self.client.subscribe(inbox.clone()).await?;
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.KV_{READ}.{name}");
        let more = async |count: usize| {
            let body = format!(r#"{{"batch":{count},"expires":30000000000}}"#);
            self.client
                .publish_with_reply(next.clone(), inbox.clone(), body.into())
                .await
        };
        more(BATCH).await?;
        more(BATCH).await?;
        let mut done = 0;
        while done < self.keys {
            let message = messages.next().await.ok_or("the connection has ended")?;
            let Some(reply) = message.reply else {
                continue; // a status
            };
            self.client
                .publish(reply, Bytes::from_static(b"+ACK"))
                .await?;
            done += 1;
            if done % BATCH == 0 {
                more(BATCH).await?;
            }
        }
        self.client.flush().await?;
        self.api(&format!("CONSUMER.DELETE.KV_{READ}.{name}"), String::new())
            .await?;
        Ok(done)
    }

    /// Publishes and receives on one connection.
    async fn pubsub(&self) -> Result<usize> {
        let mut subscriber = self.client.subscribe("bench.pubsub").await?;
        self.client.flush().await?;
        let count = self.count;
        let receiver = tokio::spawn(async move {
            let mut done = 0;
            while done < count && subscriber.next().await.is_some() {
                done += 1;
            }
            done
        });
        let subject: Arc<str> = "bench.pubsub".into();
        for _ in 0..self.count {
            let subject = async_nats::Subject::from(&*subject);
            self.client.publish(subject, self.payload.clone()).await?;
        }
        Ok(tokio::time::timeout(Duration::from_secs(120), receiver).await??)
    }
}

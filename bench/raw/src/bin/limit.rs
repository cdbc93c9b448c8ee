//! The limit: the cases of bench/all.tcl over a bare blocking socket. Requests are built before the clock runs, and of
//! what comes back only the boundaries of messages are found: no client can be faster with this server.
//!
//!     limit url case count keys payload inflight
//!
//! Buckets, arguments and output are those of bench-raw, which has filled the buckets.

use bench_raw::{key, peak_memory, processor_time, Result, READ, WRITE, WRITTEN};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// What is subscribed to: answers of requests, deliveries of a consumer, and published messages.
const INBOX: &str = "_INBOX.limit.answers";
const DELIVERIES: &str = "_INBOX.limit.deliveries";
const PUBLISHED: &str = "bench.limit";
/// So many messages are written at a time in the case that publishes.
const LOT: usize = 512;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let [_, url, case, count, keys, payload, inflight] = words.as_slice() else {
        return Err("usage: limit url case count keys payload inflight".into());
    };
    let mut limit = Limit {
        link: Link::connect(url.strip_prefix("nats://").unwrap_or(url))?,
        count: count.parse()?,
        keys: keys.parse()?,
        payload: "x".repeat(payload.parse()?),
    };
    let inflight: usize = inflight.parse()?;
    let before = processor_time();
    let (done, seconds) = match case.as_str() {
        "put" => limit.requests(1, Limit::put)?,
        "get" => limit.requests(1, Limit::get)?,
        "put64" => limit.requests(inflight, Limit::put)?,
        "get64" => limit.requests(inflight, Limit::get)?,
        "watch" | "array" => limit.consumer("last_per_subject", false)?,
        "keys" => limit.consumer("last_per_subject", true)?,
        "history" => limit.consumer("all", false)?,
        "pubsub" => limit.pubsub()?,
        "publish" => limit.publish()?,
        "rtt" => limit.rtt()?,
        other => return Err(format!("no case {other}").into()),
    };
    let processor = processor_time() - before;
    println!("result {done} {seconds:.6} {} {processor}", peak_memory());
    Ok(())
}

struct Limit {
    link: Link,
    count: usize,
    keys: usize,
    payload: String,
}

impl Limit {
    fn put(&self, number: usize) -> String {
        let (key, payload) = (key(number % WRITTEN), &self.payload);
        format!(
            "PUB $KV.{WRITE}.{key} {INBOX} {}\r\n{payload}\r\n",
            payload.len()
        )
    }

    fn get(&self, number: usize) -> String {
        let key = key(number % self.keys);
        format!("PUB $JS.API.DIRECT.GET.KV_{READ}.$KV.{READ}.{key} {INBOX} 0\r\n\r\n")
    }

    /// Writes so many requests at once, and then reads their answers.
    fn requests(
        &mut self,
        inflight: usize,
        request: fn(&Limit, usize) -> String,
    ) -> Result<(usize, f64)> {
        let numbers: Vec<usize> = (0..self.count).collect();
        let lots: Vec<(usize, String)> = numbers
            .chunks(inflight)
            .map(|lot| {
                (
                    lot.len(),
                    lot.iter().map(|number| request(self, *number)).collect(),
                )
            })
            .collect();
        let start = Instant::now();
        for (answers, lot) in &lots {
            self.link.socket.write_all(lot.as_bytes())?;
            for _ in 0..*answers {
                self.link.message()?;
            }
        }
        Ok((self.count, start.elapsed().as_secs_f64()))
    }

    fn consumer(&mut self, policy: &str, headers_only: bool) -> Result<(usize, f64)> {
        let body = format!(
            r#"{{"stream_name":"KV_{READ}","config":{{"deliver_subject":"{DELIVERIES}","deliver_policy":"{policy}",
            "filter_subject":"$KV.{READ}.>","ack_policy":"none","mem_storage":true,"num_replicas":1,
            "headers_only":{headers_only}}}}}"#
        );
        let request = format!(
            "PUB $JS.API.CONSUMER.CREATE.KV_{READ} {INBOX} {}\r\n{body}\r\n",
            body.len()
        );
        let start = Instant::now();
        self.link.socket.write_all(request.as_bytes())?;
        // The answer to the request is one more.
        for _ in 0..=self.keys {
            self.link.message()?;
        }
        Ok((self.keys, start.elapsed().as_secs_f64()))
    }

    fn pubsub(&mut self) -> Result<(usize, f64)> {
        let payload = &self.payload;
        let lot = format!("PUB {PUBLISHED} {}\r\n{payload}\r\n", payload.len()).repeat(LOT);
        let lots = self.count.div_ceil(LOT);
        let mut socket = self.link.socket.try_clone()?;
        let start = Instant::now();
        let writer = std::thread::spawn(move || {
            (0..lots).try_for_each(|_| socket.write_all(lot.as_bytes()))
        });
        for _ in 0..lots * LOT {
            self.link.message()?;
        }
        let seconds = start.elapsed().as_secs_f64();
        writer.join().map_err(|_| "the writer failed")??;
        // Of whole lots a few messages are too many.
        Ok((
            self.count,
            seconds * self.count as f64 / (lots * LOT) as f64,
        ))
    }
}

impl Limit {
    /// Publishes what nobody wants, until the server has read it.
    fn publish(&mut self) -> Result<(usize, f64)> {
        let payload = &self.payload;
        let lot = format!("PUB bench.nobody {}\r\n{payload}\r\n", payload.len()).repeat(LOT);
        let lots = self.count.div_ceil(LOT);
        let start = Instant::now();
        for _ in 0..lots {
            self.link.socket.write_all(lot.as_bytes())?;
        }
        self.link.round_trip()?;
        let seconds = start.elapsed().as_secs_f64();
        Ok((
            self.count,
            seconds * self.count as f64 / (lots * LOT) as f64,
        ))
    }

    fn rtt(&mut self) -> Result<(usize, f64)> {
        let start = Instant::now();
        for _ in 0..self.count {
            self.link.round_trip()?;
        }
        Ok((self.count, start.elapsed().as_secs_f64()))
    }
}

struct Link {
    socket: TcpStream,
    buffer: Vec<u8>,
    /// What is read and not yet looked at.
    start: usize,
    end: usize,
}

impl Link {
    fn connect(address: &str) -> Result<Link> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        let hello = "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n";
        let subscriptions = format!("SUB {INBOX} 1\r\nSUB {DELIVERIES} 2\r\nSUB {PUBLISHED} 3\r\n");
        socket.write_all(format!("{hello}{subscriptions}").as_bytes())?;
        let mut link = Link {
            socket,
            buffer: vec![0; 4 << 20],
            start: 0,
            end: 0,
        };
        link.round_trip()?;
        Ok(link)
    }

    fn round_trip(&mut self) -> Result<()> {
        self.socket.write_all(b"PING\r\n")?;
        while self.line()?.0 != *b"PO" {}
        Ok(())
    }

    /// The first two letters of the next line, and the number at its end, if there is one.
    fn line(&mut self) -> Result<([u8; 2], usize)> {
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(length) = unread.iter().position(|byte| *byte == b'\n') {
                let line = unread[..length].trim_ascii_end();
                let digits = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
                let number = digits.iter().fold(0_usize, |sum, digit| {
                    sum.wrapping_mul(10)
                        .wrapping_add(usize::from(digit.wrapping_sub(b'0')))
                });
                let kind = line.first_chunk().copied().unwrap_or_default();
                if kind == *b"-E" {
                    return Err(String::from_utf8_lossy(line).into());
                }
                self.start += length + 1;
                return Ok((kind, number));
            }
            self.fill()?;
        }
    }

    /// Skips a message; a ping of the server on the way is answered.
    fn message(&mut self) -> Result<()> {
        loop {
            match self.line()? {
                ([b'M' | b'H', _], size) => {
                    while self.end - self.start < size + 2 {
                        self.fill()?;
                    }
                    self.start += size + 2;
                    return Ok(());
                }
                ([b'P', b'I'], _) => self.socket.write_all(b"PONG\r\n")?,
                _ => {}
            }
        }
    }

    fn fill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        match self.socket.read(&mut self.buffer[self.end..])? {
            0 => Err("the server has closed the connection".into()),
            read => {
                self.end += read;
                Ok(())
            }
        }
    }
}

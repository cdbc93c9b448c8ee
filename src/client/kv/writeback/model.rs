//! Any number of steps of two scripts, their networks and a server, in any order: in the end all have the same.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::super::entry::Entry;
use super::super::operations::Operations;
use super::*;

/// A bucket.
#[derive(Default)]
struct Server {
    entries: Vec<Entry>,
    /// The ids of the entries.
    ids: Vec<(usize, u64)>,
    /// It looks at the expected revision before it looks for duplicates.
    is_new: bool,
}

impl Server {
    fn latest(&self, key: &str) -> Option<(usize, &Entry)> {
        let mut entries = self.entries.iter().enumerate().rev();
        entries.find(|(_, entry)| entry.key() == key)
    }

    /// Stores a write; what becomes of it.
    fn take(&mut self, client: usize, write: &Write) -> Outcome {
        let id = (client, write.number);
        let latest = self.latest(&write.key);
        let revision = latest.map_or(0, |(_, entry)| entry.revision);
        let stored = self.ids.iter().position(|other| *other == id);
        if let (false, Some(stored)) = (self.is_new, stored) {
            return Outcome::Stored(stored as u64 + 1);
        }
        if write.expected.is_some_and(|expected| expected != revision) {
            return match latest {
                Some((at, entry)) if self.ids[at] == id => Outcome::Stored(entry.revision),
                Some((_, entry)) => Outcome::Conflict(Some(Box::new(entry.clone()))),
                None => Outcome::Conflict(None),
            };
        }
        if let Some(stored) = stored {
            return Outcome::Stored(stored as u64 + 1);
        }
        let revision = self.entries.len() as u64 + 1;
        let value = match &write.operation {
            Operation::Put(value) => Some(std::str::from_utf8(value).unwrap()),
            Operation::Delete => None,
        };
        self.entries
            .push(Entry::sample(&write.key, revision, value));
        self.ids.push(id);
        Outcome::Stored(revision)
    }

    fn contents(&self) -> BTreeMap<String, String> {
        let mut contents = BTreeMap::new();
        for entry in &self.entries {
            apply(&mut contents, entry);
        }
        contents
    }
}

fn apply(array: &mut BTreeMap<String, String>, entry: &Entry) {
    let key = entry.key().to_owned();
    match entry.is_put() {
        true => array.insert(key, String::from_utf8(entry.value.to_vec()).unwrap()),
        false => array.remove(&key),
    };
}

/// A script, its array, and its network.
struct Client {
    writeback: Writeback<String>,
    array: BTreeMap<String, String>,
    /// Entries of the watch that have come.
    seen: usize,
    sent: VecDeque<Write>,
    answers: VecDeque<(Write, Outcome)>,
    judged: Vec<(Box<str>, u64, String)>,
    reports: usize,
}

impl Client {
    fn new(policy: Policy) -> Client {
        let mut writeback = Writeback::new(Rules {
            policy,
            delay: Duration::ZERO,
            operations: Operations::ALL,
        });
        writeback.loaded();
        Client {
            writeback,
            array: BTreeMap::new(),
            seen: 0,
            sent: VecDeque::new(),
            answers: VecDeque::new(),
            judged: Vec::new(),
            reports: 0,
        }
    }

    fn change(&mut self, key: &str, value: Option<String>, now: Instant) {
        let operation = match value {
            Some(value) => {
                self.array.insert(key.to_owned(), value.clone());
                Operation::Put(value.into())
            }
            None => {
                self.array.remove(key);
                Operation::Delete
            }
        };
        let tag = key.to_owned();
        self.writeback.changed(key, Change { operation, tag }, now);
    }

    /// Takes the next entry of the watch.
    fn watch(&mut self, server: &Server) -> bool {
        let Some(entry) = server.entries.get(self.seen) else {
            return false;
        };
        self.seen += 1;
        if self.writeback.admits(entry) {
            self.show(entry);
        }
        true
    }

    fn show(&mut self, entry: &Entry) {
        apply(&mut self.array, entry);
        self.writeback.shown(entry);
    }

    fn work(&mut self, now: Instant) {
        while let Some(task) = self.writeback.next(now) {
            match task {
                Task::Send(write) => self.sent.push_back(write),
                Task::Show(entry) => self.show(&entry),
                Task::Report { .. } => self.reports += 1,
                Task::Judge {
                    key,
                    number,
                    mine,
                    theirs,
                } => {
                    let theirs = String::from_utf8(theirs.value.to_vec()).unwrap();
                    let mine = match mine.operation {
                        Operation::Put(mine) => String::from_utf8(mine.to_vec()).unwrap(),
                        Operation::Delete => String::new(),
                    };
                    self.judged.push((key, number, mine.max(theirs)));
                }
            }
        }
    }

    fn judge(&mut self, gives_way: bool, now: Instant) {
        let Some((key, number, value)) = self.judged.pop() else {
            return;
        };
        let change = Change {
            operation: Operation::Put(value.clone().into()),
            tag: key.to_string(),
        };
        let verdict = match gives_way {
            true => Err("no".to_owned()),
            false => Ok(change),
        };
        if self.writeback.judged(&key, number, verdict, now) {
            self.array.insert(key.to_string(), value);
        }
    }

    /// The server gets the next write, and its answer may get lost.
    fn carry(&mut self, number: usize, server: &mut Server, is_lost: bool) {
        if let Some(write) = self.sent.pop_front() {
            let outcome = server.take(number, &write);
            let outcome = match is_lost {
                true => Outcome::Unknown,
                false => outcome,
            };
            self.answers.push_back((write, outcome));
        }
    }

    fn answer(&mut self, now: Instant) {
        if let Some((write, outcome)) = self.answers.pop_front() {
            self.writeback
                .settled(&write.key, write.number, outcome, now);
        }
    }
}

struct World {
    server: Server,
    clients: [Client; 2],
    now: Instant,
    count: usize,
}

impl World {
    fn step(&mut self, byte: u8) {
        let number = usize::from(byte & 1);
        let key = ["a", "b"][usize::from(byte >> 1 & 1)];
        let client = &mut self.clients[number];
        let (server, now) = (&mut self.server, self.now);
        self.count += 1;
        match byte >> 2 & 15 {
            0..=3 => client.change(key, Some(format!("{number}.{}", self.count)), now),
            4 => client.change(key, None, now),
            5 | 6 => drop(client.watch(server)),
            7 | 8 => client.carry(number, server, false),
            9 => client.carry(number, server, true),
            10 => {
                if let Some(write) = client.sent.pop_front() {
                    client.answers.push_back((write, Outcome::Unknown));
                }
            }
            11 | 12 => client.answer(now),
            13 => client.judge(byte >> 6 == 0, now),
            14 => client.writeback.set_current(byte >> 6 != 0),
            _ => self.now += super::machine::PAUSE,
        }
        if byte >> 6 != 3 {
            self.clients[number].work(self.now);
        }
    }

    /// Everything arrives.
    fn rest(&mut self) {
        for _ in 0..10_000 {
            self.now += super::machine::PAUSE;
            let mut is_over = true;
            for (number, client) in self.clients.iter_mut().enumerate() {
                client.writeback.set_current(true);
                client.work(self.now);
                while !client.judged.is_empty() {
                    client.judge(false, self.now);
                }
                client.carry(number, &mut self.server, false);
                client.answer(self.now);
                is_over &= !client.watch(&self.server);
                is_over &= client.writeback.unsaved().is_empty();
            }
            if is_over {
                return;
            }
        }
        panic!("it does not come to rest");
    }
}

fn check(policy: Policy, steps: &[u8]) {
    let is_new = steps.first().is_some_and(|step| step % 3 == 0);
    let mut world = World {
        server: Server {
            is_new,
            ..Server::default()
        },
        clients: [Client::new(policy), Client::new(policy)],
        now: Instant::now(),
        count: 0,
    };
    for step in steps {
        world.step(*step);
    }
    world.rest();
    let contents = world.server.contents();
    for client in &mut world.clients {
        client.work(world.now);
        assert_eq!(client.array, contents, "{policy:?}");
        let order = client.writeback.hurry();
        assert!(client.writeback.is_saved(order));
    }
    if policy == Policy::Local {
        assert!(world.clients.iter().all(|client| client.reports == 0));
    }
}

/// Enough steps to begin with, of all kinds.
const SAMPLES: [&[u8]; 4] = [
    b"\x00\x1c\x01\x1d\x2d\x14\x15\x2c",
    b"\x00\x01\x1c\x1d\x2c\x2d\x14\x15\x36\x37\x10\x11\x24\x25\x3c\x28\x29\x3d",
    b"\x02\x03\x02\x24\x2c\x3c\x1c\x2c\x11\x1d\x2d\x15\x38\x39\x78\x79\x04\x05\x08\x09\x34\x35",
    b"\xc0\xc1\xc2\xdc\x1d\x9c\x5d\x2c\x6c\xad\x14\x55\x96\xd7\x10\x91\x3c\xbc\xf4\x34\xb5\x24\xa5",
];

#[test]
fn fuzz_two_scripts() {
    fuzz::bytes(&SAMPLES, |steps| {
        for policy in [Policy::Remote, Policy::Local, Policy::Ask] {
            check(policy, steps);
        }
    });
}

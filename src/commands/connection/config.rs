//! The options of `configure`, `cget` and `reset`.

use crate::client::connection::{
    without_secrets, AskIdentity, Connection as Client, ReconnectDelay, Settings, Status, TlsOption,
};
use crate::client::message::{Delivered, Message};
use crate::commands::options::{bad_value, plain_name, pos_int, Options};
use crate::commands::{nearest, payload, shape};
use crate::errors::{invalid_arg, raise};
use crate::runtime::{self, BusyPoll};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;
use tcl::Obj;

type Result<T, E = tcl::Error> = std::result::Result<T, E>;

/// How the client gets the answers of callbacks, while they are set.
pub struct Asks {
    /// Of `-auth_callback`.
    pub identity: AskIdentity,
    /// Of `-custom_reconnect_delay`.
    pub delay: ReconnectDelay,
}

/// The values of all options of one connection.
pub struct Config {
    /// As `cget` returns them; booleans in the words `true` and `false`. What follows is made of them, for those who
    /// need it at each call or message.
    values: RefCell<HashMap<&'static str, String>>,
    /// Convert payloads between text and UTF-8; read at each message.
    pub utf8_convert: Cell<bool>,
    /// Callbacks and replies get message dicts.
    pub dictmsg: Cell<bool>,
    /// Subjects are checked strictly.
    pub check_subjects: Cell<bool>,
    /// Default time limit of requests in ms; 0 means none.
    pub request_timeout: Cell<u64>,
    /// While it is wanted that waits stay awake.
    busy_poll: RefCell<Option<BusyPoll>>,
    asks: Asks,
}

/// The type of an option, named as in messages.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    ValidStr,
    Str,
    Bool,
    Timeout,
    PosInt,
    Int,
}

struct Row {
    name: &'static str,
    kind: Kind,
    default: &'static str,
    /// Puts a valid value into effect.
    apply: fn(&Config, &mut Settings, &str),
}

const fn row(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    apply: fn(&Config, &mut Settings, &str),
) -> Row {
    Row {
        name,
        kind,
        default,
        apply,
    }
}

fn yes(value: &str) -> bool {
    value == "true"
}

fn ms(value: &str) -> Duration {
    Duration::from_millis(number(value))
}

/// Values are valid when they get here.
fn number(value: &str) -> u64 {
    value.parse().unwrap_or(0)
}

/// In the order in which `configure` applies them. async-nats never asks for `pedantic` and `verbose`.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("servers", Kind::ValidStr, "", |_, _, _| {}),
    row("name", Kind::ValidStr, "", |_, s, v| s.name = v.into()),
    row("pedantic", Kind::Bool, "false", |_, _, _| {}),
    row("verbose", Kind::Bool, "false", |_, _, _| {}),
    row("randomize", Kind::Bool, "true", |_, s, v| s.randomize = yes(v)),
    row("connect_timeout", Kind::Timeout, "2000", |_, s, v| s.connect_timeout = ms(v)),
    row("reconnect_time_wait", Kind::Timeout, "2000", |_, s, v| s.reconnect_time_wait = ms(v)),
    row("custom_reconnect_delay", Kind::Str, "", |c, s, v| s.reconnect_delay = (!v.is_empty()).then(|| c.asks.delay.clone())),
    row("max_reconnect_attempts", Kind::Int, "60", |_, s, v| s.max_reconnect_attempts = v.parse().unwrap_or(-1)),
    row("ping_interval", Kind::Timeout, "120000", |_, s, v| s.ping_interval = ms(v)),
    row("max_outstanding_pings", Kind::PosInt, "2", |_, s, v| s.max_outstanding_pings = number(v)),
    row("echo", Kind::Bool, "true", |_, s, v| s.echo = yes(v)),
    row("tls_opts", Kind::Str, "", |_, s, v| s.tls_opts = tls_options(v)),
    row("user", Kind::Str, "", |_, s, v| s.user = v.into()),
    row("password", Kind::Str, "", |_, s, v| s.password = v.into()),
    row("token", Kind::Str, "", |_, s, v| s.token = v.into()),
    row("secure", Kind::Bool, "false", |_, s, v| s.secure = yes(v)),
    row("check_subjects", Kind::Bool, "true", |c, _, v| c.check_subjects.set(yes(v))),
    row("dictmsg", Kind::Bool, "false", |c, _, v| c.dictmsg.set(yes(v))),
    row("utf8_convert", Kind::Bool, "false", |c, _, v| c.utf8_convert.set(yes(v))),
    row("request_timeout", Kind::Timeout, "10000", |c, _, v| c.request_timeout.set(number(v))),
    row("nkey", Kind::Str, "", |_, s, v| s.nkey = v.into()),
    row("credentials", Kind::Str, "", |_, s, v| s.creds = v.into()),
    row("tls_first", Kind::Bool, "false", |_, s, v| s.tls_first = yes(v)),
    row("busy_poll", Kind::Bool, "false", |c, _, v| drop(c.busy_poll.replace(yes(v).then(runtime::busy_poll).and_then(Result::ok)))),
    row("reconnect_jitter", Kind::Timeout, "100", |_, s, v| s.reconnect_jitter = ms(v)),
    row("discovery_interval", Kind::Timeout, "", |_, s, v| s.discovery_interval = (!v.is_empty()).then(|| ms(v))),
    row("inbox_prefix", Kind::ValidStr, "_INBOX", |_, _, _| {}),
    row("ignore_discovered", Kind::Bool, "false", |_, s, v| s.ignore_discovered = yes(v)),
    row("auth_callback", Kind::Str, "", |c, s, v| s.ask_identity = (!v.is_empty()).then(|| c.asks.identity.clone())),
    row("max_pending", Kind::PosInt, "67108864", |_, s, v| s.max_pending = usize::try_from(number(v)).unwrap_or(0)),
];

/// The options of nats-tcl, at the beginning of the table. Later ones are listed when they are set: a
/// program that compares the whole list with what it knows finds nothing new.
const ALWAYS_LISTED: usize = 21;

/// An option list for TLS; it need not be one before TLS is used.
fn tls_options(text: &str) -> Result<Vec<TlsOption>, String> {
    let words = Obj::from(text).to_list();
    let words = words.ok_or_else(|| "the TLS options are not a list".to_owned())?;
    words
        .chunks(2)
        .map(|pair| match pair {
            [name, value] => Ok(TlsOption {
                name: name.text().into_owned(),
                value: value.text().into_owned(),
                flag: value.to_bool(),
            }),
            rest => Err(format!("missing value for TLS option {rest:?}")),
        })
        .collect()
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::ValidStr => "valid_str",
            Kind::Str => "str",
            Kind::Bool => "bool",
            Kind::Timeout => "timeout",
            Kind::PosInt => "pos_int",
            Kind::Int => "int",
        }
    }

    /// The value as it is stored, if it is valid.
    fn normalize(self, value: &Obj) -> Option<String> {
        match self {
            Kind::ValidStr => (!value.is_empty()).then(|| value.text().into_owned()),
            Kind::Str => Some(value.text().into_owned()),
            Kind::Bool => value.to_bool().map(|b| b.to_string()),
            Kind::Timeout | Kind::PosInt => pos_int(value).map(|n| n.to_string()),
            Kind::Int => value.to_i64().map(|n| n.to_string()),
        }
    }
}

impl Config {
    /// All defaults, with the connection's name.
    pub fn new(client: &Client, name: String, asks: Asks) -> Config {
        let config = Config {
            values: RefCell::default(),
            utf8_convert: Cell::new(false),
            dictmsg: Cell::new(false),
            check_subjects: Cell::new(true),
            request_timeout: Cell::new(0),
            busy_poll: RefCell::default(),
            asks,
        };
        for row in TABLE {
            config.store(client, row, row.default.to_string());
        }
        if let Some(row) = find("name") {
            config.store(client, row, name);
        }
        config
    }

    fn store(&self, client: &Client, row: &Row, value: String) {
        client.update(|settings| (row.apply)(self, settings, &value));
        self.values.borrow_mut().insert(row.name, value);
    }

    fn value(&self, name: &str) -> String {
        self.values.borrow().get(name).cloned().unwrap_or_default()
    }

    /// A command prefix, if it is set and is a list.
    pub fn prefix(&self, name: &str) -> Option<Vec<Obj>> {
        let prefix = Obj::from(&*self.value(name)).to_list();
        prefix.filter(|words| !words.is_empty())
    }

    /// A message as a script wants it: the payload, or the dict.
    pub fn body(&self, message: &Message, sub_id: u64, dictmsg: bool) -> Obj {
        let utf8 = self.utf8_convert.get();
        match dictmsg {
            true => shape::message(message, Obj::from(sub_id), utf8),
            false => payload::decode(&message.payload, utf8),
        }
    }

    /// A message of a consumer, as a dict.
    pub fn delivered(&self, message: &Delivered, sub_id: u64) -> Obj {
        shape::delivered(message, Obj::from(sub_id), self.utf8_convert.get())
    }

    /// One option, with or without its dash; `status` counts as one.
    pub fn cget(&self, status: Status, word: &Obj) -> Result<Obj> {
        let name = plain_name(word);
        if name == "status" {
            return Ok(Obj::from(status.as_str()));
        }
        match find(&name) {
            Some(row) => Ok(Obj::from(&*self.value(row.name))),
            None => Err(invalid(word)),
        }
    }

    /// All options and their values, names without dash.
    pub fn all(&self) -> Obj {
        let values = self.values.borrow();
        let value = |row: &Row| values.get(row.name).map_or("", String::as_str);
        let (always, others) = TABLE.split_at(ALWAYS_LISTED);
        let set = others.iter().filter(|row| value(row) != row.default);
        let pairs: Vec<(Obj, Obj)> = always
            .iter()
            .chain(set)
            .map(|row| (Obj::from(row.name), Obj::from(value(row))))
            .collect();
        Obj::dict(pairs.iter().map(|(name, value)| (name, value.clone())))
    }

    /// Applies an option list, in the order of the table.
    pub fn configure(&self, client: &Client, words: &[Obj]) -> Result<()> {
        let mut options = Options::parse_with_hint(words, |last| match last.contains("://") {
            true => "; several URLs are one list",
            false => "",
        })?;
        let servers = options.raw("servers");
        let randomize = options.raw("randomize");
        if let Some(servers) = servers {
            let randomize = randomize.as_ref().and_then(Obj::to_bool);
            self.configure_servers(client, &servers, randomize)?;
        }
        for row in &TABLE[1..] {
            let value = match row.name {
                "randomize" => randomize.clone(),
                name => options.raw(name),
            };
            let Some(value) = value else { continue };
            let Some(valid) = row.kind.normalize(&value) else {
                return Err(bad_value(row.kind.name(), row.name, &value));
            };
            if row.name == "inbox_prefix" {
                client.set_inbox_prefix(&valid).map_err(raise)?;
            }
            self.store(client, row, valid);
        }
        match options.unknown() {
            None => Ok(()),
            Some(name) => Err(unknown("Unknown option", name)),
        }
    }

    fn configure_servers(
        &self,
        client: &Client,
        servers: &Obj,
        randomize: Option<bool>,
    ) -> Result<()> {
        let urls = servers
            .to_list()
            .filter(|urls| !urls.is_empty())
            .ok_or_else(|| {
                let shown = Obj::from(&*without_secrets(&servers.text()));
                bad_value("valid_str", "servers", &shown)
            })?;
        let urls: Vec<String> = urls.iter().map(|url| url.text().into_owned()).collect();
        // What the caller gave can be read back even if it is refused.
        let given = servers.text().into_owned();
        self.values.borrow_mut().insert("servers", given);
        let randomize = randomize.unwrap_or_else(|| yes(&self.value("randomize")));
        client.set_servers(&urls, randomize).map_err(raise)
    }

    /// Puts the named options back to their defaults.
    pub fn reset(&self, client: &Client, words: &[Obj]) -> Result<()> {
        for word in words {
            let row = find(&plain_name(word)).ok_or_else(|| invalid(word))?;
            if row.name == "servers" {
                client.clear_servers();
            }
            if row.name == "inbox_prefix" {
                client.set_inbox_prefix(row.default).map_err(raise)?;
            }
            self.store(client, row, row.default.to_string());
        }
        Ok(())
    }
}

/// The options of `configure`, each with a word for its value.
pub fn options() -> Vec<(&'static str, String)> {
    let value = |row: &Row| match (row.name, row.kind) {
        ("servers", _) => "urls",
        ("auth_callback" | "custom_reconnect_delay", _) => "cmdPrefix",
        ("tls_opts", _) => "options",
        (_, Kind::Bool) => "bool",
        (_, Kind::Timeout) => "ms",
        (_, Kind::PosInt | Kind::Int) => "int",
        (_, Kind::ValidStr | Kind::Str) => "text",
    };
    let rows = TABLE.iter();
    rows.map(|row| (row.name, value(row).to_owned())).collect()
}

fn find(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

fn invalid(word: &Obj) -> tcl::Error {
    unknown("Invalid option", &word.text())
}

/// Who was near an option may want to see them all.
fn unknown(what: &str, word: &str) -> tcl::Error {
    let names: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
    let hint = nearest::hint(word.trim_start_matches('-'), &names);
    let hint = hint.map(|hint| format!("; {hint} (options: {})", names.join(", ")));
    let error = invalid_arg(format!("{what} {word}{}", hint.unwrap_or_default()));
    error.noted(format!("options: {}", names.join(" ")))
}

/// The error of a `connect` with anything but `-async`.
pub fn unknown_flags(words: &[Obj]) -> tcl::Error {
    let words: Vec<_> = words.iter().map(|word| word.text()).collect();
    invalid_arg(format!("Unknown option {}", words.join(" ")))
}

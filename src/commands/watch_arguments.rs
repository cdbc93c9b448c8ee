//! The arguments of `$kv watch`.

use super::options::{bad_choice, bad_value, plain_name, Options};
use super::ordered_consumer::IDLE_HEARTBEAT;
use super::two_way::TwoWayOptions;
use crate::client::kv::{Operations, WatchOptions};
use crate::errors::{invalid_arg, raise};
use std::time::Duration;
use tcl::{Obj, Result};

/// What is to be watched, and who is told.
pub struct Wanted {
    /// At least one.
    pub patterns: Vec<String>,
    pub callback: Option<Vec<Obj>>,
    pub state_callback: Option<Vec<Obj>>,
    pub array: Option<Obj>,
    /// Elements of the array that are not in current data are unset.
    pub reconcile: bool,
    /// What the script changes of the array is written.
    pub two_way: Option<TwoWayOptions>,
    pub options: WatchOptions,
}

impl Wanted {
    /// `?key? ?-option value ...?`, with a key, `-keys`, or both.
    ///
    /// # Errors
    /// `ErrInvalidArg`
    pub fn parse(words: &[Obj]) -> Result<Wanted> {
        let (key, options) = split(words)?;
        let mut options = Options::parse_with_callback(options)?;
        let callback = options.callback("callback")?;
        let array = options.raw("values_array");
        if let Some(name) = array.as_ref().filter(|name| name.is_empty()) {
            return Err(bad_value("valid_str", "values_array", name));
        }
        let two_way = TwoWayOptions::take(&mut options)?;
        let heartbeat = match two_way {
            Some(_) => TWO_WAY_HEARTBEAT,
            None => IDLE_HEARTBEAT,
        };
        let wanted = Wanted {
            callback,
            array,
            patterns: patterns(key, options.raw("keys"))?,
            state_callback: options.callback("state_callback")?,
            reconcile: options.bool("reconcile")?.unwrap_or(false),
            options: watch_options(&mut options, heartbeat)?,
            two_way,
        };
        options.end()?;
        wanted.check()?;
        Ok(wanted)
    }

    /// An array that is not what the bucket has cannot be written back.
    fn check_two_way(&self) -> Result<()> {
        let options = &self.options;
        let others = [
            ("-meta_only", options.meta_only),
            ("-include_history", options.include_history),
            ("-updates_only", options.updates_only),
            ("-from_revision", options.from_revision.is_some()),
        ];
        if self.two_way.is_none() {
            return Ok(());
        }
        if self.array.is_none() {
            return Err(invalid_arg("-writable needs -values_array"));
        }
        match others.iter().find(|(_, is_given)| *is_given) {
            None => Ok(()),
            Some((name, _)) => Err(invalid_arg(format!(
                "-writable and {name} are mutually exclusive"
            ))),
        }
    }

    fn check(&self) -> Result<()> {
        let options = &self.options;
        options.policy().map_err(raise)?;
        self.check_two_way()?;
        if !self.reconcile {
            return Ok(());
        }
        let partial = [
            ("-from_revision", options.from_revision.is_some()),
            ("-updates_only", options.updates_only),
        ];
        if self.array.is_none() {
            return Err(invalid_arg("-reconcile needs -values_array"));
        }
        match partial.iter().find(|(_, is_given)| *is_given) {
            None => Ok(()),
            // Most of the array would go.
            Some((name, _)) => Err(invalid_arg(format!(
                "-reconcile and {name} are mutually exclusive"
            ))),
        }
    }
}

/// The default of an array whose changes are written: so soon at the latest it is known after a break of the connection
/// that the array is up to date again.
const TWO_WAY_HEARTBEAT: Duration = Duration::from_secs(1);

/// The key, if there is one, and the options. Without one there is an even number of words, `-keys` among them.
fn split(words: &[Obj]) -> Result<(Option<&Obj>, &[Obj])> {
    let is_even = words.len().is_multiple_of(2);
    let mut names = words.iter().step_by(2);
    if is_even && names.any(|word| plain_name(word) == "keys") {
        return Ok((None, words));
    }
    match words.split_first() {
        Some((first, _)) if is_even && first.text().starts_with('-') => Err(no_pattern()),
        Some((first, options)) => Ok((Some(first), options)),
        None => Err(no_pattern()),
    }
}

fn no_pattern() -> tcl::Error {
    invalid_arg("A key pattern or -keys is needed")
}

/// An empty key stands for all.
fn patterns(key: Option<&Obj>, keys: Option<Obj>) -> Result<Vec<String>> {
    let key = key.map(|key| match key.is_empty() {
        true => ">".to_owned(),
        false => key.text().into_owned(),
    });
    let more = match keys {
        None => Vec::new(),
        Some(keys) => keys
            .to_list()
            .ok_or_else(|| bad_value("list", "keys", &keys))?,
    };
    let more = more.iter().map(|key| key.text().into_owned());
    let patterns: Vec<String> = key.into_iter().chain(more).collect();
    match patterns.is_empty() {
        true => Err(no_pattern()),
        false => Ok(patterns),
    }
}

fn watch_options(options: &mut Options, heartbeat: Duration) -> Result<WatchOptions> {
    let include_history = options.bool("include_history")?.unwrap_or(false);
    let meta_only = options.bool("meta_only")?.unwrap_or(false);
    let headers = options.bool("header")?.unwrap_or(false);
    let ignore_deletes = options.bool("ignore_deletes")?.unwrap_or(false);
    let updates_only = options.bool("updates_only")?.unwrap_or(false);
    let idle_heartbeat = options
        .pos_int("idle_heartbeat")?
        .map_or(heartbeat, Duration::from_millis);
    let from_revision = options.pos_int("from_revision")?;
    if from_revision == Some(0) {
        return Err(bad_value("pos_int", "from_revision", &Obj::from(0i64)));
    }
    Ok(WatchOptions {
        include_history,
        from_revision,
        updates_only,
        meta_only,
        headers,
        operations: operations(options, ignore_deletes)?,
        together: true,
        follows_former: true,
        idle_heartbeat,
    })
}

fn operations(options: &mut Options, ignore_deletes: bool) -> Result<Operations> {
    let Some(words) = options.texts("operations")? else {
        return Ok(match ignore_deletes {
            true => Operations::PUT,
            false => Operations::ALL,
        });
    };
    if let Some(word) = words.iter().find(|word| !OPERATIONS.contains(&&***word)) {
        return Err(bad_choice("operations", word, &OPERATIONS));
    }
    if ignore_deletes {
        return Err(invalid_arg(
            "-ignore_deletes and -operations are mutually exclusive",
        ));
    }
    let [put, delete, purge] = OPERATIONS.map(|name| words.iter().any(|word| word == name));
    Ok(Operations {
        put,
        delete,
        purge,
        other: false,
    })
}

const OPERATIONS: [&str; 3] = ["PUT", "DEL", "PURGE"];

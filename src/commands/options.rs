//! Option lists: `?-option value ...?`.
//!
//! Dashes in front of a name are stripped, however many there are, so that a plain dict can be
//! expanded as an option list. Names are matched exactly; if one occurs twice the last value wins. An
//! unknown name is reported after all known options were validated ([`Options::end`]).

use super::errors::{invalid_arg, raise};
use crate::client::error::{Code, Error};
use std::time::Duration;
use tcl::{Obj, Result};

/// The pairs of an option list that were not taken yet.
pub struct Options {
    pairs: Vec<(String, Obj)>,
}

/// A name without its dashes.
pub fn plain_name(word: &Obj) -> String {
    word.text().trim_start_matches('-').to_string()
}

/// The error of an unusable value. `kind` is the type's name in messages.
pub fn bad_value(kind: &str, name: &str, value: &Obj) -> tcl::Error {
    let code = match kind {
        "timeout" => Code::BadTimeout,
        _ => Code::InvalidArg,
    };
    let message = format!(
        "Invalid value for the {kind} option {name} : {}",
        value.text()
    );
    raise(Error::new(code, message))
}

/// The error of a word that is none of those allowed.
pub fn bad_choice(name: &str, word: &str, allowed: &[&str]) -> tcl::Error {
    let allowed = allowed.join(" ");
    invalid_arg(format!(
        "Invalid value for the enum {name} : {word}; allowed values: {allowed}"
    ))
}

impl Options {
    pub fn parse(words: &[Obj]) -> Result<Options> {
        let mut pairs: Vec<(String, Obj)> = Vec::with_capacity(words.len() / 2);
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let Some(value) = rest.next() else {
                return Err(invalid_arg(format!(
                    "Missing value for option {}",
                    word.text()
                )));
            };
            let name = plain_name(word);
            pairs.retain(|(other, _)| *other != name);
            pairs.push((name, value.clone()));
        }
        Ok(Options { pairs })
    }

    /// The value as it was given.
    pub fn raw(&mut self, name: &str) -> Option<Obj> {
        let at = self.pairs.iter().position(|(other, _)| other == name)?;
        Some(self.pairs.swap_remove(at).1)
    }

    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(other, _)| other == name)
    }

    fn take<T>(
        &mut self,
        kind: &str,
        name: &str,
        parse: impl FnOnce(&Obj) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.raw(name) {
            None => Ok(None),
            Some(value) => match parse(&value) {
                Some(parsed) => Ok(Some(parsed)),
                None => Err(bad_value(kind, name, &value)),
            },
        }
    }

    /// Any text but the empty one.
    pub fn valid_str(&mut self, name: &str) -> Result<Option<String>> {
        self.take("valid_str", name, |value| {
            (!value.is_empty()).then(|| value.text().into_owned())
        })
    }

    /// Any text.
    pub fn str(&mut self, name: &str) -> Option<String> {
        self.raw(name).map(|value| value.text().into_owned())
    }

    pub fn bool(&mut self, name: &str) -> Result<Option<bool>> {
        self.take("bool", name, Obj::to_bool)
    }

    pub fn int(&mut self, name: &str) -> Result<Option<i64>> {
        self.take("int", name, Obj::to_i64)
    }

    /// An integer of 0 or more.
    pub fn pos_int(&mut self, name: &str) -> Result<Option<u64>> {
        self.take("pos_int", name, pos_int)
    }

    /// Milliseconds.
    pub fn timeout(&mut self, name: &str) -> Result<Option<Duration>> {
        self.take("timeout", name, |value| {
            pos_int(value).map(Duration::from_millis)
        })
    }

    /// A non-empty list, as its elements.
    pub fn callback(&mut self, name: &str) -> Result<Option<Vec<Obj>>> {
        self.take("valid_str", name, |value| {
            value.to_list().filter(|words| !words.is_empty())
        })
    }

    /// A non-empty list, as texts.
    pub fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>> {
        self.take("list", name, |value| {
            let items = value.to_list().filter(|items| !items.is_empty())?;
            Some(items.iter().map(|item| item.text().into_owned()).collect())
        })
    }

    /// One of some words.
    pub fn choice(&mut self, name: &str, allowed: &[&str]) -> Result<Option<String>> {
        let Some(value) = self.raw(name) else {
            return Ok(None);
        };
        let text = value.text();
        if allowed.contains(&&*text) {
            return Ok(Some(text.into_owned()));
        }
        Err(bad_choice(name, &text, allowed))
    }

    /// A dict of texts.
    pub fn dict(&mut self, name: &str) -> Result<Option<Vec<(Obj, Obj)>>> {
        self.take("dict", name, Obj::to_dict)
    }

    /// No option is left over.
    pub fn end(self) -> Result<()> {
        match self.pairs.first() {
            None => Ok(()),
            Some((name, _)) => Err(invalid_arg(format!("Unknown option {name}"))),
        }
    }
}

/// An integer of 0 or more, in any notation of Tcl's.
pub fn pos_int(value: &Obj) -> Option<u64> {
    value.to_i64().and_then(|n| u64::try_from(n).ok())
}

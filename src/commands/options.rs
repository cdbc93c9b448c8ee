//! Option lists: `?-option value ...?`.
//!
//! Dashes in front of a name are stripped, however many there are, so that a plain dict can be
//! expanded as an option list. Names are matched exactly; if one occurs twice the last value wins. An
//! unknown name is reported after all known options were validated ([`Options::end`]), with the name that is
//! nearest among those that were asked for; the stack trace has all of these.

use super::nearest;
use crate::client::error::{Code, Error};
use crate::errors::{invalid_arg, raise};
use std::time::Duration;
use tcl::{Obj, Result};

/// The pairs of an option list.
pub struct Options {
    /// What was not taken yet.
    pairs: Vec<(String, Obj)>,
    /// The names that were asked for while something was left: those that exist.
    names: Vec<&'static str>,
}

/// Options as tables of methods have them: `-name word -name word ...`, a word for each value.
pub fn listed(text: &'static str) -> Vec<(&'static str, String)> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let pairs = words.chunks_exact(2);
    pairs
        .map(|pair| (pair[0].trim_start_matches('-'), pair[1].to_owned()))
        .collect()
}

/// An optional word in front of an option list. The number of words tells whether it is there.
pub fn after_optional_word(words: &[Obj]) -> (Option<&Obj>, &[Obj]) {
    match words.split_first() {
        Some((first, rest)) if rest.len() % 2 == 0 => (Some(first), rest),
        _ => (None, words),
    }
}

/// A name without its dashes.
pub fn plain_name(word: &Obj) -> String {
    word.text().trim_start_matches('-').to_string()
}

/// The error of an unusable value. `kind` is the type's name in messages.
pub fn bad_value(kind: &str, name: &str, value: &Obj) -> tcl::Error {
    bad_value_because(kind, name, value, "")
}

/// The same; `reason` ends the message.
pub fn bad_value_because(kind: &str, name: &str, value: &Obj, reason: &str) -> tcl::Error {
    let code = match kind {
        "timeout" => Code::BadTimeout,
        _ => Code::InvalidArg,
    };
    let message = format!(
        "Invalid value for the {kind} option {name} : {}{reason}",
        value.text()
    );
    raise(Error::new(code, message))
}

/// The error of a name that is none of those that exist; `place` says where, if need be.
pub fn unknown_option(name: &str, place: &str, names: &[&str]) -> tcl::Error {
    let hint = nearest::hint(name, names).map(|hint| format!("; {hint}"));
    let hint = hint.unwrap_or_default();
    let error = invalid_arg(format!("Unknown option {name}{place}{hint}"));
    error.noted(format!("options: {}", names.join(" ")))
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
        Options::parse_with_hint(words, |_| "")
    }

    /// As [`Options::parse`], for calls that take a callback, which is easily given without its name.
    pub fn parse_with_callback(words: &[Obj]) -> Result<Options> {
        Options::parse_with_hint(words, |last| match last.starts_with('-') {
            true => "",
            false => "; use -callback",
        })
    }

    /// As [`Options::parse`]; `hint` tells more of the last word if that lacks its value.
    pub fn parse_with_hint(words: &[Obj], hint: fn(&str) -> &'static str) -> Result<Options> {
        let mut pairs: Vec<(String, Obj)> = Vec::with_capacity(words.len() / 2);
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let Some(value) = rest.next() else {
                let word = word.text();
                let hint = hint(&word);
                return Err(invalid_arg(format!(
                    "Missing value for option {word}{hint}"
                )));
            };
            let name = plain_name(word);
            pairs.retain(|(other, _)| *other != name);
            pairs.push((name, value.clone()));
        }
        Ok(Options {
            pairs,
            names: Vec::new(),
        })
    }

    /// The value as it was given.
    pub fn raw(&mut self, name: &'static str) -> Option<Obj> {
        if self.pairs.is_empty() {
            return None;
        }
        if !self.names.contains(&name) {
            self.names.push(name);
        }
        self.unlisted(name)
    }

    /// The same of a name that is not told among those that exist: it is taken for the sake of what was there before.
    pub fn unlisted(&mut self, name: &str) -> Option<Obj> {
        let at = self.pairs.iter().position(|(other, _)| other == name)?;
        Some(self.pairs.swap_remove(at).1)
    }

    /// Takes an option whose value is a certain one; whether it was given like that.
    pub fn take_if(&mut self, name: &'static str, is_it: impl FnOnce(&Obj) -> bool) -> bool {
        let given = self.pairs.iter().find(|(other, _)| other == name);
        let matches = given.is_some_and(|(_, value)| is_it(value));
        matches && self.raw(name).is_some()
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The value as it was given, which stays to be taken.
    pub fn get(&self, name: &str) -> Option<&Obj> {
        let found = self.pairs.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value)
    }

    fn take<T>(
        &mut self,
        kind: &str,
        name: &'static str,
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
    pub fn valid_str(&mut self, name: &'static str) -> Result<Option<String>> {
        let value = self.non_empty(name)?;
        Ok(value.map(|value| value.text().into_owned()))
    }

    /// A non-empty value, as it was given.
    pub fn non_empty(&mut self, name: &'static str) -> Result<Option<Obj>> {
        self.take("valid_str", name, |value| {
            (!value.is_empty()).then(|| value.clone())
        })
    }

    /// Any text.
    pub fn str(&mut self, name: &'static str) -> Option<String> {
        self.raw(name).map(|value| value.text().into_owned())
    }

    pub fn bool(&mut self, name: &'static str) -> Result<Option<bool>> {
        self.take("bool", name, Obj::to_bool)
    }

    pub fn int(&mut self, name: &'static str) -> Result<Option<i64>> {
        self.take("int", name, Obj::to_i64)
    }

    /// An integer of 0 or more.
    pub fn pos_int(&mut self, name: &'static str) -> Result<Option<u64>> {
        self.take("pos_int", name, pos_int)
    }

    /// An integer of 1 or more.
    pub fn positive(&mut self, name: &'static str) -> Result<Option<u64>> {
        self.take("int", name, |value| pos_int(value).filter(|n| *n > 0))
    }

    /// Milliseconds.
    pub fn timeout(&mut self, name: &'static str) -> Result<Option<Duration>> {
        self.take("timeout", name, |value| {
            pos_int(value).map(Duration::from_millis)
        })
    }

    /// A non-empty list, as its elements.
    pub fn callback(&mut self, name: &'static str) -> Result<Option<Vec<Obj>>> {
        self.take("valid_str", name, |value| {
            value.to_list().filter(|words| !words.is_empty())
        })
    }

    /// A non-empty list, as texts.
    pub fn texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>> {
        self.take("list", name, |value| {
            let items = value.to_list().filter(|items| !items.is_empty())?;
            Some(items.iter().map(|item| item.text().into_owned()).collect())
        })
    }

    /// One of some words.
    pub fn choice(&mut self, name: &'static str, allowed: &[&str]) -> Result<Option<String>> {
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
    pub fn dict(&mut self, name: &'static str) -> Result<Option<Vec<(Obj, Obj)>>> {
        self.take("dict", name, Obj::to_dict)
    }

    /// A non-empty dict of texts.
    pub fn metadata(&mut self, name: &'static str) -> Result<Option<Vec<(String, String)>>> {
        self.take("metadata", name, |value| {
            let pairs = value.to_dict().filter(|pairs| !pairs.is_empty())?;
            let text = |value: &Obj| value.text().into_owned();
            Some(
                pairs
                    .iter()
                    .map(|(key, value)| (text(key), text(value)))
                    .collect(),
            )
        })
    }

    /// Takes those that are left over and have a value here.
    pub fn take_others<T>(&mut self, value: impl Fn(&str, &Obj) -> Option<T>) -> Vec<(String, T)> {
        let mut taken = Vec::new();
        self.pairs.retain(|(name, given)| match value(name, given) {
            Some(value) => {
                taken.push((name.clone(), value));
                false
            }
            None => true,
        });
        taken
    }

    /// The first one that is left over.
    pub fn unknown(&self) -> Option<&str> {
        self.pairs.first().map(|(name, _)| &**name)
    }

    /// No option is left over.
    pub fn end(self) -> Result<()> {
        match self.unknown() {
            None => Ok(()),
            Some(name) => Err(unknown_option(name, "", &self.names)),
        }
    }
}

/// An integer of 0 or more, in any notation of Tcl's.
pub fn pos_int(value: &Obj) -> Option<u64> {
    value.to_i64().and_then(|n| u64::try_from(n).ok())
}

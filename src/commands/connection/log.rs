//! Where log lines of a connection go: a channel, or a logger object of Tcllib.

use crate::client::connection::Level;
use crate::client::error::{Code, Error};
use crate::commands::options::Options;
use crate::errors::{invalid_arg, raise};
use std::borrow::Cow;
use std::cell::Cell;
use tcl::interp::Scope;
use tcl::{Interp, Obj, Result};

pub struct Log {
    target: Target,
}

enum Target {
    /// The built-in log: one line an event, dropped below a level that is fixed at construction.
    Channel {
        channel: String,
        name: String,
        level: Level,
        /// The last line could not be written. That is told once, until one can be written again: a handler of
        /// background errors may be what writes the next one.
        failed: Cell<bool>,
    },
    /// Commands `error warn info debug` in this namespace. Their level is the logger's own affair and
    /// can change at any time, so every event is handed over.
    Logger(String),
}

impl Log {
    /// Takes `-logger`, `-log_chan` and `-log_level`. With a logger the other two are ignored.
    ///
    /// # Errors
    /// `ErrInvalidArg` for an empty value or a level that is none of `error warn info debug`.
    pub fn from_options(options: &mut Options, name: String) -> Result<Log> {
        if let Some(logger) = options.valid_str("logger")? {
            options.raw("log_chan");
            options.raw("log_level");
            return Ok(Log {
                target: Target::Logger(logger),
            });
        }
        let channel = options.valid_str("log_chan")?;
        let level = match options.valid_str("log_level")? {
            None => Level::Warn,
            Some(text) => parse_level(&text)
                .ok_or_else(|| invalid_arg(format!("Invalid -log_level {text}")))?,
        };
        Ok(Log {
            target: Target::Channel {
                channel: channel.unwrap_or_else(|| "stdout".to_string()),
                name: escaped(&name).into_owned(),
                level,
                failed: Cell::new(false),
            },
        })
    }

    /// What follows are the last lines: a script that has closed the channel by now need not hear that it is
    /// closed.
    pub fn ends(&self) {
        if let Target::Channel { failed, .. } = &self.target {
            failed.set(true);
        }
    }

    /// Writes a line, or calls the logger. A failure is a background error: a log that cannot be written must
    /// not stop the client.
    pub fn write(&self, interp: Interp, level: Level, text: &str) {
        let text = &*escaped(text);
        let words = match &self.target {
            Target::Channel { level: least, .. } if level > *least => return,
            Target::Channel { channel, name, .. } => {
                vec!["::nats::_log", channel, name, word(level), text]
                    .into_iter()
                    .map(Obj::from)
                    .collect()
            }
            Target::Logger(logger) => {
                let command = format!("{logger}::{}", word(level));
                vec![Obj::from(&*command), Obj::from(text)]
            }
        };
        // A log line is no reason to lose what the caller was about to return.
        let written = interp.undisturbed(|| catch(interp, &words));
        let told = match &self.target {
            Target::Channel { failed, .. } => failed.replace(written.is_err()),
            Target::Logger(_) => false,
        };
        if let Err(error) = written {
            if !told {
                interp.background_error(error);
            }
        }
    }
}

/// An error of the logger, taken out of the interpreter.
fn catch(interp: Interp, words: &[Obj]) -> Result<()> {
    interp.call(words, Scope::Global).map(drop).map_err(|_| {
        let reason = interp.result();
        raise(Error::new(
            Code::Log,
            format!("cannot write a log line: {}", reason.text()),
        ))
    })
}

/// A text in one line: what servers and names contain must not look like a line of its own, nor move the cursor
/// of a terminal or the order of what it shows.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if !is_harmful(c) => line.push(c),
            c if u32::from(c) < 0x100 => line.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => line.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    Cow::Owned(line)
}

/// Control characters, ends of lines and paragraphs, changes of direction.
fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
    }
}

fn parse_level(text: &str) -> Option<Level> {
    [Level::Error, Level::Warn, Level::Info, Level::Debug]
        .into_iter()
        .find(|level| word(*level) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line() {
        for (text, line) in [
            ("", ""),
            (
                "größe \u{20ac} \u{1f600} \\n",
                "größe \u{20ac} \u{1f600} \\n",
            ),
            ("a\nb\r\nc\td", "a\\nb\\r\\nc\\td"),
            ("\u{1b}[2J\0\u{7f}", "\\x1b[2J\\x00\\x7f"),
            ("\u{85}\u{9b}31m", "\\x85\\x9b31m"),
            (
                "\u{2028}\u{2029}\u{202e}\u{2066}",
                "\\u2028\\u2029\\u202e\\u2066",
            ),
        ] {
            assert_eq!(escaped(text), line);
        }
    }
}

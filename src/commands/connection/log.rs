//! Where log lines of a connection go: a channel, or a logger object of Tcllib.

use crate::client::connection::Level;
use crate::client::error::{Code, Error};
use crate::commands::errors::{invalid_arg, raise};
use crate::commands::options::Options;
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
                name,
                level,
            },
        })
    }

    pub fn write(&self, interp: Interp, level: Level, text: &str) {
        let words = match &self.target {
            Target::Channel { level: least, .. } if severity(level) > severity(*least) => return,
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
        if let Err(error) = interp.undisturbed(|| catch(interp, &words)) {
            interp.background_error(error);
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

pub fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
    }
}

fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 0,
        Level::Warn => 1,
        Level::Info => 2,
        Level::Debug => 3,
    }
}

fn parse_level(text: &str) -> Option<Level> {
    [Level::Error, Level::Warn, Level::Info, Level::Debug]
        .into_iter()
        .find(|level| word(*level) == text)
}

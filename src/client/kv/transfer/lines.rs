//! What is imported, as lines.

use bytes::Bytes;

use super::files::OldFile;
use super::report::Reporter;
use crate::client::error::{Error, Result};

/// No line is longer, in bytes. The longest value has 64 MB, of which JSON may make six times as much.
const LONGEST: usize = 512 << 20;

/// Where parts come from.
pub(super) enum Input {
    File(OldFile),
    /// The channel of whoever has started the transfer.
    Channel,
}

impl Input {
    async fn read(&mut self, reporter: &mut Reporter) -> Result<Bytes> {
        match self {
            Input::File(file) => file.read().await,
            Input::Channel => Ok(reporter.read().await),
        }
    }
}

/// The lines of an input.
pub(super) struct Lines {
    pub(super) input: Input,
    /// What was read, and not handed over as a line.
    rest: Vec<u8>,
    /// Where the next line begins in it.
    at: usize,
    /// Up to here there is no end of a line.
    looked: usize,
    has_ended: bool,
    /// Of the line that was handed over last; the first one is 1.
    pub(super) number: u64,
    /// Bytes handed over.
    pub(super) bytes: u64,
}

impl Lines {
    pub(super) fn of(input: Input) -> Lines {
        Lines {
            input,
            rest: Vec::new(),
            at: 0,
            looked: 0,
            has_ended: false,
            number: 0,
            bytes: 0,
        }
    }

    /// The next line, without its end; `None` if there is none.
    ///
    /// # Errors
    /// `InvalidArg` for one that is too long; those of [`OldFile::read`].
    pub(super) async fn next(&mut self, reporter: &mut Reporter) -> Result<Option<&[u8]>> {
        let end = loop {
            let end = self.rest[self.looked..]
                .iter()
                .position(|byte| *byte == b'\n');
            if let Some(end) = end {
                break self.looked + end;
            }
            self.looked = self.rest.len();
            if self.has_ended {
                break self.rest.len();
            }
            self.more(reporter).await?;
        };
        let start = self.at;
        if start == self.rest.len() {
            return Ok(None);
        }
        self.at = (end + 1).min(self.rest.len());
        self.looked = self.at;
        self.number += 1;
        self.bytes += (self.at - start) as u64;
        Ok(Some(&self.rest[start..end]))
    }

    async fn more(&mut self, reporter: &mut Reporter) -> Result<()> {
        self.rest.drain(..self.at);
        (self.looked, self.at) = (self.looked - self.at, 0);
        if self.rest.len() > LONGEST {
            let number = self.number + 1;
            return Err(Error::invalid_arg(format!("Line {number} is too long")));
        }
        let part = self.input.read(reporter).await?;
        self.has_ended = part.is_empty();
        self.rest.extend_from_slice(&part);
        Ok(())
    }
}

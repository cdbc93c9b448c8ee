//! Files of the operating system. They are opened, read and written by threads that may be kept waiting.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::task::{spawn_blocking, JoinHandle};

use super::lot::{Lot, LOT};
use super::meta::Info;
use super::transfer::{Sink, Source};
use crate::client::blocking::{blocking, outcome};
use crate::client::error::{Code, Error, Result};
use crate::client::nuid::nuid;

/// `EISDIR` of every system that has this number at all.
const IS_A_DIRECTORY: i32 = 21;

/// A file that is read.
pub struct FileSource {
    path: PathBuf,
    /// What the caller calls it.
    name: String,
    file: Option<Arc<File>>,
    /// What was read ahead.
    ahead: Bytes,
}

impl FileSource {
    /// `name` is what errors call it.
    pub fn new(path: PathBuf, name: String) -> FileSource {
        FileSource {
            path,
            name,
            file: None,
            ahead: Bytes::new(),
        }
    }

    async fn read_ahead(&mut self, length: usize) -> Result<()> {
        let Some(file) = self.file.clone() else {
            return Ok(());
        };
        let name = self.name.clone();
        // Made and freed by the same thread, memory is used again sooner.
        let mut bytes = Vec::with_capacity(self.ahead.len() + length);
        bytes.extend_from_slice(&self.ahead);
        let read = move || {
            let part = (&*file).take(length as u64).read_to_end(&mut bytes);
            part.map_err(|error| failed("error reading", &name, &error))?;
            Ok(bytes)
        };
        self.ahead = blocking(read).await?.into();
        Ok(())
    }
}

impl Source for FileSource {
    fn open(&mut self) -> BoxFuture<'_, Result<Option<u64>>> {
        Box::pin(async move {
            let (path, name) = (self.path.clone(), self.name.clone());
            let (file, size) = blocking(move || open(&path, &name)).await?;
            self.file = Some(Arc::new(file));
            Ok(size)
        })
    }

    fn read(&mut self, length: usize) -> BoxFuture<'_, Result<Bytes>> {
        Box::pin(async move {
            if self.ahead.len() < length {
                self.read_ahead(length.max(LOT / length * length)).await?;
            }
            Ok(self.ahead.split_to(length.min(self.ahead.len())))
        })
    }
}

/// The size of a pipe and the like is not known.
fn open(path: &Path, name: &str) -> Result<(File, Option<u64>)> {
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    // Windows would say that access is denied.
    let opened = opened.map_err(|error| match cfg!(windows) && path.is_dir() {
        true => io::ErrorKind::IsADirectory.into(),
        false => error,
    });
    let (metadata, file) = opened.map_err(|error| failed("couldn't open", name, &error))?;
    let size = metadata.is_file().then_some(metadata.len());
    Ok((file, size))
}

/// A file that is written beside the place where it is to be, and put there when all is there.
pub struct FileSink {
    path: PathBuf,
    part: PathBuf,
    /// What the caller calls it.
    name: String,
    file: Option<Arc<File>>,
    lot: Lot,
    /// The lot before.
    writing: Option<JoinHandle<Result<Vec<Bytes>>>>,
    /// Nothing is left to be removed.
    done: bool,
}

impl FileSink {
    /// `name` is what errors call it.
    pub fn new(path: PathBuf, name: String) -> FileSink {
        let mut part: OsString = path.clone().into();
        part.push(format!(".{}.part", nuid()));
        FileSink {
            path,
            part: part.into(),
            name,
            file: None,
            lot: Lot::default(),
            writing: None,
            done: true,
        }
    }

    /// Begins to write what has come.
    async fn write_lot(&mut self) -> Result<()> {
        self.written().await?;
        let lot = self.lot.take();
        if let Some(file) = self.file.clone() {
            let name = self.name.clone();
            self.writing = Some(spawn_blocking(move || {
                let written = lot.iter().try_for_each(|bytes| (&*file).write_all(bytes));
                written.map_err(|error| failed("error writing", &name, &error))?;
                // To be freed where it was made.
                Ok(lot)
            }));
        }
        Ok(())
    }

    /// Waits until it is written.
    async fn written(&mut self) -> Result<()> {
        match self.writing.take() {
            Some(writing) => outcome(writing.await).map(drop),
            None => Ok(()),
        }
    }
}

impl Sink for FileSink {
    fn begin(&mut self, _: &Info) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let (path, part) = (self.path.clone(), self.part.clone());
            let name = self.name.clone();
            let create = move || {
                let created = check_place(&path).and_then(|()| File::create(part));
                created.map_err(|error| failed("couldn't open", &name, &error))
            };
            // What was written does not count, nor what has come of it.
            let _ = self.written().await;
            self.lot = Lot::default();
            self.done = false;
            self.file = Some(Arc::new(blocking(create).await?));
            Ok(())
        })
    }

    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            match self.lot.add(bytes) {
                true => self.write_lot().await,
                false => Ok(()),
            }
        })
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.write_lot().await?;
            self.written().await?;
            self.file = None;
            let (path, part) = (self.path.clone(), self.part.clone());
            let name = self.name.clone();
            let rename = move || {
                let renamed = fs::rename(part, path);
                renamed.map_err(|error| failed("couldn't write", &name, &error))
            };
            blocking(rename).await?;
            self.done = true;
            Ok(())
        })
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        self.file = None;
        if !self.done {
            // Whatever has gone wrong was told already.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// What could be seen only when all is there.
fn check_place(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() {
        return File::open(path).map(drop);
    }
    match path.is_dir() {
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => Ok(()),
    }
}

/// An error as Tcl tells it; the system's own words come later.
fn failed(what: &str, name: &str, error: &io::Error) -> Error {
    let message = format!("{what} \"{name}\"");
    match errno(error) {
        Some(number) => Error::new(Code::Posix(number), message),
        None => Error::invalid_arg(format!("{message}: {error}")),
    }
}

/// The number that Tcl knows an error by: that of the C library, which Windows has besides numbers of its own.
fn errno(error: &io::Error) -> Option<i32> {
    match error.kind() {
        io::ErrorKind::IsADirectory => Some(IS_A_DIRECTORY),
        kind if cfg!(windows) => error.raw_os_error().map(|_| of_windows(kind)),
        _ => error.raw_os_error(),
    }
}

/// ENOENT and so on; what has no such name is EIO.
fn of_windows(kind: io::ErrorKind) -> i32 {
    match kind {
        io::ErrorKind::NotFound => 2,
        io::ErrorKind::PermissionDenied => 13,
        io::ErrorKind::AlreadyExists => 17,
        io::ErrorKind::NotADirectory => 20,
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => 22,
        io::ErrorKind::StorageFull => 28,
        io::ErrorKind::BrokenPipe => 32,
        _ => 5,
    }
}

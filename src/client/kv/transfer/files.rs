//! Files, on threads that may block.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::task::{spawn_blocking, JoinHandle};

use crate::client::blocking::{blocking, outcome};
use crate::client::error::{Error, Result};

/// So much is read at once.
const PART: usize = 256 * 1024;

/// While a write is on its way no more than this may gather for the next one.
const GATHERED: usize = 4 * 1024 * 1024;

/// A file that is written beside the one it is to become. Unless it is finished it goes with this.
pub(super) struct NewFile {
    path: PathBuf,
    part: PathBuf,
    file: Option<File>,
    writing: Option<Writing>,
}

/// A write, with the file and the buffer.
type Writing = JoinHandle<Result<(Option<File>, Vec<u8>)>>;

impl NewFile {
    /// # Errors
    /// `InvalidArg` for a path at which no file can be written.
    pub(super) async fn create(path: &Path) -> Result<NewFile> {
        let path = path.to_owned();
        blocking(move || {
            // A link stays one.
            let is_link = fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink());
            let path = match is_link {
                true => fs::canonicalize(&path).unwrap_or(path),
                false => path,
            };
            if path.exists() && !path.is_file() {
                return Err(Error::invalid_arg(format!(
                    "{} is no regular file",
                    path.display()
                )));
            }
            beside(path, OpenOptions::new())
        })
        .await
    }

    /// A file for the time being, which nobody else can read.
    pub(super) async fn spool() -> Result<NewFile> {
        blocking(|| beside(std::env::temp_dir().join("nats-export"), private())).await
    }

    /// Where it is while it is written.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    /// Begins to write what has gathered, unless the last write is still on its way and not much has.
    pub(super) async fn write(&mut self, gathered: &mut Vec<u8>) -> Result<()> {
        let is_busy = |writing: &Writing| !writing.is_finished();
        if self.writing.as_ref().is_some_and(is_busy) && gathered.len() < GATHERED {
            return Ok(());
        }
        // Buffers are made and freed by the same thread: so memory is used again sooner.
        let empty = self.settle().await?;
        let bytes = std::mem::replace(gathered, empty);
        let (path, file) = (self.part.clone(), self.file.take());
        self.writing = Some(spawn_blocking(move || {
            let mut file = file;
            match file.iter_mut().try_for_each(|file| file.write_all(&bytes)) {
                Ok(()) => Ok((file, bytes)),
                Err(error) => Err(failed("write", &path, &error)),
            }
        }));
        Ok(())
    }

    /// Writes all that has gathered.
    pub(super) async fn flush(&mut self, gathered: &mut Vec<u8>) -> Result<()> {
        self.settle().await?;
        self.write(gathered).await?;
        self.settle().await?;
        Ok(())
    }

    /// Waits for the write that is on its way; gives its buffer, empty.
    async fn settle(&mut self) -> Result<Vec<u8>> {
        let Some(writing) = self.writing.take() else {
            return Ok(Vec::new());
        };
        let (file, mut bytes) = outcome(writing.await)?;
        self.file = file;
        bytes.clear();
        Ok(bytes)
    }

    /// Begins again.
    pub(super) async fn clear(&mut self) -> Result<()> {
        self.settle().await?;
        let (path, file) = (self.part.clone(), self.file.take());
        self.file = blocking(move || {
            let mut file = file;
            let cleared = file.iter_mut().try_for_each(|file| {
                file.set_len(0)?;
                file.rewind()
            });
            cleared.map_err(|error| failed("write", &path, &error))?;
            Ok(file)
        })
        .await?;
        Ok(())
    }

    /// It takes the place of what was there, and has the same permissions.
    pub(super) async fn finish(mut self) -> Result<()> {
        self.settle().await?;
        let (part, path, file) = (self.part.clone(), self.path.clone(), self.file.take());
        blocking(move || {
            let finished = file.iter().try_for_each(File::sync_all).and_then(|()| {
                if let Ok(former) = fs::metadata(&path) {
                    fs::set_permissions(&part, former.permissions())?;
                }
                fs::rename(&part, &path)
            });
            finished.map_err(|error| failed("write", &path, &error))
        })
        .await
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // After it was finished there is none.
        let _ = fs::remove_file(&self.part);
    }
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// The directory of temporary files is the user's own on Windows.
#[cfg(not(unix))]
fn private() -> OpenOptions {
    OpenOptions::new()
}

/// A new file in the same directory.
fn beside(path: PathBuf, mut options: OpenOptions) -> Result<NewFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    loop {
        let number: u32 = rand::random();
        let part = path.with_file_name(format!(".{name}.{number:08x}.part"));
        match options.write(true).create_new(true).open(&part) {
            Ok(file) => {
                return Ok(NewFile {
                    part,
                    file: Some(file),
                    writing: None,
                    path: path.clone(),
                })
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed("write", &path, &error)),
        }
    }
}

/// A file that is read from its beginning.
pub(super) struct OldFile {
    path: PathBuf,
    file: Option<File>,
}

impl OldFile {
    /// # Errors
    /// `InvalidArg` if there is none, or it cannot be read.
    pub(super) async fn open(path: &Path) -> Result<OldFile> {
        let path = path.to_owned();
        blocking(move || match File::open(&path) {
            Ok(file) => Ok(OldFile {
                path,
                file: Some(file),
            }),
            Err(error) => Err(failed("read", &path, &error)),
        })
        .await
    }

    /// The next part; an empty one is the end.
    pub(super) async fn read(&mut self) -> Result<Bytes> {
        // Made and freed by the same thread, memory is used again sooner.
        let mut part = vec![0; PART];
        self.with(move |file| {
            let length = file.read(&mut part)?;
            part.truncate(length);
            Ok(part.into())
        })
        .await
    }

    /// The next part is the first one again.
    pub(super) async fn rewind(&mut self) -> Result<()> {
        self.with(File::rewind).await
    }

    /// Its last bytes; the next part is the first one again.
    pub(super) async fn tail(&mut self, length: u64) -> Result<Vec<u8>> {
        self.with(move |file| {
            let size = file.metadata()?.len();
            file.seek(SeekFrom::Start(size.saturating_sub(length)))?;
            let mut tail = Vec::new();
            Read::by_ref(file).take(length).read_to_end(&mut tail)?;
            file.rewind()?;
            Ok(tail)
        })
        .await
    }

    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut File) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (path, file) = (self.path.clone(), self.file.take());
        let (file, outcome) = blocking(move || {
            let mut file = file;
            let outcome = match &mut file {
                Some(file) => work(file),
                None => Err(ErrorKind::NotFound.into()),
            };
            Ok((file, outcome.map_err(|error| failed("read", &path, &error))))
        })
        .await?;
        self.file = file;
        outcome
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::invalid_arg(format!("Cannot {what} {}: {error}", path.display()))
}

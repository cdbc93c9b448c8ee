//! Work that may be kept waiting, as files may keep it: on threads of their own.

use tokio::task::{spawn_blocking, JoinError};

use super::error::{Code, Error, Result};

/// Does the work, and waits for it.
///
/// # Errors
/// Its own; `Internal` for a panic.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    outcome(spawn_blocking(work).await)
}

/// What has become of work that was begun with [`spawn_blocking`].
///
/// # Errors
/// As [`blocking`].
pub fn outcome<T>(done: std::result::Result<Result<T>, JoinError>) -> Result<T> {
    done.unwrap_or_else(|error| Err(Error::new(Code::Internal, error.to_string())))
}

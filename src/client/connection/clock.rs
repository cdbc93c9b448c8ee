//! Moments that may never come.

use std::future::pending;
use std::time::Duration;

use tokio::time::{sleep_until, Instant};

/// A moment in the future; zero, and more than a clock can count, mean never.
pub(super) fn deadline(distance: Duration) -> Option<Instant> {
    if distance.is_zero() {
        return None;
    }
    Instant::now().checked_add(distance)
}

/// Waits for a moment that may never come.
pub(crate) async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

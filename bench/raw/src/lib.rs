//! What the clients of the benchmark that are written in Rust have in common.

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The bucket that is read, and the one that is written.
pub const READ: &str = "bench_read";
pub const WRITE: &str = "bench_write";
/// As many different keys are written.
pub const WRITTEN: usize = 1000;

pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

/// In milliseconds, of the whole process.
pub fn processor_time() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second word, in parentheses, may have blanks.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    fields
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum::<u64>()
        * 10
}

pub fn key(number: usize) -> String {
    format!("sensor.{number:07}")
}

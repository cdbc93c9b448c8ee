//! Buckets to files and back, and to other buckets: export, import, copy.
//!
//! A transfer is a task of the runtime; whoever started it hears of its [`Event`]s, one after the other, and is asked
//! for what it does not read itself. What is kept in memory does not depend on the size of a bucket or a file, but for
//! a number for each key where that is needed.
//!
//! - `record`: an entry on its way
//! - `format`: lines of an export
//! - `files`: written beside and renamed, read in parts; `lines`: parts as lines
//! - `source`: the entries of a bucket, `target`: where they are written
//! - `export`, `import`, `copy`: what is done with them
//! - `report`: how far it is

mod copy;
mod export;
mod files;
mod format;
mod import;
mod lines;
mod record;
mod report;
mod source;
mod target;

pub use export::{ExportOptions, Place};
pub use import::ImportOptions;
pub use report::{Event, Exported, Imported, Progress, Summary, Transfer};
pub use source::SourceOptions;
pub use target::Exists;

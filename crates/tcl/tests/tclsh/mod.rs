//! Runs scripts in real tclsh's, with the libraries of `examples`.

use std::path::PathBuf;
use std::process::Command;

/// Cargo builds examples for `cargo test`, beside the tests.
fn library(example: &str) -> PathBuf {
    let mut path = std::env::current_exe().expect("a test has a path");
    path.pop();
    path.pop();
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    path.join(format!("examples/{prefix}{example}{suffix}"))
}

/// The tclsh of a version, if there is one or one can be fetched.
fn tclsh(version: &str) -> Option<String> {
    let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/find-tclsh");
    let output = Command::new(tool).arg(version).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| path.trim().to_owned())
}

/// Runs the script, whose first argument is the example's library, so many times with each version of Tcl. Each time
/// it must print just this, standard error included.
pub fn run(example: &str, script: &str, rounds: usize, expected: &str) {
    let file = std::env::temp_dir().join(format!("{example}-{}.tcl", std::process::id()));
    std::fs::write(&file, script).expect("a temporary file");
    let found: Vec<_> = ["8.6", "9.0"].into_iter().filter_map(tclsh).collect();
    assert!(!found.is_empty(), "no tclsh found");
    for tclsh in found {
        for round in 0..rounds {
            let output = Command::new(&tclsh)
                .arg(&file)
                .arg(library(example))
                // What it prints is compared as UTF-8.
                .env("LC_ALL", "C.UTF-8")
                .output()
                .unwrap_or_else(|error| panic!("{tclsh}: {error}"));
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert_eq!(said, expected, "{tclsh}, round {round}: {}", output.status);
        }
    }
    let _ = std::fs::remove_file(file);
}

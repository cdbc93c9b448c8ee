//! Holds what the compiler does not: the client knows neither Tcl nor what is built on it.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a source directory") {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_client_names_nothing_of_tcl() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client");
    let files = sources(&root);
    assert!(!files.is_empty());
    for file in files {
        let text = fs::read_to_string(&file).expect("a readable source");
        for name in ["tcl::", "crate::commands", "crate::runtime"] {
            assert!(!text.contains(name), "{} names {name}", file.display());
        }
    }
}

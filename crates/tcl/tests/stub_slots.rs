//! Checks every slot declared in `stubs.rs` against the headers of Tcl 8.6 and 9.
//!
//! A wrong slot calls another function, silently. The headers are those that `tools/debian` unpacks;
//! without them this test fails and says so.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

fn headers(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../build/debian/usr/include")
        .join(format!("tcl{version}"))
}

/// Function names without `Tcl_`, underscores and case, with their slots.
fn slots(version: &str, file: &str) -> HashMap<String, usize> {
    let path = find(&headers(version), file)
        .unwrap_or_else(|| panic!("no {file} of Tcl {version}: run tools/debian first"));
    let text = fs::read_to_string(path).expect("a readable header");
    let mut slots = HashMap::new();
    let mut name = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("#define Tcl_") {
            name = Some(plain(rest.split_whitespace().next().unwrap_or("")));
        }
        let slot = line
            .split_once("StubsPtr->")
            .and_then(|(_, rest)| rest.split_once("/* "))
            .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
        if let (Some(slot), Some(name)) = (slot, name.take_if(|_| line.contains("StubsPtr->"))) {
            slots.entry(name).or_insert(slot);
        }
    }
    slots
}

fn find(dir: &Path, file: &str) -> Option<PathBuf> {
    for entry in fs::read_dir(dir).ok()? {
        let path = entry.ok()?.path();
        if path.is_dir() {
            if let Some(found) = find(&path, file) {
                return Some(found);
            }
        } else if path.file_name()? == file {
            return Some(path);
        }
    }
    None
}

fn plain(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// A declaration of `stubs.rs`: name, slot in 8.6, slot in 9.
fn declared(section: &str) -> Vec<(String, usize, usize)> {
    let text = include_str!("../src/stubs.rs");
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.ends_with(';') && line.starts_with(section) {
            inside = true;
        } else if line == "}" {
            inside = false;
        } else if inside {
            let (name, rest) = line.trim().split_once(" = ").expect("a declaration");
            let slots = rest.split_once('(').expect("arguments").0.trim();
            let (old, new) = slots.split_once(" / ").unwrap_or((slots, slots));
            found.push((
                plain(name),
                old.parse().expect("a slot"),
                new.parse().expect("a slot"),
            ));
        }
    }
    found
}

fn check(declared: Vec<(String, usize, usize)>, file: &str) {
    let (old, new) = (slots("8.6", file), slots("9.0", file));
    assert!(!declared.is_empty());
    for (name, slot_old, slot_new) in declared {
        assert_eq!(old.get(&name), Some(&slot_old), "{name} in Tcl 8.6");
        assert_eq!(new.get(&name), Some(&slot_new), "{name} in Tcl 9");
    }
}

#[test]
fn slots_of_tcl() {
    let mut all = declared("stubs! { tcl;");
    all.extend(declared("sized! { tcl;"));
    // The macro of functions that return a size has no table name in its first line.
    all.extend(sized_out());
    all.extend([
        (plain("alloc"), 3, 3),
        (plain("set_max_block_time"), 229, 229),
        (plain("get_version"), 279, 279),
    ]);
    check(all, "tclDecls.h");
    assert_eq!(slots("8.6", "tclDecls.h")["getbytearrayfromobj"], 33);
    assert_eq!(slots("9.0", "tclDecls.h")["getbytesfromobj"], 650);
}

fn sized_out() -> Vec<(String, usize, usize)> {
    let text = include_str!("../src/stubs.rs");
    let rows: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("    ") && line.contains(" / ") && line.contains(" = "))
        .filter_map(|line| {
            let (name, rest) = line.trim().split_once(" = ")?;
            let (old, new) = rest.split_once('(')?.0.trim().split_once(" / ")?;
            Some((plain(name), old.parse().ok()?, new.parse().ok()?))
        })
        .collect();
    assert_eq!(rows.len(), 2);
    rows
}

#[test]
fn slots_of_tcloo() {
    let mut all = declared("stubs! { oo;");
    all.extend([
        (plain("new_object_instance"), 13, 13),
        (plain("object_context_skipped_args"), 18, 18),
    ]);
    check(all, "tclOODecls.h");
}

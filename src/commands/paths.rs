//! Files, by their names in Tcl.

use crate::errors::invalid_arg;
use std::ffi::OsString;
use std::path::PathBuf;
use tcl::event::word;
use tcl::interp::Scope;
use tcl::{Interp, Obj, Result};

/// The path of a file for the operating system; none if another file system of Tcl has it.
///
/// # Errors
/// `ErrInvalidArg` for a name that no file of this system can have; those of Tcl for what is no path.
pub fn native(interp: Interp, path: &Obj) -> Result<Option<PathBuf>> {
    if path.is_empty() {
        return Ok(Some(PathBuf::new()));
    }
    let call = |words: &[Obj]| interp.call(words, Scope::Global);
    let normal = call(&[word("::file"), word("normalize"), path.clone()])?;
    let system = call(&[word("::file"), word("system"), normal.clone()])?;
    let kind = system.to_list().and_then(|words| words.into_iter().next());
    if kind.is_none_or(|kind| kind.text() != "native") {
        interp.reset_result();
        return Ok(None);
    }
    let native = call(&[word("::file"), word("nativename"), normal])?;
    let mut convert = vec![word("::encoding"), word("convertto")];
    if cfg!(windows) {
        // Its names are Unicode, whatever the encoding of the system is.
        convert.push(word("utf-8"));
    }
    convert.push(native.clone());
    // Tcl 9 refuses what the encoding cannot write.
    let encoded = match call(&convert) {
        Ok(encoded) => encoded.to_bytes(),
        Err(_) => return Err(no_name(path)),
    };
    interp.reset_result();
    if native.text().contains('\0') {
        return Err(no_name(path));
    }
    Ok(Some(of_bytes(encoded, &native)))
}

/// As Tcl says it.
fn no_name(path: &Obj) -> tcl::Error {
    let path = path.text();
    invalid_arg(format!(
        "couldn't open \"{path}\": filename is invalid on this platform"
    ))
}

#[cfg(unix)]
fn of_bytes(encoded: Option<Vec<u8>>, text: &Obj) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    match encoded {
        Some(bytes) => OsString::from_vec(bytes).into(),
        None => OsString::from(&*text.text()).into(),
    }
}

#[cfg(not(unix))]
fn of_bytes(_: Option<Vec<u8>>, text: &Obj) -> PathBuf {
    OsString::from(&*text.text()).into()
}

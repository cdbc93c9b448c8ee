//! Counted Tcl values.
//!
//! | Rust | Tcl |
//! |---|---|
//! | `&str` | string, in the form of the running version ([`crate::text`]) |
//! | `&[u8]` via [`Obj::bytes`] | byte array |
//! | `i64` | wide integer |
//! | `bool` | `1` or `0` |

use crate::stubs::{self, decr, incr};
use crate::text;
use core::ffi::CStr;
use core::ptr::{self, NonNull};
use std::borrow::Cow;
use std::fmt;
use std::mem::ManuallyDrop;

/// A Tcl value on which one reference is held. Belongs to the thread that made it:
///
/// ```compile_fail,E0277
/// fn send(_: impl Send) {}
/// send(tcl::Obj::empty());
/// ```
///
/// ```compile_fail,E0277
/// fn share(_: impl Sync) {}
/// share(tcl::Obj::empty());
/// ```
#[repr(transparent)]
pub struct Obj(NonNull<stubs::Obj>);

impl Obj {
    /// Takes a reference of its own on a live value.
    ///
    /// # Safety
    /// `raw` is null or a live value of this thread. Null (Tcl never returns it where this is used)
    /// panics, for the guard to catch.
    pub(crate) unsafe fn from_raw(raw: *mut stubs::Obj) -> Obj {
        let raw = NonNull::new(raw).expect("Tcl returned no value");
        // SAFETY: live by contract.
        unsafe { incr(raw.as_ptr()) };
        Obj(raw)
    }

    pub(crate) fn as_ptr(&self) -> *mut stubs::Obj {
        self.0.as_ptr()
    }

    /// Hands over the reference.
    pub(crate) fn into_raw(self) -> *mut stubs::Obj {
        ManuallyDrop::new(self).as_ptr()
    }

    /// A string in Tcl's own encoding.
    pub(crate) fn encoded(string: &CStr) -> Obj {
        let bytes = string.to_bytes();
        // SAFETY: Tcl copies the bytes; the new value is live.
        unsafe { Obj::from_raw(stubs::new_string_obj(bytes.as_ptr(), bytes.len())) }
    }

    /// Whether both are one value in memory. Tcl changes no value on which somebody else has a reference, so as long
    /// as both are kept nothing has changed either.
    pub fn is_same(&self, other: &Obj) -> bool {
        self.0 == other.0
    }

    /// The values Tcl passed to a command, for the time of the call.
    ///
    /// # Safety
    /// `v` points to `n` live values that outlive `'a`.
    pub(crate) unsafe fn slice<'a>(n: usize, v: *const *mut stubs::Obj) -> &'a [Obj] {
        if n == 0 {
            return &[];
        }
        // SAFETY: Obj is transparent over a non-null pointer; borrowing it touches no count.
        unsafe { std::slice::from_raw_parts(v as *const Obj, n) }
    }

    /// A byte array.
    pub fn bytes(bytes: &[u8]) -> Obj {
        // SAFETY: Tcl copies `bytes`; the new value is live.
        unsafe { Obj::from_raw(stubs::new_byte_array_obj(bytes.as_ptr(), bytes.len())) }
    }

    pub fn empty() -> Obj {
        Obj::from("")
    }

    pub fn list(items: impl IntoIterator<Item = Obj>) -> Obj {
        let items: Vec<Obj> = items.into_iter().collect();
        // SAFETY: Tcl takes its own references on the elements before ours go.
        unsafe {
            Obj::from_raw(stubs::new_list_obj(
                items.len(),
                items.as_ptr() as *const *mut stubs::Obj,
            ))
        }
    }

    /// A dict of these pairs, in this order; a later pair replaces an earlier one of the same key.
    pub fn dict<'a>(pairs: impl IntoIterator<Item = (&'a Obj, Obj)>) -> Obj {
        // SAFETY: the new dict is unshared while it is filled, which is all that Tcl asks for.
        unsafe {
            let dict = Obj::from_raw(stubs::new_dict_obj());
            for (key, value) in pairs {
                stubs::dict_obj_put(ptr::null_mut(), dict.as_ptr(), key.as_ptr(), value.as_ptr());
            }
            dict
        }
    }

    /// A dict of these pairs, whose keys differ, in the form of a list. Tcl makes a dict of it when somebody asks for a
    /// key: that costs less than to put a dict together pair by pair, and nothing where nobody asks; and until then it
    /// takes a third of the memory.
    pub fn record<'a>(pairs: impl IntoIterator<Item = (&'a Obj, Obj)>) -> Obj {
        Obj::list(
            pairs
                .into_iter()
                .flat_map(|(key, value)| [key.clone(), value]),
        )
    }

    /// The string form; a lone surrogate reads as U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        text::decode(self.string_bytes())
    }

    /// The string form in Tcl's own encoding.
    fn string_bytes(&self) -> &[u8] {
        let mut n = 0;
        // SAFETY: a value's string form stays in place while a reference is held and nobody modifies
        // it; Tcl modifies only unshared values, and ours counts as one more holder.
        unsafe {
            let p = stubs::get_string_from_obj(self.as_ptr(), &mut n);
            if n == 0 {
                return &[];
            }
            std::slice::from_raw_parts(p, n)
        }
    }

    pub fn is_empty(&self) -> bool {
        self.string_bytes().is_empty()
    }

    /// The bytes of a byte string; `None` if it has a character above U+00FF.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        match self.has_bytes() {
            true => self.part_of_bytes(0, usize::MAX).map(|(part, _)| part),
            false => None,
        }
    }

    /// The same in parts of a size, each copied when it is asked for.
    pub fn to_bytes_in_parts(&self, size: usize) -> Option<BytesInParts<'_>> {
        if !self.has_bytes() {
            return None;
        }
        let (next, length) = self.part_of_bytes(0, size)?;
        Some(BytesInParts {
            value: self,
            length,
            next,
            at: 0,
            size,
        })
    }

    /// Whether Tcl 8.6 can say what its bytes are. It would take the low bytes of other characters.
    fn has_bytes(&self) -> bool {
        // SAFETY: a look at a live value.
        stubs::nine()
            || unsafe { stubs::is_pure_bytes_86(self.as_ptr()) }
            || self.string_bytes().is_ascii()
            || self.string_bytes().iter().all(|&byte| byte <= 0xC3)
    }

    /// Of its bytes so many from there, or what there is; and how many there are in all.
    fn part_of_bytes(&self, at: usize, size: usize) -> Option<(Vec<u8>, usize)> {
        let mut n = 0;
        // SAFETY: the pointer is read before anything else can touch the value.
        unsafe {
            let p = stubs::get_bytes_from_obj(ptr::null_mut(), self.as_ptr(), &mut n);
            if p.is_null() {
                return None;
            }
            if n <= at {
                return Some((Vec::new(), n));
            }
            let bytes = std::slice::from_raw_parts(p, n);
            Some((bytes[at..at.saturating_add(size).min(n)].to_vec(), n))
        }
    }

    /// The integer, in any notation Tcl knows; `None` if it is none or does not fit.
    pub fn to_i64(&self) -> Option<i64> {
        let mut out = 0;
        // SAFETY: no interpreter, so no message is left.
        let code =
            unsafe { stubs::get_wide_int_from_obj(ptr::null_mut(), self.as_ptr(), &mut out) };
        // Tcl 8.6 reads 2^63 to 2^64-1 as negative numbers.
        let wrapped = out < 0 && !self.text().trim_start().starts_with('-');
        (code == stubs::OK && !wrapped).then_some(out)
    }

    /// Any Tcl boolean.
    pub fn to_bool(&self) -> Option<bool> {
        let mut out = 0;
        // SAFETY: no interpreter, so no message is left.
        let code = unsafe { stubs::get_boolean_from_obj(ptr::null_mut(), self.as_ptr(), &mut out) };
        (code == stubs::OK).then_some(out != 0)
    }

    /// The elements; `None` if it is no list.
    pub fn to_list(&self) -> Option<Vec<Obj>> {
        let (mut n, mut v) = (0, ptr::null_mut());
        // SAFETY: the elements are counted one by one before anything else can touch the list.
        unsafe {
            let code = stubs::list_obj_get_elements(ptr::null_mut(), self.as_ptr(), &mut n, &mut v);
            (code == stubs::OK).then(|| (0..n).map(|i| Obj::from_raw(*v.add(i))).collect())
        }
    }

    /// The pairs in order; `None` if it is no dict.
    pub fn to_dict(&self) -> Option<Vec<(Obj, Obj)>> {
        let mut pairs = Vec::new();
        let mut search = stubs::DictSearch::new();
        let (mut key, mut value, mut done) = (ptr::null_mut(), ptr::null_mut(), 0);
        // SAFETY: the dict is not modified during the search, which is ended by `dict_obj_done`.
        unsafe {
            let code = stubs::dict_obj_first(
                ptr::null_mut(),
                self.as_ptr(),
                &mut search,
                &mut key,
                &mut value,
                &mut done,
            );
            if code != stubs::OK {
                return None;
            }
            while done == 0 {
                pairs.push((Obj::from_raw(key), Obj::from_raw(value)));
                stubs::dict_obj_next(&mut search, &mut key, &mut value, &mut done);
            }
            stubs::dict_obj_done(&mut search);
        }
        Some(pairs)
    }
}

/// How many bytes a value may have.
pub fn longest() -> u64 {
    match stubs::nine() {
        true => i64::MAX as u64,
        false => i32::MAX as u64,
    }
}

/// See [`Obj::to_bytes_in_parts`].
pub struct BytesInParts<'a> {
    value: &'a Obj,
    length: usize,
    next: Vec<u8>,
    at: usize,
    size: usize,
}

impl BytesInParts<'_> {
    /// How many bytes there are in all.
    pub fn length(&self) -> usize {
        self.length
    }
}

impl Iterator for BytesInParts<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let part = std::mem::take(&mut self.next);
        if part.is_empty() {
            return None;
        }
        self.at += part.len();
        let next = self.value.part_of_bytes(self.at, self.size);
        self.next = next.map(|(next, _)| next).unwrap_or_default();
        Some(part)
    }
}

/// A byte array under construction, for many bytes: they are copied once.
#[derive(Default)]
pub struct BytesBuilder {
    array: Option<Obj>,
    /// Bytes that are there, and that there is room for.
    used: usize,
    room: usize,
    /// So many are expected.
    expected: usize,
}

impl BytesBuilder {
    /// For so many bytes. There may be more or fewer; memory is taken as they come.
    pub fn expecting(bytes: u64) -> BytesBuilder {
        BytesBuilder {
            expected: usize::try_from(bytes).unwrap_or(usize::MAX),
            ..BytesBuilder::default()
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        let array = self.array.get_or_insert_with(|| Obj::bytes(&[]));
        let used = self.used.checked_add(bytes.len());
        let used = used.expect("value too large");
        if used > self.room {
            let most = match used <= self.expected {
                true => self.expected,
                false => usize::try_from(longest()).unwrap_or(usize::MAX),
            };
            self.room = used.max(self.room.saturating_mul(2).min(most));
        }
        // SAFETY: nobody else has the value, so that its length can be set; there is room for the bytes then.
        unsafe {
            let start = stubs::set_byte_array_length(array.as_ptr(), self.room);
            ptr::copy_nonoverlapping(bytes.as_ptr(), start.add(self.used), bytes.len());
        }
        self.used = used;
    }

    pub fn finish(self) -> Obj {
        let Some(array) = self.array else {
            return Obj::bytes(&[]);
        };
        // SAFETY: as above.
        unsafe { stubs::set_byte_array_length(array.as_ptr(), self.used) };
        array
    }
}

/// A list under construction, for many elements: no step of it takes long.
#[derive(Default)]
pub struct ListBuilder(Option<Obj>);

impl ListBuilder {
    pub fn push(&mut self, item: &Obj) {
        let list = self.0.get_or_insert_with(|| Obj::list([]));
        // SAFETY: nobody else has the list, and to an unshared list an element can be appended.
        unsafe { stubs::list_obj_append_element(ptr::null_mut(), list.as_ptr(), item.as_ptr()) };
    }

    pub fn finish(self) -> Obj {
        self.0.unwrap_or_else(Obj::empty)
    }
}

/// A dict under construction, for many keys: no step of it takes long.
#[derive(Default)]
pub struct DictBuilder(Option<Obj>);

impl DictBuilder {
    /// Adds a key, or gives it another value.
    pub fn put(&mut self, key: &Obj, value: &Obj) {
        let dict = self.0.get_or_insert_with(|| Obj::dict([]));
        // SAFETY: nobody else has the dict, and in an unshared dict a key can be set.
        unsafe {
            stubs::dict_obj_put(ptr::null_mut(), dict.as_ptr(), key.as_ptr(), value.as_ptr())
        };
    }

    pub fn finish(self) -> Obj {
        self.0.unwrap_or_else(Obj::empty)
    }
}

impl Clone for Obj {
    fn clone(&self) -> Obj {
        // SAFETY: live, since we hold a reference.
        unsafe { Obj::from_raw(self.as_ptr()) }
    }
}

impl Drop for Obj {
    fn drop(&mut self) {
        // SAFETY: gives back the reference taken in `from_raw`.
        unsafe { decr(self.as_ptr()) }
    }
}

impl fmt::Debug for Obj {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

impl From<&str> for Obj {
    fn from(value: &str) -> Obj {
        let bytes = text::encode(value, stubs::nine());
        // SAFETY: Tcl copies the bytes; the new value is live.
        unsafe { Obj::from_raw(stubs::new_string_obj(bytes.as_ptr(), bytes.len())) }
    }
}

impl From<i64> for Obj {
    fn from(value: i64) -> Obj {
        // SAFETY: the new value is live.
        unsafe { Obj::from_raw(stubs::new_wide_int_obj(value)) }
    }
}

impl From<u64> for Obj {
    /// Above the signed range as decimal text, which Tcl reads as a big integer.
    fn from(value: u64) -> Obj {
        match i64::try_from(value) {
            Ok(value) => Obj::from(value),
            Err(_) => Obj::from(value.to_string().as_str()),
        }
    }
}

impl From<bool> for Obj {
    fn from(value: bool) -> Obj {
        Obj::from(i64::from(value))
    }
}

impl Obj {
    /// An empty value of its own, for functions of Tcl that append to it.
    pub(crate) fn empty_unshared() -> Obj {
        // SAFETY: the new value is live.
        unsafe { Obj::from_raw(stubs::new_string_obj(c"".as_ptr().cast(), 0)) }
    }
}

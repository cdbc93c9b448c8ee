//! The stub tables of Tcl and TclOO, and the functions of theirs that this crate uses.
//!
//! Mirrors the C headers and nothing else: names are the C names in snake case, slots are those of
//! `tclDecls.h` and `tclOODecls.h`. One library serves Tcl 8.6 and 9: a function whose slot or
//! signature differs between them is declared twice and dispatched on the running major version.
//! A wrong slot is silent, so `tests/stub_slots.rs` checks each one against the headers.

use core::ffi::{c_char, c_int, c_long, c_longlong, c_uint, c_void};
use core::mem::transmute;
use core::ptr;
use core::sync::atomic::{AtomicI32, AtomicPtr, Ordering::Relaxed};

macro_rules! opaque { ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
    $(#[$doc])* #[repr(C)] pub struct $name { _private: [u8; 0] }
)*}}
opaque! {
    /// `Tcl_Interp`.
    Interp,
    /// `Tcl_Obj`. Its layout differs between versions: fields are never touched (but see [`is_pure_bytes_86`]).
    Obj,
    /// What a `Tcl_Channel` points to.
    Channel,
    /// What a `Tcl_Command` token points to.
    Command,
    /// What a `Tcl_Object` points to.
    OoObject,
    /// What a `Tcl_Class` points to.
    OoClass,
    /// What a `Tcl_Method` points to.
    OoMethod,
    /// What a `Tcl_ObjectContext` points to.
    OoContext,
}
pub type ThreadId = *mut c_void;
pub type ClientData = *mut c_void;

pub type VarTraceProc = unsafe extern "C" fn(
    ClientData,
    *mut Interp,
    *const c_char,
    *const c_char,
    c_int,
) -> *mut c_char;
pub type ObjCmdProc =
    unsafe extern "C" fn(ClientData, *mut Interp, c_int, *const *mut Obj) -> c_int;
pub type CmdDeleteProc = unsafe extern "C" fn(ClientData);
pub type NrPostProc = unsafe extern "C" fn(*mut ClientData, *mut Interp, c_int) -> c_int;
pub type EventProc = unsafe extern "C" fn(*mut Event, c_int) -> c_int;
pub type EventSourceProc = unsafe extern "C" fn(ClientData, c_int);
pub type ChannelProc = unsafe extern "C" fn(ClientData, c_int);
pub type CloseProc = unsafe extern "C" fn(ClientData);
pub type ExitProc = unsafe extern "C" fn(ClientData);
pub type MethodCallProc =
    unsafe extern "C" fn(ClientData, *mut Interp, *mut OoContext, c_int, *const *mut Obj) -> c_int;
pub type MethodDeleteProc = unsafe extern "C" fn(ClientData);
pub type CloneProc = unsafe extern "C" fn(*mut Interp, ClientData, *mut ClientData) -> c_int;

#[repr(C)]
pub struct Event {
    pub proc_: Option<EventProc>,
    pub next: *mut Event,
}
#[repr(C)]
pub struct MethodType {
    pub version: c_int,
    pub name: *const c_char,
    pub call: MethodCallProc,
    pub delete: Option<MethodDeleteProc>,
    pub clone: Option<CloneProc>,
}
// SAFETY: immutable, and what it points to is static.
unsafe impl Sync for MethodType {}
#[repr(C)]
pub struct MetadataType {
    pub version: c_int,
    pub name: *const c_char,
    pub delete: MethodDeleteProc,
    pub clone: Option<CloneProc>,
}
// SAFETY: immutable, and what it points to is static.
unsafe impl Sync for MetadataType {}
/// Opaque and larger than the struct of either version (24 bytes in both on LP64).
#[repr(C, align(8))]
pub struct DictSearch {
    _private: [u64; 8],
}
impl DictSearch {
    pub fn new() -> Self {
        DictSearch { _private: [0; 8] }
    }
}
/// `Tcl_Namespace`, as far as it is public and the same in both versions.
#[repr(C)]
pub struct Namespace {
    pub name: *const c_char,
    pub full_name: *const c_char,
}
#[repr(C)]
struct Time86 {
    sec: c_long,
    usec: c_long,
}
#[repr(C)]
struct Time90 {
    sec: c_longlong,
    usec: c_long,
}

pub const OK: c_int = 0;
pub const ERROR: c_int = 1;
pub const RETURN: c_int = 2;
pub const BREAK: c_int = 3;
pub const CONTINUE: c_int = 4;
pub const GLOBAL_ONLY: c_int = 1;
pub const LEAVE_ERR_MSG: c_int = 0x200;
pub const TRACE_WRITES: c_int = 0x20;
pub const TRACE_UNSETS: c_int = 0x40;
/// What a trace returns is a value, and a reference on it.
pub const TRACE_RESULT_OBJECT: c_int = 0x10000;
pub const EVAL_GLOBAL: c_int = 0x20000;
pub const DONT_WAIT: c_int = 2;
pub const FILE_EVENTS: c_int = 8;
pub const IDLE_EVENTS: c_int = 32;
pub const READABLE: c_int = 2;
pub const WRITABLE: c_int = 4;
pub const ALL_EVENTS: c_int = !DONT_WAIT;
pub const QUEUE_TAIL: c_int = 0;
pub const SERVICE_ALL: c_int = 1;

/// The head of a stub table; the slots follow it.
#[repr(C)]
struct Table {
    magic: c_int,
    hooks: *const c_void,
}
/// The public head of `Interp`, which `Tcl_InitStubs` reads too.
#[repr(C)]
struct InterpHead {
    result: *const c_char,
    free: *const c_void,
    error_line: c_int,
    stubs: *const Table,
}

static TCL: AtomicPtr<*const c_void> = AtomicPtr::new(ptr::null_mut());
static OO: AtomicPtr<*const c_void> = AtomicPtr::new(ptr::null_mut());
static MAJOR: AtomicI32 = AtomicI32::new(0);

#[inline(always)]
unsafe fn tcl(slot: usize) -> *const c_void {
    // SAFETY: `init` stored a table with at least the slots declared here.
    unsafe { *TCL.load(Relaxed).add(slot) }
}
#[inline(always)]
unsafe fn oo(slot: usize) -> *const c_void {
    // SAFETY: as above, for TclOO's table.
    unsafe { *OO.load(Relaxed).add(slot) }
}
/// Whether the running Tcl is 9 or later.
#[inline(always)]
pub fn nine() -> bool {
    MAJOR.load(Relaxed) >= 9
}

/// Why the library cannot be used in this interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitError {
    /// The interpreter carries no stub table.
    NoStubs,
    /// Neither 8.6 or a later 8, nor 9.
    Version(i32, i32),
    /// Package TclOO offers no table.
    NoTclOo,
}

/// What `Tcl_InitStubs` and `Tcl_OOInitStubs` do.
///
/// # Safety
/// `interp` is a live interpreter of the calling thread.
pub unsafe fn init(interp: *mut Interp) -> Result<(), InitError> {
    const MAGIC_8: u32 = 0xFCA3_BACF;
    const MAGIC_9: u32 = 0xFCA3_BACBu32.wrapping_add(size_of::<*const ()>() as u32);
    // SAFETY: the head of Tcl_Interp is public and the same in all versions with stubs.
    unsafe {
        let table = (*(interp as *const InterpHead)).stubs;
        if table.is_null() || ![MAGIC_8, MAGIC_9].contains(&((*table).magic as u32)) {
            return Err(InitError::NoStubs);
        }
        let slots = table.add(1) as *mut *const c_void;
        let get_version: unsafe extern "C" fn(*mut c_int, *mut c_int, *mut c_int, *mut c_int) =
            transmute(*slots.add(279));
        let (mut major, mut minor) = (0, 0);
        get_version(&mut major, &mut minor, ptr::null_mut(), ptr::null_mut());
        if !((major == 8 && minor >= 6) || major == 9) {
            return Err(InitError::Version(major, minor));
        }
        TCL.store(slots, Relaxed);
        MAJOR.store(major, Relaxed);
        let mut oo_table: *const Table = ptr::null();
        let found = pkg_require_ex(
            interp,
            c"TclOO".as_ptr(),
            c"1.0".as_ptr(),
            0,
            &mut oo_table as *mut *const Table as *mut c_void,
        );
        if found.is_null() || oo_table.is_null() {
            return Err(InitError::NoTclOo);
        }
        OO.store(oo_table.add(1) as *mut *const c_void, Relaxed);
        Ok(())
    }
}

macro_rules! stubs { ($table:ident; $($name:ident = $slot:literal ($($arg:ident: $t:ty),*) $(-> $r:ty)?;)*) => {$(
    #[inline(always)]
    pub unsafe fn $name($($arg: $t),*) $(-> $r)? {
        // SAFETY: the slot holds a function of this type in both versions.
        unsafe { let f: unsafe extern "C" fn($($t),*) $(-> $r)? = transmute($table($slot)); f($($arg),*) }
    }
)*}}

// The same slot and the same signature in 8.6 and 9.
stubs! { tcl;
    pkg_provide_ex = 0 (i: *mut Interp, name: *const c_char, version: *const c_char, data: *const c_void) -> c_int;
    pkg_require_ex = 1 (i: *mut Interp, name: *const c_char, version: *const c_char, exact: c_int, data: *mut c_void) -> *const c_char;
    db_decr_ref_count = 19 (o: *mut Obj, file: *const c_char, line: c_int);
    db_incr_ref_count = 20 (o: *mut Obj, file: *const c_char, line: c_int);
    get_boolean_from_obj = 32 (i: *mut Interp, o: *mut Obj, out: *mut c_int) -> c_int;
    get_obj_type = 40 (name: *const c_char) -> *const c_void;
    list_obj_append_element = 44 (i: *mut Interp, list: *mut Obj, item: *mut Obj) -> c_int;
    allow_exceptions = 68 (i: *mut Interp);
    create_channel_handler = 89 (c: *mut Channel, mask: c_int, p: ChannelProc, data: ClientData);
    create_close_handler = 90 (c: *mut Channel, p: CloseProc, data: ClientData);
    create_event_source = 92 (setup: EventSourceProc, check: EventSourceProc, data: ClientData);
    create_exit_handler = 93 (p: ExitProc, data: ClientData);
    delete_channel_handler = 101 (c: *mut Channel, p: ChannelProc, data: ClientData);
    delete_close_handler = 102 (c: *mut Channel, p: CloseProc, data: ClientData);
    delete_command_from_token = 104 (i: *mut Interp, c: *mut Command) -> c_int;
    delete_event_source = 106 (setup: EventSourceProc, check: EventSourceProc, data: ClientData);
    do_one_event = 115 (flags: c_int) -> c_int;
    errno_id = 127 () -> *const c_char;
    errno_msg = 128 (number: c_int) -> *const c_char;
    get_channel = 151 (i: *mut Interp, name: *const c_char, mode: *mut c_int) -> *mut Channel;
    get_obj_result = 166 (i: *mut Interp) -> *mut Obj;
    interp_deleted = 184 (i: *mut Interp) -> c_int;
    is_safe = 185 (i: *mut Interp) -> c_int;
    obj_get_var2 = 195 (i: *mut Interp, name: *mut Obj, element: *mut Obj, flags: c_int) -> *mut Obj;
    obj_set_var2 = 196 (i: *mut Interp, name: *mut Obj, element: *mut Obj, value: *mut Obj, flags: c_int) -> *mut Obj;
    preserve = 201 (p: *mut c_void);
    queue_event = 205 (e: *mut Event, position: c_int);
    register_channel = 210 (i: *mut Interp, c: *mut Channel);
    release = 216 (p: *mut c_void);
    reset_result = 217 (i: *mut Interp);
    set_obj_error_code = 234 (i: *mut Interp, o: *mut Obj);
    set_obj_result = 235 (i: *mut Interp, o: *mut Obj);
    service_all = 221 () -> c_int;
    set_errno = 227 (number: c_int);
    set_service_mode = 233 (mode: c_int) -> c_int;
    trace_var2 = 248 (i: *mut Interp, name: *const c_char, element: *const c_char, flags: c_int, p: VarTraceProc, data: ClientData) -> c_int;
    unregister_channel = 252 (i: *mut Interp, c: *mut Channel) -> c_int;
    unset_var2 = 254 (i: *mut Interp, name: *const c_char, element: *const c_char, flags: c_int) -> c_int;
    untrace_var2 = 256 (i: *mut Interp, name: *const c_char, element: *const c_char, flags: c_int, p: VarTraceProc, data: ClientData);
    create_thread_exit_handler = 288 (p: ExitProc, data: ClientData);
    eval_obj_ex = 293 (i: *mut Interp, o: *mut Obj, flags: c_int) -> c_int;
    get_current_thread = 300 () -> ThreadId;
    thread_alert = 318 (t: ThreadId);
    is_channel_registered = 414 (i: *mut Interp, c: *mut Channel) -> c_int;
    get_wide_int_from_obj = 487 (i: *mut Interp, o: *mut Obj, out: *mut c_longlong) -> c_int;
    new_wide_int_obj = 488 (v: c_longlong) -> *mut Obj;
    dict_obj_put = 494 (i: *mut Interp, dict: *mut Obj, key: *mut Obj, value: *mut Obj) -> c_int;
    dict_obj_first = 498 (i: *mut Interp, dict: *mut Obj, s: *mut DictSearch, key: *mut *mut Obj, value: *mut *mut Obj, done: *mut c_int) -> c_int;
    dict_obj_next = 499 (s: *mut DictSearch, key: *mut *mut Obj, value: *mut *mut Obj, done: *mut c_int);
    dict_obj_done = 500 (s: *mut DictSearch);
    new_dict_obj = 503 () -> *mut Obj;
    get_command_from_obj = 516 (i: *mut Interp, o: *mut Obj) -> *mut Command;
    get_command_full_name = 517 (i: *mut Interp, c: *mut Command, o: *mut Obj);
    limit_exceeded = 524 (i: *mut Interp) -> c_int;
    save_interp_state = 535 (i: *mut Interp, status: c_int) -> *mut c_void;
    restore_interp_state = 536 (i: *mut Interp, state: *mut c_void) -> c_int;
    get_return_options = 539 (i: *mut Interp, code: c_int) -> *mut Obj;
    append_obj_to_error_info = 574 (i: *mut Interp, o: *mut Obj);
    canceled = 581 (i: *mut Interp, flags: c_int) -> c_int;
    nr_create_command = 583 (i: *mut Interp, name: *const c_char, p: ObjCmdProc, nr: ObjCmdProc, data: ClientData, delete: Option<CmdDeleteProc>) -> *mut Command;
    nr_eval_obj = 584 (i: *mut Interp, o: *mut Obj, flags: c_int) -> c_int;
    nr_add_callback = 587 (i: *mut Interp, p: NrPostProc, a: ClientData, b: ClientData, c: ClientData, d: ClientData);
    background_exception = 609 (i: *mut Interp, code: c_int);
}
stubs! { oo;
    get_object_as_class = 2 (o: *mut OoObject) -> *mut OoClass;
    get_object_command = 3 (o: *mut OoObject) -> *mut Command;
    get_object_from_obj = 4 (i: *mut Interp, o: *mut Obj) -> *mut OoObject;
    get_object_namespace = 5 (o: *mut OoObject) -> *const Namespace;
    new_method = 12 (i: *mut Interp, c: *mut OoClass, name: *mut Obj, public: c_int, t: *const MethodType, data: ClientData) -> *mut OoMethod;
    object_deleted = 14 (o: *mut OoObject) -> c_int;
    object_context_object = 17 (c: *mut OoContext) -> *mut OoObject;
    object_get_metadata = 21 (o: *mut OoObject, t: *const MetadataType) -> ClientData;
    object_set_metadata = 22 (o: *mut OoObject, t: *const MetadataType, data: ClientData);
    class_set_constructor = 26 (i: *mut Interp, c: *mut OoClass, m: *mut OoMethod);
    class_set_destructor = 27 (i: *mut Interp, c: *mut OoClass, m: *mut OoMethod);
    get_object_name = 28 (i: *mut Interp, o: *mut OoObject) -> *mut Obj;
}

/// A size passed by value is `int` in 8.6 and `ptrdiff_t` in 9; the slot is the same.
macro_rules! sized { ($table:ident; $($name:ident = $slot:literal ($($a:ident: $t:ty),*; $n:ident; $($b:ident: $u:ty),*) $(-> $r:ty)?;)*) => {$(
    #[inline]
    pub unsafe fn $name($($a: $t,)* $n: usize, $($b: $u),*) $(-> $r)? {
        // SAFETY: the slot holds a function of the one type or the other, by version.
        unsafe {
            if nine() {
                let f: unsafe extern "C" fn($($t,)* isize, $($u),*) $(-> $r)? = transmute($table($slot));
                f($($a,)* $n as isize, $($b),*)
            } else {
                let f: unsafe extern "C" fn($($t,)* c_int, $($u),*) $(-> $r)? = transmute($table($slot));
                f($($a,)* int($n), $($b),*)
            }
        }
    }
)*}}
/// A panic here is caught by the guard and becomes a Tcl error.
#[inline]
fn int(n: usize) -> c_int {
    c_int::try_from(n).expect("value too large for Tcl 8.6 (2 GiB)")
}
sized! { tcl;
    new_byte_array_obj = 50 (p: *const u8; n; ) -> *mut Obj;
    set_byte_array_length = 58 (o: *mut Obj; n; ) -> *mut u8;
    new_list_obj = 53 (; n; v: *const *mut Obj) -> *mut Obj;
    new_string_obj = 56 (p: *const u8; n; ) -> *mut Obj;
    wrong_num_args = 264 (i: *mut Interp; n; v: *const *mut Obj, message: *const c_char);
    nr_call_obj_proc = 588 (i: *mut Interp, p: ObjCmdProc, data: ClientData; n; v: *const *mut Obj) -> c_int;
    eval_objv = 292 (i: *mut Interp; n; v: *const *mut Obj, flags: c_int) -> c_int;
}

/// A size returned through a pointer is `int` in 8.6 and `ptrdiff_t` in 9, in another slot.
macro_rules! sized_out { ($($name:ident = $old:literal / $new:literal ($($a:ident: $t:ty),*; $($b:ident: $u:ty),*) -> $r:ty;)*) => {$(
    #[inline]
    pub unsafe fn $name($($a: $t,)* n: &mut usize, $($b: $u),*) -> $r {
        // SAFETY: each slot holds a function of its type in its version.
        unsafe {
            if nine() {
                let mut size: isize = 0;
                let f: unsafe extern "C" fn($($t,)* *mut isize, $($u),*) -> $r = transmute(tcl($new));
                let r = f($($a,)* &mut size, $($b),*);
                *n = size as usize;
                r
            } else {
                let mut size: c_int = 0;
                let f: unsafe extern "C" fn($($t,)* *mut c_int, $($u),*) -> $r = transmute(tcl($old));
                let r = f($($a,)* &mut size, $($b),*);
                *n = size as usize;
                r
            }
        }
    }
)*}}
sized_out! {
    get_string_from_obj = 41 / 651 (o: *mut Obj;) -> *const u8;
    list_obj_get_elements = 45 / 661 (i: *mut Interp, o: *mut Obj; v: *mut *mut *mut Obj) -> c_int;
}

/// `Tcl_GetBytesFromObj`: null if the value has a character above U+00FF. 8.6 has only
/// `Tcl_GetByteArrayFromObj`, which truncates such characters: the caller checks first.
pub unsafe fn get_bytes_from_obj(i: *mut Interp, o: *mut Obj, n: &mut usize) -> *const u8 {
    // SAFETY: each slot holds a function of its type in its version.
    unsafe {
        if nine() {
            let mut size: isize = 0;
            let f: unsafe extern "C" fn(*mut Interp, *mut Obj, *mut isize) -> *const u8 =
                transmute(tcl(650));
            let p = f(i, o, &mut size);
            *n = size as usize;
            p
        } else {
            let mut size: c_int = 0;
            let f: unsafe extern "C" fn(*mut Obj, *mut c_int) -> *const u8 = transmute(tcl(33));
            let p = f(o, &mut size);
            *n = size as usize;
            p
        }
    }
}

/// Whether a value of 8.6 is a byte array without a string form, so that asking it for its string
/// would build one of up to twice the size. The layout of `Tcl_Obj` in 8.6 is frozen: the macros of
/// its header compile these offsets into every extension.
pub unsafe fn is_pure_bytes_86(o: *mut Obj) -> bool {
    #[repr(C)]
    struct Obj86 {
        ref_count: c_int,
        bytes: *const c_char,
        length: c_int,
        type_: *const c_void,
    }
    // SAFETY: called on 8.6 only, with a live value.
    unsafe {
        let o = o as *const Obj86;
        (*o).bytes.is_null() && (*o).type_ == get_obj_type(c"bytearray".as_ptr())
    }
}

pub unsafe fn alloc(n: usize) -> *mut c_void {
    // SAFETY: Tcl_Alloc takes unsigned int in 8.6 and size_t in 9.
    unsafe {
        if nine() {
            let f: unsafe extern "C" fn(usize) -> *mut c_void = transmute(tcl(3));
            f(n)
        } else {
            let f: unsafe extern "C" fn(c_uint) -> *mut c_void = transmute(tcl(3));
            f(n as c_uint)
        }
    }
}

/// `Tcl_SetMaxBlockTime` with a time of zero.
pub unsafe fn dont_block() {
    // SAFETY: Tcl_Time counts seconds in a long in 8.6 and in a long long in 9.
    unsafe {
        if nine() {
            let f: unsafe extern "C" fn(*const Time90) = transmute(tcl(229));
            f(&Time90 { sec: 0, usec: 0 })
        } else {
            let f: unsafe extern "C" fn(*const Time86) = transmute(tcl(229));
            f(&Time86 { sec: 0, usec: 0 })
        }
    }
}

pub unsafe fn object_context_skipped_args(c: *mut OoContext) -> usize {
    // SAFETY: returns int in 8.6 and ptrdiff_t in 9.
    unsafe {
        if nine() {
            let f: unsafe extern "C" fn(*mut OoContext) -> isize = transmute(oo(18));
            f(c) as usize
        } else {
            let f: unsafe extern "C" fn(*mut OoContext) -> c_int = transmute(oo(18));
            f(c) as usize
        }
    }
}

/// `Tcl_NewObjectInstance` with a generated name and without running a constructor (`objc` -1).
pub unsafe fn new_object_unconstructed(i: *mut Interp, class: *mut OoClass) -> *mut OoObject {
    type New<Size> = unsafe extern "C" fn(
        *mut Interp,
        *mut OoClass,
        *const c_char,
        *const c_char,
        Size,
        *const *mut Obj,
        Size,
    ) -> *mut OoObject;
    let null = ptr::null();
    // SAFETY: sizes are int in 8.6 and ptrdiff_t in 9.
    unsafe {
        if nine() {
            let f: New<isize> = transmute(oo(13));
            f(i, class, null, null, -1, ptr::null(), 0)
        } else {
            let f: New<c_int> = transmute(oo(13));
            f(i, class, null, null, -1, ptr::null(), 0)
        }
    }
}

#[inline(always)]
pub unsafe fn incr(o: *mut Obj) {
    // SAFETY: `o` is a live value of this thread.
    unsafe { db_incr_ref_count(o, c"".as_ptr(), 0) }
}
#[inline(always)]
pub unsafe fn decr(o: *mut Obj) {
    // SAFETY: `o` is a live value of this thread on which the caller holds a count.
    unsafe { db_decr_ref_count(o, c"".as_ptr(), 0) }
}

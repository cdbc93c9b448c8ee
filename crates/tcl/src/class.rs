//! TclOO classes as tables of functions over a counted Rust state.
//!
//! A class made here is genuine: it can be derived from, its objects have namespaces, `oo::objdefine`
//! and `info class instances` work. The state of an object is its metadata (`instance`). `$object destroy`
//! runs [`Class::destroyed`]; `interp delete` runs no destructor, but both release the state
//! ([`Class::released`]), even of an object that is still being made. A method works on a counted clone of
//! the state, since `destroy` during a suspended method releases it at once.

use crate::error::Result;
use crate::evaluation::Evaluation;
use crate::interp::Interp;
use crate::object::Object;
use crate::stubs;
use crate::value::Obj;
use crate::wait::{Failing, Wait};
use core::ffi::c_int;
use std::ops::RangeInclusive;
use std::rc::Rc;

/// What a method or a command leaves behind.
pub enum Outcome {
    /// Its result.
    Value(Obj),
    /// The result comes later: the command is suspended ([`crate::wait`]).
    Wait(Wait),
    /// A script's command runs in its place, and makes the result.
    Evaluation(Evaluation),
}

impl Outcome {
    /// An empty result.
    pub fn empty() -> Result<Outcome> {
        Ok(Outcome::Value(Obj::empty()))
    }

    pub fn value(value: impl Into<Obj>) -> Result<Outcome> {
        Ok(Outcome::Value(value.into()))
    }

    /// Leaves it in the interpreter; returns the completion code for Tcl. `failing` is for a wait that fails.
    pub(crate) fn leave(self, interp: Interp, failing: impl FnOnce() -> Failing) -> c_int {
        match self {
            Outcome::Value(value) => {
                interp.set_result(&value);
                stubs::OK
            }
            Outcome::Wait(wait) => wait.enter(interp, failing()),
            Outcome::Evaluation(evaluation) => evaluation.enter(interp),
        }
    }
}

/// A call of a method.
pub struct Call<'a, T> {
    pub interp: Interp<'a>,
    /// The state of the object it is called on.
    pub this: Rc<T>,
    /// The object itself.
    pub object: Object,
    /// The arguments behind the method's name.
    pub args: &'a [Obj],
}

/// A row of a class's table. As TclOO has it, a method is public if its name begins with a lower-case letter; others
/// are for the class's own script, by `my`.
pub struct Method<T: 'static> {
    pub name: &'static str,
    /// The arguments, as "wrong # args" shows them.
    pub usage: &'static str,
    /// How many arguments there may be.
    pub args: RangeInclusive<usize>,
    /// Arguments beyond the first ones come in pairs: an option and its value.
    pub pairs: bool,
    /// The options that `usage` leaves out.
    pub options: Options,
    pub call: fn(&Call<T>) -> Result<Outcome>,
}

/// Tells options, each by its name without dash and a word for its value. Nothing here depends on it: it is for those
/// who ask what there is ([`usages`]).
pub type Options = fn() -> Vec<(&'static str, String)>;

/// No options.
pub fn none() -> Vec<(&'static str, String)> {
    Vec::new()
}

/// How a method is called.
pub struct Usage {
    pub name: &'static str,
    pub usage: &'static str,
    pub options: Options,
}

/// How the public methods of a class are called, those of its script included.
pub fn usages<T: Class>() -> impl Iterator<Item = Usage> {
    let native = T::METHODS.iter().filter(|row| row.is_public());
    let native = native.map(|row| (row.name, row.usage, row.options));
    let scripted = T::SCRIPTED
        .iter()
        .map(|row| (row.name, row.usage, row.options));
    native.chain(scripted).map(|(name, usage, options)| Usage {
        name,
        usage,
        options,
    })
}

impl<T> Method<T> {
    pub const fn new(
        name: &'static str,
        usage: &'static str,
        args: RangeInclusive<usize>,
        call: fn(&Call<T>) -> Result<Outcome>,
    ) -> Self {
        Method {
            name,
            usage,
            args,
            pairs: false,
            options: none,
            call,
        }
    }

    /// A method of so many arguments, and any number of pairs of an option and its value.
    pub const fn with_options(
        name: &'static str,
        usage: &'static str,
        args: usize,
        call: fn(&Call<T>) -> Result<Outcome>,
    ) -> Self {
        Method {
            name,
            usage,
            args: args..=usize::MAX,
            pairs: true,
            options: none,
            call,
        }
    }

    /// The same method, which tells its options.
    pub const fn options(self, options: Options) -> Self {
        Method { options, ..self }
    }

    /// Whether it may be called with these arguments, as far as their number goes. A last option without its value
    /// is for the method to tell, which knows its options; any other word is one too many.
    pub(crate) fn takes(&self, args: &[Obj]) -> bool {
        if !self.args.contains(&args.len()) {
            return false;
        }
        let is_odd = (args.len() - self.args.start()) % 2 == 1;
        let is_option = |word: &Obj| word.text().starts_with('-');
        !(self.pairs && is_odd) || args.last().is_some_and(is_option)
    }

    pub(crate) fn is_public(&self) -> bool {
        self.name.starts_with(|c: char| c.is_ascii_lowercase())
    }
}

/// The arguments of a constructor.
pub struct Construct<'a> {
    pub interp: Interp<'a>,
    pub object: Object,
    pub args: &'a [Obj],
}

/// A class and the state of its objects.
pub trait Class: Sized + 'static {
    /// The fully qualified name.
    const NAME: &'static str;
    const METHODS: &'static [Method<Self>];
    /// Methods that a script adds.
    const SCRIPTED: &'static [Usage] = &[];
    /// What `new` takes, of a class whose objects scripts make.
    const CONSTRUCTOR: Option<Usage> = None;

    /// What `new` and `create` do: makes the state. No script may run, which could get hold of an object
    /// without a state.
    fn construct(call: &Construct) -> Result<Self>;

    /// The object has its state: what a script sees of it is written. Script may run, and the object is
    /// destroyed if this fails.
    fn constructed(&self, _interp: Interp) -> Result<()> {
        Ok(())
    }

    /// The destructor: `$object destroy` was called, or the object's making has failed. Script may run.
    fn destroyed(&self, _interp: Interp) {}

    /// A method fails, at once or after a wait. The script may be shown before what has led to that.
    fn failing(&self, _interp: Interp) {}

    /// The object is gone, by whatever way; nothing of Tcl may be called.
    fn released(&self) {}
}

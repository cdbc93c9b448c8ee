//! What objects of the API may have: tables that option lists are read by.

/// What an object of the API may have.
pub struct Schema {
    /// What it is called in messages.
    pub name: &'static str,
    /// In the order in which they are sent.
    pub fields: &'static [(&'static str, Kind)],
}

/// What an option accepts and what it becomes.
#[derive(Clone, Copy)]
pub enum Kind {
    ValidStr,
    Int,
    /// An integer of 0 or more.
    PosInt,
    Bool,
    /// One of some words, and the one that is sent if none is given.
    Enum(&'static [&'static str], Option<&'static str>),
    /// Texts.
    List,
    /// Milliseconds, sent as nanoseconds.
    Ns,
    /// The same, at most so many milliseconds: a number of nanoseconds, which is what such an option of the API
    /// has, is far beyond.
    Wait(i64),
    /// A list of such.
    Waits(i64),
    Metadata,
    Object(&'static Schema),
    Objects(&'static Schema),
    /// Replies have it; it is accepted, so that they can be handed back, and not sent.
    InReplies,
}

impl Schema {
    pub fn field(&self, name: &str) -> Option<&'static (&'static str, Kind)> {
        self.fields.iter().find(|(field, _)| *field == name)
    }

    /// As options: their names, and words for their values.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        let fields = self.fields.iter();
        let told = fields.filter(|(_, kind)| !matches!(kind, Kind::InReplies));
        told.map(|(name, kind)| (*name, kind.value())).collect()
    }
}

impl Kind {
    /// What stands for a value in the usage of a method.
    fn value(self) -> String {
        let word = match self {
            Kind::Enum(words, _) => return words.join("|"),
            Kind::ValidStr | Kind::InReplies => "text",
            Kind::Int | Kind::PosInt => "int",
            Kind::Bool => "bool",
            Kind::List | Kind::Waits(_) => "list",
            Kind::Ns | Kind::Wait(_) => "ms",
            Kind::Metadata | Kind::Object(_) => "dict",
            Kind::Objects(_) => "dicts",
        };
        word.to_owned()
    }

    /// The type's name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ValidStr | Kind::Enum(..) | Kind::InReplies => "valid_str",
            Kind::Int => "int",
            Kind::PosInt => "pos_int",
            Kind::Bool => "bool",
            Kind::List | Kind::Waits(_) => "list",
            Kind::Ns | Kind::Wait(_) => "ns",
            Kind::Metadata => "metadata",
            Kind::Object(_) => "json",
            Kind::Objects(_) => "json_list",
        }
    }
}

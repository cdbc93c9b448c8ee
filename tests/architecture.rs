//! Holds the drawing of doc/architecture.md: which room may know which other one, and that no circle of files
//! exists in any of them.
//!
//! What a file knows is what its paths lead to, through re-exports to the file that defines it. That a module's own
//! file names its children (`mod`, `pub use`) is no knowledge. Tests beside the code are not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Item, UseTree};

/// The rooms, each with those that it may know. Whoever is not named knows nothing but itself.
const ROOMS: [(&str, &[&str]); 5] = [
    ("commands", &["client", "errors", "runtime"]),
    ("runtime", &["client", "errors"]),
    ("errors", &["client"]),
    ("client", &[]),
    ("lib", &["commands"]),
];

/// The crates that a room must not name.
const FOREIGN: [(&str, &str); 1] = [("client", "tcl")];

type ModulePath = Vec<String>;

/// A crate's modules.
struct Crate {
    modules: BTreeMap<ModulePath, Module>,
}

#[derive(Default)]
struct Module {
    file: PathBuf,
    /// Names defined here, child modules included.
    defined: BTreeSet<String>,
    children: BTreeSet<String>,
    /// Re-exported names and what they stand for.
    reexported: BTreeMap<String, ModulePath>,
    /// Modules of which everything is re-exported.
    globs: Vec<ModulePath>,
    /// Every path that is named here.
    named: Vec<ModulePath>,
}

impl Crate {
    fn read(root: &Path) -> Crate {
        let mut found = Crate {
            modules: BTreeMap::new(),
        };
        found.read_module(&root.join("lib.rs"), root, Vec::new());
        found
    }

    fn read_module(&mut self, file: &Path, children: &Path, path: ModulePath) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        let items = || syntax.items.iter().filter(|item| !is_test(item));
        items().for_each(|item| module.define(item));
        for item in items() {
            module.take(item, &path);
            if let Item::Mod(inner) = item {
                let name = inner.ident.to_string();
                let (file, below) = [
                    children.join(format!("{name}.rs")),
                    children.join(&name).join("mod.rs"),
                ]
                .into_iter()
                .find(|file| file.exists())
                .map(|file| (file, children.join(&name)))
                .unwrap_or_else(|| panic!("no file of module {name} of {file:?}"));
                let mut path = path.clone();
                path.push(name);
                self.read_module(&file, &below, path);
            }
        }
        self.modules.insert(path, module);
    }

    /// The module whose file defines what a path of this crate leads to.
    fn defining(&self, path: &[String]) -> Option<&ModulePath> {
        self.follow(path, 0)
    }

    fn follow(&self, path: &[String], depth: usize) -> Option<&ModulePath> {
        if depth > 16 {
            return None;
        }
        let mut at: ModulePath = Vec::new();
        for (index, name) in path.iter().enumerate() {
            let module = self.modules.get(&at)?;
            let mut deeper = at.clone();
            deeper.push(name.clone());
            if self.modules.contains_key(&deeper) {
                at = deeper;
                continue;
            }
            let rest = &path[index + 1..];
            if let Some(target) = module.reexported.get(name) {
                let target: ModulePath = target.iter().chain(rest).cloned().collect();
                return self.follow(&target, depth + 1);
            }
            if !module.defined.contains(name) {
                for glob in &module.globs {
                    let target: ModulePath = glob.iter().chain(&path[index..]).cloned().collect();
                    if let Some(found) = self.follow(&target, depth + 1) {
                        return Some(found);
                    }
                }
            }
            break;
        }
        self.modules.get_key_value(&at).map(|(path, _)| path)
    }

    /// What each module knows.
    fn knowledge(&self) -> BTreeMap<&ModulePath, BTreeSet<&ModulePath>> {
        let mut edges = BTreeMap::new();
        for (path, module) in &self.modules {
            let known = module.named.iter().filter_map(|named| self.defining(named));
            let known = known.filter(|known| *known != path);
            edges.insert(path, known.collect::<BTreeSet<_>>());
        }
        edges
    }
}

impl Module {
    fn define(&mut self, item: &Item) {
        let name = match item {
            Item::Const(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Fn(item) => Some(&item.sig.ident),
            Item::Mod(item) => Some(&item.ident),
            Item::Static(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            Item::Union(item) => Some(&item.ident),
            Item::Macro(item) => item.ident.as_ref(),
            _ => None,
        };
        self.defined.extend(name.map(ToString::to_string));
        if let Item::Mod(item) = item {
            self.children.insert(item.ident.to_string());
        }
    }

    fn take(&mut self, item: &Item, path: &ModulePath) {
        if let Item::Use(item) = item {
            let public = !matches!(item.vis, syn::Visibility::Inherited);
            self.take_use(&item.tree, &mut Vec::new(), path, public);
        } else {
            let mut names = Names(Vec::new());
            names.visit_item(item);
            let named = names
                .0
                .iter()
                .filter_map(|named| self.absolute(named, path));
            let named: Vec<_> = named.collect();
            self.named.extend(named);
        }
    }

    /// A path from the crate's root; none for one of another crate, or of a name that was imported.
    fn absolute(&self, path: &[String], here: &ModulePath) -> Option<ModulePath> {
        let first = path.first()?;
        let mut base: ModulePath = match first.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => here.clone(),
            child if self.children.contains(child) => here.clone(),
            _ => return None,
        };
        for name in path {
            match name.as_str() {
                "crate" | "self" => {}
                "super" => drop(base.pop()),
                name => base.push(name.to_owned()),
            }
        }
        Some(base)
    }

    fn take_use(
        &mut self,
        tree: &UseTree,
        before: &mut ModulePath,
        here: &ModulePath,
        public: bool,
    ) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.take_use(&path.tree, before, here, public);
                before.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.take_use(tree, before, here, public);
                }
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.used(before, &name, name.clone(), here, public);
            }
            UseTree::Rename(rename) => {
                self.used(
                    before,
                    &rename.ident.to_string(),
                    rename.rename.to_string(),
                    here,
                    public,
                );
            }
            UseTree::Glob(_) => {
                if let Some(path) = self.absolute(before, here) {
                    match public {
                        true => self.globs.push(path),
                        false => self.named.push(path),
                    }
                }
            }
        }
    }

    fn used(
        &mut self,
        before: &[String],
        name: &str,
        known_as: String,
        here: &ModulePath,
        public: bool,
    ) {
        let mut path = before.to_vec();
        if name != "self" {
            path.push(name.to_owned());
        }
        let Some(path) = self.absolute(&path, here) else {
            return;
        };
        match public {
            true => drop(self.reexported.insert(known_as, path)),
            false => self.named.push(path),
        }
    }
}

/// Collects the paths that are written out in code.
struct Names(Vec<ModulePath>);

impl<'ast> Visit<'ast> for Names {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.0.push(names.collect());
        visit::visit_path(self, path);
    }

    // Such as `pub(super)`.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

fn is_test(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string().contains("test"))
    })
}

/// Groups of files that know each other, however many steps it takes.
fn circles<'a>(
    edges: &BTreeMap<&'a ModulePath, BTreeSet<&'a ModulePath>>,
) -> BTreeSet<BTreeSet<&'a ModulePath>> {
    let mut reach: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> = BTreeMap::new();
    for start in edges.keys() {
        let mut seen = BTreeSet::new();
        let mut next = vec![*start];
        while let Some(path) = next.pop() {
            for known in edges.get(path).into_iter().flatten() {
                if seen.insert(*known) {
                    next.push(known);
                }
            }
        }
        reach.insert(start, seen);
    }
    let knows = |a: &ModulePath, b: &ModulePath| reach.get(a).is_some_and(|seen| seen.contains(b));
    edges
        .keys()
        .filter(|path| knows(path, path))
        .map(|path| {
            let all = edges.keys().copied();
            all.filter(|other| knows(path, other) && knows(other, path))
                .collect()
        })
        .collect()
}

fn source(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

fn show(path: &ModulePath) -> String {
    match path.is_empty() {
        true => "lib".to_owned(),
        false => path.join("::"),
    }
}

fn assert_no_circles(of: &str) {
    let found = Crate::read(&source(of));
    assert!(found.modules.len() > 5, "{of}");
    let edges = found.knowledge();
    let circles: Vec<String> = circles(&edges)
        .iter()
        .map(|circle| {
            let members = circle.iter().map(|path| {
                let known = edges[path].iter().filter(|known| circle.contains(*known));
                let known: Vec<_> = known.map(|known| show(known)).collect();
                format!("  {} knows {}", show(path), known.join(", "))
            });
            members.collect::<Vec<_>>().join("\n")
        })
        .collect();
    assert!(
        circles.is_empty(),
        "circles of files in {of}:\n{}",
        circles.join("\n\n")
    );
}

#[test]
fn no_circle_of_files_in_the_package() {
    assert_no_circles("src");
}

#[test]
fn no_circle_of_files_in_the_bindings() {
    assert_no_circles("crates/tcl/src");
}

#[test]
fn rooms_know_only_what_lies_below() {
    let found = Crate::read(&source("src"));
    let room = |path: &ModulePath| path.first().map_or("lib", String::as_str).to_owned();
    let mut wrong = BTreeSet::new();
    for (path, known) in found.knowledge() {
        let own = room(path);
        let allowed = ROOMS.iter().find(|(name, _)| *name == own);
        let allowed = allowed
            .unwrap_or_else(|| panic!("no room {own} in the drawing"))
            .1;
        for other in known {
            let other_room = room(other);
            if other_room != own && !allowed.contains(&other_room.as_str()) {
                wrong.insert(format!("{} knows {}", show(path), show(other)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn rooms_name_no_foreign_crate() {
    let found = Crate::read(&source("src"));
    for (path, module) in &found.modules {
        let text = fs::read_to_string(&module.file).expect("read before");
        for (room, foreign) in FOREIGN {
            let named = text.contains(&format!("{foreign}::"));
            let inside = path.first().is_some_and(|first| first == room);
            assert!(!(inside && named), "{} names {foreign}", show(path));
        }
    }
}

#[test]
fn the_bindings_know_nothing_of_nats() {
    for (path, module) in Crate::read(&source("crates/tcl/src")).modules {
        let text = fs::read_to_string(&module.file).expect("read before");
        assert!(!text.to_lowercase().contains("nats"), "{}", show(&path));
    }
}

#[test]
fn a_circle_is_found_however_long_it_is() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| vec![name.to_owned()]);
    let edges = BTreeMap::from([
        (&a, BTreeSet::from([&b])),
        (&b, BTreeSet::from([&c, &d])),
        (&c, BTreeSet::from([&a])),
        (&d, BTreeSet::new()),
    ]);
    assert_eq!(
        circles(&edges),
        BTreeSet::from([BTreeSet::from([&a, &b, &c])])
    );
}

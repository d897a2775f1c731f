//! From WIT to a page that people read.

use std::fmt::Write as _;

use wit_parser::{
    Docs, Enum, Function, FunctionKind, Handle, Interface, PackageId, Record, Resolve, Type, TypeDef, TypeDefKind,
    TypeOwner, Variant, World, WorldItem,
};

/// The whole page.
pub fn render(resolve: &Resolve, package: PackageId) -> String {
    let package = &resolve.packages[package];
    let mut page = Page { resolve, text: String::new() };
    page.line(&format!("# Contract `{}`", package.name));
    page.line("");
    page.line(
        "Made from `wit/service.wit`, which is the contract, by `IAP_BLESS=1 cargo test --workspace --test contract`.",
    );
    page.line("Not to be edited. How versions of it, of the SDK, of hosts and of Odoo go together: [COMPATIBILITY.md](COMPATIBILITY.md).");
    page.docs(&package.docs);
    for world in package.worlds.values() {
        page.world(&resolve.worlds[*world]);
    }
    for (name, interface) in &package.interfaces {
        page.interface(name, &resolve.interfaces[*interface]);
    }
    let trimmed = page.text.trim_end();
    format!("{trimmed}\n")
}

struct Page<'a> {
    resolve: &'a Resolve,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        // Writing to a String cannot fail.
        _ = writeln!(self.text, "{text}");
    }

    fn docs(&mut self, docs: &Docs) {
        if let Some(text) = &docs.contents {
            self.line("");
            self.line(text.trim());
        }
    }

    fn world(&mut self, world: &World) {
        self.line(&format!("\n## World `{}`", world.name));
        self.docs(&world.docs);
        self.line("");
        self.line("| | interface | what it is |");
        self.line("|---|---|---|");
        let mut rows = Vec::new();
        for (what, items) in [("import", &world.imports), ("export", &world.exports)] {
            for (_, item) in items {
                let WorldItem::Interface { id, .. } = item else { continue };
                let interface = &self.resolve.interfaces[*id];
                let name = interface.name.as_deref().unwrap_or_default();
                rows.push(format!("| {what} | [`{name}`](#interface-{name}) | {} |", summary(interface)));
            }
        }
        rows.iter().for_each(|row| self.line(row));
    }

    fn interface(&mut self, name: &str, interface: &Interface) {
        self.line(&format!("\n## Interface `{name}`"));
        self.docs(&interface.docs);
        for (name, id) in &interface.types {
            self.type_def(name, &self.resolve.types[*id]);
            let methods: Vec<&Function> =
                interface.functions.values().filter(|function| function.kind.resource() == Some(*id)).collect();
            self.functions(&methods);
        }
        let free: Vec<&Function> =
            interface.functions.values().filter(|function| function.kind.resource().is_none()).collect();
        if !free.is_empty() {
            self.line("\n### Functions");
            self.functions(&free);
        }
    }

    fn functions(&mut self, functions: &[&Function]) {
        for function in functions {
            let signature = self.signature(function);
            self.line(&format!("\n`{signature}`"));
            self.docs(&function.docs);
        }
    }

    fn type_def(&mut self, name: &str, def: &TypeDef) {
        // `use types.{named}` is said where it is declared.
        if let TypeDefKind::Type(Type::Id(_)) = def.kind {
            return;
        }
        self.line(&format!("\n### {} `{name}`", capital(def.kind.as_str())));
        self.docs(&def.docs);
        match &def.kind {
            TypeDefKind::Record(Record { fields }) => {
                let rows = fields.iter().map(|field| (field.name.clone(), Some(self.name(&field.ty)), &field.docs));
                let rows: Vec<_> = rows.collect();
                self.table(["member", "type"], &rows);
            }
            TypeDefKind::Variant(Variant { cases }) => {
                let rows = cases.iter().map(|case| (case.name.clone(), case.ty.map(|ty| self.name(&ty)), &case.docs));
                let rows: Vec<_> = rows.collect();
                self.table(["case", "with"], &rows);
            }
            TypeDefKind::Enum(Enum { cases }) => {
                let rows: Vec<_> = cases.iter().map(|case| (case.name.clone(), None, &case.docs)).collect();
                self.table(["case", "with"], &rows);
            }
            _ => {}
        }
    }

    fn table(&mut self, [first, second]: [&str; 2], rows: &[(String, Option<String>, &Docs)]) {
        self.line(&format!("\n| {first} | {second} | |"));
        self.line("|---|---|---|");
        for (name, kind, docs) in rows {
            let kind = kind.as_ref().map_or_else(String::new, |kind| format!("`{kind}`"));
            self.line(&format!("| `{name}` | {kind} | {} |", one_line(docs)));
        }
    }

    fn signature(&self, function: &Function) -> String {
        let is_method = matches!(function.kind, FunctionKind::Method(_));
        let params = function.params.iter().skip(usize::from(is_method));
        let params: Vec<String> = params.map(|param| format!("{}: {}", param.name, self.name(&param.ty))).collect();
        let name = function.name.rsplit(['.', ']']).next().unwrap_or(&function.name);
        let owner = function.kind.resource().and_then(|id| self.resolve.types[id].name.as_deref());
        let owner = owner.map_or_else(String::new, |owner| format!("{owner}."));
        let result = function.result.map_or_else(String::new, |result| format!(" -> {}", self.name(&result)));
        format!("{owner}{name}({}){result}", params.join(", "))
    }

    /// A type as WIT writes it.
    fn name(&self, ty: &Type) -> String {
        let id = match ty {
            Type::Id(id) => *id,
            Type::Bool => return "bool".to_owned(),
            Type::U8 => return "u8".to_owned(),
            Type::U16 => return "u16".to_owned(),
            Type::U32 => return "u32".to_owned(),
            Type::U64 => return "u64".to_owned(),
            Type::String => return "string".to_owned(),
            other => return format!("{other:?}").to_lowercase(),
        };
        let def = &self.resolve.types[id];
        match (&def.name, &def.kind) {
            (Some(name), _) => match self.home(def) {
                Some(home) => format!("{home}.{name}"),
                None => name.clone(),
            },
            (None, TypeDefKind::Option(of)) => format!("option<{}>", self.name(of)),
            (None, TypeDefKind::List(of)) => format!("list<{}>", self.name(of)),
            (None, TypeDefKind::Tuple(tuple)) => {
                let parts: Vec<String> = tuple.types.iter().map(|part| self.name(part)).collect();
                format!("tuple<{}>", parts.join(", "))
            }
            (None, TypeDefKind::Result(result)) => {
                let part = |part: &Option<Type>| part.map_or_else(|| "_".to_owned(), |ty| self.name(&ty));
                format!("result<{}, {}>", part(&result.ok), part(&result.err))
            }
            (None, TypeDefKind::Handle(Handle::Own(of) | Handle::Borrow(of))) => self.name(&Type::Id(*of)),
            (None, other) => other.as_str().to_owned(),
        }
    }

    /// Interface of the type that a `use` names; none for a type that is declared where it is named.
    fn home(&self, def: &TypeDef) -> Option<&str> {
        let TypeDefKind::Type(Type::Id(original)) = def.kind else { return None };
        let TypeOwner::Interface(id) = self.resolve.types[original].owner else { return None };
        self.resolve.interfaces[id].name.as_deref()
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

fn one_line(docs: &Docs) -> String {
    let text = docs.contents.as_deref().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// What an interface is, in a line: its first paragraph, or that of its only function.
fn summary(interface: &Interface) -> String {
    let own = std::iter::once(&interface.docs).chain(interface.functions.values().map(|function| &function.docs));
    let text = own.filter_map(|docs| docs.contents.as_deref()).next().unwrap_or_default();
    one_line(&Docs { contents: text.split("\n\n").next().map(str::to_owned) })
}

//! The exported layout, held against the one that is written down for its version.
//!
//! `abi/VERSION.txt` says what a package library of that ABI version exports: every type that crosses, to the byte. Whoever
//! changes the layout gives it a new `ABI_VERSION`, and `UPDATE_ABI=1 cargo test -p host-sdk --test abi_layout` writes the
//! file of that version. A file that is there is never written again: packages of that version are in the world.

#![cfg(target_pointer_width = "64")]

use std::path::Path;

use abi_stable::StableAbi;
use abi_stable::type_layout::{TLData, TLFields, TLFunction, TypeLayout};
use host_sdk::abi::{ABI_VERSION, PackageModuleRef};

/// Every type that the root module reaches.
#[derive(Default)]
struct Types(Vec<&'static TypeLayout>);

impl Types {
    fn reach(&mut self, layout: &'static TypeLayout) {
        if self.number(layout).is_some() {
            return;
        }
        self.0.push(layout);
        for nested in layout.shared_vars().type_layouts() {
            self.reach(nested());
        }
    }

    fn number(&self, layout: &TypeLayout) -> Option<usize> {
        self.0.iter().position(|known| known.get_utypeid() == layout.get_utypeid())
    }

    /// abi_stable names a generic type without what it is made of, hence the number.
    fn name(&self, layout: &TypeLayout) -> String {
        let number = self.number(layout).expect("all types are known by now");
        format!("{} [{number}]", layout.full_type().to_string().trim())
    }

    /// Without what may change while the layout stays: where a type is declared, and in which version of which crate.
    fn describe(&self, layout: &TypeLayout) -> String {
        let mut text = format!(
            "{}: {} bytes, aligned to {}, {:?}",
            self.name(layout),
            layout.size(),
            layout.alignment(),
            layout.repr_attr()
        );
        if layout.is_nonzero() {
            text.push_str(", never all zero");
        }
        match layout.data() {
            TLData::Primitive(primitive) => text.push_str(&format!("\n  primitive {primitive:?}")),
            TLData::Opaque => text.push_str("\n  opaque"),
            TLData::Struct { fields } | TLData::Union { fields } => self.list(fields, &mut text),
            TLData::Enum(data) => {
                text.push_str(&format!("\n  variants {} {:?}", data.variant_names, data.discriminants));
                text.push_str(&format!("\n  fields of each {:?}", data.field_count));
                self.list(data.fields, &mut text);
            }
            TLData::PrefixType(data) => {
                text.push_str(&format!("\n  fields from {} on may be missing", data.first_suffix_field));
                self.list(data.fields, &mut text);
            }
        }
        self.list(layout.phantom_fields(), &mut text);
        text
    }

    fn list(&self, fields: TLFields, text: &mut String) {
        for field in fields.iter() {
            text.push_str(&format!("\n  {}: {}", field.name(), self.name(field.layout())));
            for function in field.function_range().iter() {
                text.push_str(&format!("\n    {}", self.signature(&function)));
            }
        }
    }

    fn signature(&self, function: &TLFunction) -> String {
        let parameters: Vec<_> = function.param_type_layouts.iter().map(|layout| self.name(layout())).collect();
        let answer = function.return_type_layout().map_or_else(|| "nothing".to_owned(), |layout| self.name(layout()));
        let before = if function.fn_qualifs.is_unsafe() { "unsafe " } else { "" };
        format!("{before}fn({}) -> {answer}", parameters.join(", "))
    }
}

fn layout() -> String {
    let mut types = Types::default();
    types.reach(PackageModuleRef::LAYOUT);
    let mut text = format!("What a package library of ABI version {ABI_VERSION} exports, on systems of 64 bits.\n");
    for layout in &types.0 {
        text.push_str(&format!("\n{}\n", types.describe(layout)));
    }
    text
}

#[test]
fn a_changed_layout_has_a_version_of_its_own() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("abi/{ABI_VERSION}.txt"));
    let now = layout();
    match std::fs::read_to_string(&path) {
        Ok(written) => assert!(
            written.replace("\r\n", "\n") == now,
            "The exported layout differs from {}, which packages in the world rely on. Give it another ABI_VERSION: a \
             minor one where something was added at the end, otherwise a major one. It is now:\n{now}",
            path.display()
        ),
        Err(_) if std::env::var_os("UPDATE_ABI").is_some() => {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, now).unwrap();
        }
        Err(error) => panic!(
            "{}: {error}. A new ABI version is written down by UPDATE_ABI=1 cargo test -p host-sdk --test abi_layout",
            path.display()
        ),
    }
}

//! Compares the exported layout with the recorded one of its version.
//!
//! `abi/VERSION.txt` records what a package library of that ABI version exports: the exact layout of every type that crosses the
//! ABI. A change of the layout needs a new `ABI_VERSION`, whose file is written by
//! `UPDATE_ABI=1 cargo test -p host-sdk --test abi_layout`. An existing file is never overwritten, because packages of that
//! version have been released.

#![cfg(target_pointer_width = "64")]

use std::path::Path;

use abi_stable::StableAbi;
use abi_stable::type_layout::{TLData, TLFields, TLFunction, TypeLayout};
use host_sdk::abi::{ABI_VERSION, PackageModuleRef};

/// All types that the root module refers to, directly or indirectly.
#[derive(Default)]
struct Types(Vec<&'static TypeLayout>);

impl Types {
    fn add(&mut self, layout: &'static TypeLayout) {
        if self.number(layout).is_some() {
            return;
        }
        self.0.push(layout);
        for nested in layout.shared_vars().type_layouts() {
            self.add(nested());
        }
    }

    fn number(&self, layout: &TypeLayout) -> Option<usize> {
        self.0.iter().position(|known| known.get_utypeid() == layout.get_utypeid())
    }

    /// Includes a number, because abi_stable names generic types without their parameters.
    fn name(&self, layout: &TypeLayout) -> String {
        let number = self.number(layout).expect("all types have been added");
        format!("{} [{number}]", layout.full_type().to_string().trim())
    }

    /// Omits what may change without changing the layout: the module, crate and version that declare a type.
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
            TLData::Struct { fields } | TLData::Union { fields } => self.describe_fields(fields, &mut text),
            TLData::Enum(data) => {
                text.push_str(&format!("\n  variants {} {:?}", data.variant_names, data.discriminants));
                text.push_str(&format!("\n  fields of each {:?}", data.field_count));
                self.describe_fields(data.fields, &mut text);
            }
            TLData::PrefixType(data) => {
                text.push_str(&format!("\n  fields from {} on may be missing", data.first_suffix_field));
                self.describe_fields(data.fields, &mut text);
            }
        }
        self.describe_fields(layout.phantom_fields(), &mut text);
        text
    }

    fn describe_fields(&self, fields: TLFields, text: &mut String) {
        for field in fields.iter() {
            text.push_str(&format!("\n  {}: {}", field.name(), self.name(field.layout())));
            for function in field.function_range().iter() {
                text.push_str(&format!("\n    {}", self.signature(&function)));
            }
        }
    }

    fn signature(&self, function: &TLFunction) -> String {
        let parameters: Vec<_> = function.param_type_layouts.iter().map(|layout| self.name(layout())).collect();
        let returned = function.return_type_layout().map_or_else(|| "nothing".to_owned(), |layout| self.name(layout()));
        let qualifier = if function.fn_qualifs.is_unsafe() { "unsafe " } else { "" };
        format!("{qualifier}fn({}) -> {returned}", parameters.join(", "))
    }
}

fn layout() -> String {
    let mut types = Types::default();
    types.add(PackageModuleRef::LAYOUT);
    let mut text = format!("What a package library of ABI version {ABI_VERSION} exports, on systems of 64 bits.\n");
    for layout in &types.0 {
        text.push_str(&format!("\n{}\n", types.describe(layout)));
    }
    text
}

#[test]
fn layout_is_the_recorded_one_of_its_version() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("abi/{ABI_VERSION}.txt"));
    let current = layout();
    match std::fs::read_to_string(&path) {
        Ok(recorded) => assert!(
            recorded.replace("\r\n", "\n") == current,
            "The exported layout differs from {}, on which released packages rely. It needs a new ABI_VERSION: a minor \
             one if fields were added at the end, otherwise a major one. The current layout:\n{current}",
            path.display()
        ),
        Err(_) if std::env::var_os("UPDATE_ABI").is_some() => {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, current).unwrap();
        }
        Err(error) => panic!(
            "{}: {error}. Record a new ABI version with UPDATE_ABI=1 cargo test -p host-sdk --test abi_layout",
            path.display()
        ),
    }
}

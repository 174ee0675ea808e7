//! Has the crate built again when a file of the page is added or removed, which `include_dir!` alone doesn't notice.

fn main() {
    println!("cargo:rerun-if-changed=page");
}

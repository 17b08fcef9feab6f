//! Lays the image that runs out for its board. The others run nowhere, and are linked as they are.
use std::{env, fs, path::Path};

fn main() {
    let out = env::var("OUT_DIR").expect("Cargo sets it");
    fs::write(Path::new(&out).join("memory.x"), include_bytes!("memory.x"))
        .expect("Cargo's directory can be written");
    println!("cargo::rustc-link-search={out}");
    println!("cargo::rustc-link-arg-bin=count=-Tlink.x");
    println!("cargo::rustc-link-arg-bin=count=--nmagic");
    println!("cargo::rerun-if-changed=memory.x");
}

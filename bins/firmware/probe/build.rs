//! Lays the images that run out for its board. The others run nowhere, and are linked as they are.
use std::{env, fs, path::Path};

fn main() {
    let out = env::var("OUT_DIR").expect("Cargo sets it");
    fs::write(Path::new(&out).join("memory.x"), include_bytes!("memory.x"))
        .expect("Cargo's directory can be written");
    println!("cargo::rustc-link-search={out}");
    for image in ["count", "count_login"] {
        println!("cargo::rustc-link-arg-bin={image}=-Tlink.x");
        println!("cargo::rustc-link-arg-bin={image}=--nmagic");
    }
    println!("cargo::rerun-if-changed=memory.x");
}

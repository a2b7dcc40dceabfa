//! Link settings of the module.

fn main() {
    // The watchdog thread, signal handlers and open streams outlive any one Lua state: the code must stay mapped after `dlclose`.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rerun-if-changed=build.rs");
}

//! The components of the workspace's guests, built by this package's build script.

use iap_core::{manifest::Manifest, release::ReleaseFiles};
use iap_runtime::release::{Release, read_release};

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// The component of a guest, by the name of its package.
///
/// # Panics
///
/// No guest of the workspace has that name.
pub fn component(package: &str) -> &'static [u8] {
    let found = GUESTS.iter().find(|(name, _)| *name == package);
    found.unwrap_or_else(|| panic!("no guest {package:?}")).1
}

/// What the component of a guest carries.
///
/// # Panics
///
/// The component is no release.
pub fn release(package: &str) -> (Release, Manifest) {
    let release = read_release(component(package)).expect("the guest is a release");
    let files = ReleaseFiles::from_section(&release.files).expect("it carries its files");
    let manifest = Manifest::parse(&files).expect("its manifest is valid");
    (release, manifest)
}

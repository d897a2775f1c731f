//! The release that a component carries: what the host reads besides its code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Name of the component's custom section with its release.
///
/// The payload is a JSON object of texts by path: `plugin.toml`, and every file
/// below `prices/` and `schemas/`, in the order of their paths. One file is thus
/// the whole release, under one digest.
pub const RELEASE_SECTION: &str = "iap:release";

/// Number of custom sections.
const CUSTOM: u8 = 0;

/// Folders whose files belong to the release.
const FOLDERS: [&str; 2] = ["prices", "schemas"];

/// Texts of the release by path, with `/` on every system.
pub(crate) fn read(manifest_dir: &Path) -> Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    for file in files(manifest_dir)? {
        let path = file.strip_prefix(manifest_dir).context("a release file is below its package")?;
        let name: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
        let text = std::fs::read_to_string(&file).with_context(|| format!("{} must be UTF-8 text", file.display()))?;
        texts.insert(name.join("/"), text);
    }
    Ok(texts)
}

/// The release's files, `plugin.toml` first.
pub(crate) fn files(manifest_dir: &Path) -> Result<Vec<PathBuf>> {
    let manifest = manifest_dir.join("plugin.toml");
    anyhow::ensure!(manifest.is_file(), "{} is missing: a guest is published by it", manifest.display());
    let mut found = vec![manifest];
    for folder in folders(manifest_dir) {
        collect(&folder, &mut found)?;
    }
    Ok(found)
}

/// The release's folders that exist.
pub(crate) fn folders(manifest_dir: &Path) -> Vec<PathBuf> {
    FOLDERS.iter().map(|folder| manifest_dir.join(folder)).filter(|folder| folder.is_dir()).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        // What an editor or a file manager leaves is no part of a release.
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            collect(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// A component with its release appended.
pub(crate) fn append(mut component: Vec<u8>, texts: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let payload = serde_json::to_vec(texts)?;
    let mut content = Vec::new();
    push_length(&mut content, RELEASE_SECTION.len())?;
    content.extend_from_slice(RELEASE_SECTION.as_bytes());
    content.extend_from_slice(&payload);
    component.push(CUSTOM);
    push_length(&mut component, content.len())?;
    component.extend_from_slice(&content);
    Ok(component)
}

/// A component without the release that it carries, if any.
pub(crate) fn without(component: &[u8]) -> Result<Vec<u8>> {
    const HEADER: usize = 8;
    let is_component = component.get(..HEADER).is_some_and(|header| header[..4] == *b"\0asm" && header[6] == 1);
    anyhow::ensure!(is_component, "this is no WebAssembly component");
    let mut kept = component[..HEADER].to_vec();
    let mut rest = &component[HEADER..];
    while let Some((kind, after)) = rest.split_first() {
        let (length, after) = take_length(after)?;
        let content = after.get(..length).context("the component is cut off")?;
        let (section, next) = rest.split_at(rest.len() - after.len() + length);
        if *kind != CUSTOM || !is_release(content)? {
            kept.extend_from_slice(section);
        }
        rest = next;
    }
    Ok(kept)
}

/// Whether a custom section is the release's.
fn is_release(section: &[u8]) -> Result<bool> {
    let (length, content) = take_length(section)?;
    Ok(content.get(..length) == Some(RELEASE_SECTION.as_bytes()))
}

/// An unsigned LEB128 of 32 bits, and what follows it.
fn take_length(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let mut length = 0;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((length, &bytes[index + 1..]));
        }
    }
    anyhow::bail!("the component is cut off")
}

/// An unsigned LEB128 of 32 bits, as WebAssembly writes lengths.
fn push_length(out: &mut Vec<u8>, length: usize) -> Result<()> {
    let mut rest = u32::try_from(length).context("a release must be smaller than 4 GiB")?;
    loop {
        let low = u8::try_from(rest & 0x7f).expect("seven bits fit");
        rest >>= 7;
        if rest == 0 {
            out.push(low);
            return Ok(());
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty component: magic number, version, layer.
    const EMPTY: [u8; 8] = [0x00, b'a', b's', b'm', 0x0d, 0x00, 0x01, 0x00];

    fn release_of(component: &[u8]) -> BTreeMap<String, String> {
        for part in wasmparser::Parser::new(0).parse_all(component) {
            if let wasmparser::Payload::CustomSection(section) = part.unwrap()
                && section.name() == RELEASE_SECTION
            {
                return serde_json::from_slice(section.data()).unwrap();
            }
        }
        panic!("no release section");
    }

    #[test]
    fn a_component_carries_its_release() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("schemas/deep")).unwrap();
        std::fs::create_dir(folder.path().join("prices")).unwrap();
        std::fs::write(folder.path().join("plugin.toml"), "x".repeat(300)).unwrap();
        std::fs::write(folder.path().join("prices/sms.csv"), "key,credits\nFR,1\n").unwrap();
        std::fs::write(folder.path().join("prices/.sms.csv.swp"), "left by an editor").unwrap();
        std::fs::write(folder.path().join("schemas/deep/a.json"), "{}").unwrap();
        std::fs::write(folder.path().join("README.md"), "not part of it").unwrap();

        let texts = read(folder.path()).unwrap();
        let component = append(EMPTY.to_vec(), &texts).unwrap();

        wasmparser::Validator::new().validate_all(&component).unwrap();
        let found = release_of(&component);
        assert_eq!(found, texts);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["plugin.toml", "prices/sms.csv", "schemas/deep/a.json"]);
        assert_eq!(append(EMPTY.to_vec(), &read(folder.path()).unwrap()).unwrap(), component);
    }

    #[test]
    fn a_release_takes_the_place_of_another() {
        let texts = |text: &str| BTreeMap::from([("plugin.toml".to_owned(), text.to_owned())]);
        let mut other = append(EMPTY.to_vec(), &texts(&"old ".repeat(100))).unwrap();
        // Another custom section, named "x", stays.
        other.extend_from_slice(&[0, 3, 1, b'x', 7]);
        let without = without(&other).unwrap();
        assert_eq!(without, [&EMPTY[..], &[0, 3, 1, b'x', 7]].concat());
        let component = append(without, &texts("new")).unwrap();
        wasmparser::Validator::new().validate_all(&component).unwrap();
        assert_eq!(release_of(&component), texts("new"));
        assert!(super::without(b"\0asm\x01\0\0\0").is_err(), "a core module");
        assert!(super::without(&other[..other.len() - 1]).is_err(), "cut off");
    }

    #[test]
    fn a_guest_without_a_manifest_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("plugin.toml is missing"));
    }

    #[test]
    fn lengths_are_leb128() {
        let written = |length| {
            let mut out = Vec::new();
            push_length(&mut out, length).unwrap();
            out
        };
        assert_eq!(written(0), [0]);
        assert_eq!(written(127), [0x7f]);
        assert_eq!(written(624_485), [0xe5, 0x8e, 0x26]);
    }
}

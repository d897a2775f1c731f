//! Inspectors, and components to take apart.

use std::sync::Arc;

use iap_host::publish::inspect::{InspectError, Inspection, Inspector, InspectorOptions, Limits};
use iap_tests::{guests, host::binary};

/// Section ids of the component format.
pub const CUSTOM: u8 = 0;
pub const CORE_MODULE: u8 = 1;
pub const CORE_INSTANCE: u8 = 2;
pub const TYPE: u8 = 7;

/// The usual limits, with less memory and time than production so that bombs go off sooner, and not in the background, since
/// tests run on busy machines.
pub fn limits() -> Limits {
    Limits { memory: 1 << 30, processor_seconds: 10, time: std::time::Duration::from_secs(240), background: false }
}

/// An inspector with the real checking process.
pub fn inspector() -> Inspector {
    with_limits(limits())
}

/// The same with other limits.
pub fn with_limits(limits: Limits) -> Inspector {
    Inspector::new(InspectorOptions { program: binary(), limits, ..InspectorOptions::default() })
}

/// What came out, by who is to blame.
pub type Judged = Result<Inspection, Vec<String>>;

/// Has an upload judged. The host itself must never be at fault.
pub async fn judge(inspector: &Inspector, component: &[u8]) -> Judged {
    match inspector.inspect(Arc::new(component.to_vec())).await {
        Ok(inspection) => Ok(inspection),
        Err(InspectError::Refused(reasons)) => {
            assert!(!reasons.is_empty(), "a refusal without a reason");
            for reason in &reasons {
                assert!((10..=1_200).contains(&reason.len()), "a reason that says nothing, or too much: {reason:?}");
            }
            Err(reasons)
        }
        Err(error) => panic!("the host itself is at fault: {error}"),
    }
}

/// The upload is refused, and one of the reasons says so.
pub async fn refused(inspector: &Inspector, what: &str, component: &[u8], says: &str) {
    match judge(inspector, component).await {
        Ok(_) => panic!("{what} was accepted"),
        Err(reasons) => assert!(reasons.iter().any(|reason| reason.contains(says)), "{what}: {reasons:?}"),
    }
}

/// How many of the random uploads to try.
pub fn rounds(usual: usize, long: usize) -> usize {
    if std::env::var_os("IAP_LONG").is_some() { long } else { usual }
}

/// A good component, small.
pub fn echo() -> Vec<u8> {
    guests::component("iap-example-echo").to_vec()
}

/// Random bytes that are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    /// The next number, below `most`.
    pub fn below(&mut self, most: usize) -> usize {
        // Knuth's MMIX generator; its low bits are poor.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % most
    }

    /// Some bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| u8::try_from(self.below(256)).expect("below 256")).collect()
    }
}

/// A number in LEB128.
pub fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Adds a section to the end of a component.
pub fn append(component: &mut Vec<u8>, id: u8, content: &[u8]) {
    component.push(id);
    component.extend(leb(content.len()));
    component.extend(content);
}

/// The sections of a component: id and content.
pub fn sections(component: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut rest, mut found) = (&component[8..], Vec::new());
    while let Some((&id, after)) = rest.split_first() {
        let (mut size, mut used) = (0, 0);
        loop {
            let byte = after[used];
            size |= usize::from(byte & 0x7f) << (7 * used);
            used += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        found.push((id, after[used..used + size].to_vec()));
        rest = &after[used + size..];
    }
    found
}

/// A component of sections.
pub fn assemble(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut component = vec![0, b'a', b's', b'm', 0x0d, 0, 1, 0];
    for (id, content) in sections {
        append(&mut component, *id, content);
    }
    component
}

/// A good release that also instantiates a core module which imports nothing: all that is before the compiler lets it pass.
pub fn release_with(module: &[u8]) -> Vec<u8> {
    let mut component = echo();
    let index = sections(&component).iter().filter(|(id, _)| *id == CORE_MODULE).count();
    append(&mut component, CORE_MODULE, module);
    // One instance, of a module, without arguments.
    let instance = [vec![1, 0], leb(index), vec![0]].concat();
    append(&mut component, CORE_INSTANCE, &instance);
    component
}

/// The good component with other release files: the section's content.
pub fn release_of_files(json: &[u8]) -> Vec<u8> {
    let mut parts = sections(&echo());
    let name = [leb("iap:release".len()), b"iap:release".to_vec()].concat();
    let section = parts.iter_mut().find(|(id, content)| *id == CUSTOM && content.starts_with(&name));
    section.expect("a release has its files").1 = [name, json.to_vec()].concat();
    assemble(&parts)
}

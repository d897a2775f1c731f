//! What one call may use, and which of it ran out.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::ended::Limit;

/// Most memory of a guest that any class may have. It also bounds `memory.copy`, which nothing interrupts.
pub(crate) const MAX_MEMORY: usize = 128 << 20;
/// Most table elements of any class.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 40_000;
/// Core instances, tables and memories of one component: `wit-component` makes three instances of one module.
pub(crate) const MAX_INSTANCES: usize = 16;
/// Size of an instance's bookkeeping, in bytes.
pub(crate) const MAX_INSTANCE_SIZE: usize = 8 << 20;

/// Which limits a component needs, chosen at upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SizeClass {
    /// Compiled languages: components up to 4 MiB.
    #[default]
    Small,
    /// A language runtime inside the component (JavaScript): up to 16 MiB, more tables, more time.
    Large,
}

impl SizeClass {
    /// The class of a component of this many bytes; `None` if no class takes it.
    pub fn for_size(bytes: usize) -> Option<Self> {
        match bytes {
            0..=0x40_0000 => Some(Self::Small),
            0x40_0001..=0x100_0000 => Some(Self::Large),
            _ => None,
        }
    }

    pub(crate) fn max_component_size(self) -> usize {
        match self {
            Self::Small => 4 << 20,
            Self::Large => 16 << 20,
        }
    }

    fn table_elements(self) -> usize {
        match self {
            Self::Small => 10_000,
            Self::Large => MAX_TABLE_ELEMENTS,
        }
    }
}

/// Which export is called. It decides what the guest may do and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Operation,
    Quote,
    Job,
    Hook,
}

/// The amounts of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Processor time; the rest of the wall clock is waiting.
    pub cpu: Duration,
    pub host_calls: u32,
    pub http_requests: u32,
    pub holds: u32,
    pub jobs: u32,
    pub callbacks: u32,
}

/// Bytes that one host call may take out of the guest.
pub(crate) const HOST_CALL_BYTES: usize = 24 << 20;
/// Handles of a component that live at once.
pub(crate) const MAX_HANDLES: usize = 256;
/// Holds that live at once.
pub(crate) const MAX_LIVE_HOLDS: usize = 64;

impl Budget {
    pub(crate) fn of(kind: Kind, class: SizeClass) -> Self {
        let factor = match class {
            SizeClass::Small => 1,
            SizeClass::Large => 4,
        };
        match kind {
            Kind::Operation => Self {
                cpu: Duration::from_secs(1) * factor,
                host_calls: 1_000_000,
                http_requests: 64,
                holds: 1_024,
                jobs: 1_000,
                callbacks: 1_000,
            },
            Kind::Quote => Self {
                cpu: Duration::from_millis(500) * factor,
                host_calls: 10_000,
                http_requests: 0,
                holds: 0,
                jobs: 0,
                callbacks: 0,
            },
            // One job sends the messages of a whole mailing: 10,000 requests, twenty at a time.
            Kind::Job => Self {
                cpu: Duration::from_secs(10) * factor,
                host_calls: 10_000_000,
                http_requests: 20_000,
                holds: 20_000,
                jobs: 20_000,
                callbacks: 20_000,
            },
            Kind::Hook => Self {
                cpu: Duration::from_millis(500) * factor,
                host_calls: 10_000,
                http_requests: 0,
                holds: 64,
                jobs: 64,
                callbacks: 64,
            },
        }
    }
}

/// Refuses growth and remembers what was refused, since the trap itself does not say.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory: usize,
    table_elements: usize,
    /// Most bytes of linear memory that were ever granted.
    pub peak_memory: usize,
    /// The limit that ended the call, if one did.
    pub exceeded: Option<Limit>,
}

impl Limiter {
    pub(crate) fn new(memory: u64, class: SizeClass) -> Self {
        let memory = usize::try_from(memory).unwrap_or(MAX_MEMORY).min(MAX_MEMORY);
        Self { memory, table_elements: class.table_elements(), peak_memory: 0, exceeded: None }
    }

    fn refuse(&mut self, limit: Limit) -> wasmtime::Error {
        self.exceeded = Some(limit);
        wasmtime::Error::new(limit)
    }
}

impl ResourceLimiter for Limiter {
    // An error traps where `false` would let the guest's allocator abort with a message of its own.
    fn memory_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.memory || maximum.is_some_and(|maximum| desired > maximum) {
            return Err(self.refuse(Limit::Memory));
        }
        self.peak_memory = self.peak_memory.max(desired);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(self.refuse(Limit::Memory))
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.table_elements || maximum.is_some_and(|maximum| desired > maximum) {
            return Err(self.refuse(Limit::Table));
        }
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(self.refuse(Limit::Table))
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_small_up_to_four_mebibytes_and_refused_above_sixteen() {
        assert_eq!(SizeClass::for_size(4 << 20), Some(SizeClass::Small));
        assert_eq!(SizeClass::for_size((4 << 20) + 1), Some(SizeClass::Large));
        assert_eq!(SizeClass::for_size(16 << 20), Some(SizeClass::Large));
        assert_eq!(SizeClass::for_size((16 << 20) + 1), None);
    }

    #[test]
    fn a_refused_growth_is_remembered() {
        let mut limiter = Limiter::new(1 << 20, SizeClass::Small);
        assert!(limiter.memory_growing(0, 1 << 20, None).unwrap());
        assert_eq!((limiter.peak_memory, limiter.exceeded), (1 << 20, None));
        assert!(limiter.memory_growing(1 << 20, (1 << 20) + 65_536, None).is_err());
        assert_eq!(limiter.exceeded, Some(Limit::Memory));
        assert!(limiter.table_growing(0, 10_001, None).is_err());
        assert_eq!(limiter.exceeded, Some(Limit::Table));
    }
}

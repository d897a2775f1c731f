//! How a checking process ended, in words for the vendor.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use super::protocol::{Limits, Stage};

/// Why a checking process gave no answer.
#[derive(Debug)]
pub(super) struct Death {
    /// What it was about to do.
    pub stage: Stage,
    /// How it ended by itself; `None` if its time was over.
    pub status: Option<ExitStatus>,
    /// Processor time that it had used when its time was over, in seconds.
    pub processor_seconds: u64,
    /// It said what it should not, or too much.
    pub garbage: bool,
    /// The beginning of its standard error.
    pub errors: String,
}

/// Whose fault it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The upload's: why it is refused.
    Upload(String),
    /// Nobody's: the machine had too much else to do.
    Machine,
}

impl Death {
    pub(super) fn blame(&self, limits: &Limits) -> Blame {
        let doing = doing(self.stage);
        let Some(status) = self.status else {
            // It gives way to everything else, so on a crowded machine it may have hardly run.
            if self.processor_seconds < limits.processor_seconds / 2 {
                return Blame::Machine;
            }
            let seconds = limits.time.as_secs();
            return unchecked(&format!("{doing} it took more than {seconds} s; make it smaller"));
        };
        if self.garbage {
            return unchecked(&format!("{doing} it ended in an answer that makes no sense"));
        }
        match status.signal() {
            Some(libc::SIGXCPU) => unchecked(&format!(
                "{doing} it took more than {} s of processor time; make it smaller, or split its largest functions",
                limits.processor_seconds
            )),
            // The allocator and the compiler abort when there is no memory.
            Some(libc::SIGABRT) if self.errors.contains("memory allocation of") => {
                Blame::Upload(needs_memory(doing, limits))
            }
            // Nobody here sends it, so the system did: at the second limit of processor time, or because memory is scarce.
            Some(libc::SIGKILL) => unchecked(&format!("{doing} it used more than there is here; make it smaller")),
            Some(libc::SIGSEGV | libc::SIGBUS | libc::SIGABRT) if self.errors.contains("overflowed its stack") => {
                unchecked(&format!("{doing} it needed more stack than there is; nest its blocks and types less deeply"))
            }
            Some(signal) => {
                unchecked(&format!("{doing} it broke off with signal {signal}; build it anew with another toolchain"))
            }
            None => unchecked(&format!("{doing} it failed in the compiler; build it anew with another toolchain")),
        }
    }
}

fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::Starting | Stage::Reading => "reading",
        Stage::Compiling => "compiling",
        Stage::Measuring => "running",
    }
}

fn unchecked(why: &str) -> Blame {
    Blame::Upload(format!("the component could not be checked: {why}"))
}

/// The reason where memory has ended.
pub(super) fn needs_memory(doing: &str, limits: &Limits) -> String {
    let mebibytes = limits.memory >> 20;
    format!(
        "the component could not be checked: {doing} it needed more than {mebibytes} MiB of memory; make it smaller, or split its largest functions"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn death(status: Option<i32>) -> Death {
        Death {
            stage: Stage::Compiling,
            status: status.map(ExitStatus::from_raw),
            processor_seconds: 0,
            garbage: false,
            errors: String::new(),
        }
    }

    fn reason(death: &Death) -> String {
        match death.blame(&Limits::default()) {
            Blame::Upload(reason) => reason,
            Blame::Machine => "machine".to_owned(),
        }
    }

    #[test]
    fn every_end_has_a_reason() {
        for (status, text) in [
            (libc::SIGXCPU, "compiling it took more than 90 s of processor time"),
            (libc::SIGKILL, "compiling it used more than there is here"),
            (libc::SIGSEGV, "compiling it broke off with signal 11"),
            (101 << 8, "compiling it failed in the compiler"),
            (0, "compiling it failed in the compiler"),
        ] {
            let reason = reason(&death(Some(status)));
            assert!(reason.starts_with("the component could not be checked: "), "{reason}");
            assert!(reason.contains(text), "{reason}");
        }
        let memory = Death { errors: "memory allocation of 1 bytes failed".to_owned(), ..death(Some(libc::SIGABRT)) };
        assert!(reason(&memory).contains("needed more than 2048 MiB of memory"));
        let stack = "thread 'main' has overflowed its stack".to_owned();
        let stack = Death { errors: stack, stage: Stage::Reading, ..death(Some(libc::SIGABRT)) };
        assert!(reason(&stack).contains("reading it needed more stack than there is"));
        assert!(reason(&Death { garbage: true, ..death(Some(0)) }).contains("makes no sense"));
    }

    #[test]
    fn a_process_that_hardly_ran_is_not_the_uploads_fault() {
        assert_eq!(reason(&death(None)), "machine");
        assert!(reason(&Death { processor_seconds: 45, ..death(None) }).contains("took more than 600 s"));
    }
}

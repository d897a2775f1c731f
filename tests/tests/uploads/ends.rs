//! Whatever the checking process does, the host gives the vendor a reason and goes on.

use std::{os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc, time::Duration};

use iap_host::publish::inspect::{InspectError, Inspector, InspectorOptions, Limits};

/// A program that only looks like the checking process.
pub struct Impostor {
    folder: tempfile::TempDir,
}

impl Impostor {
    /// Runs these lines of shell in a folder of its own.
    pub fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let text = format!("#!/bin/sh\ncd {}\n{script}\n", folder.path().display());
        let impostor = Self { folder };
        std::fs::write(impostor.program(), text).expect("the folder is writable");
        std::fs::set_permissions(impostor.program(), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        impostor
    }

    pub fn program(&self) -> PathBuf {
        self.folder.path().join("iap")
    }

    /// A file that the script wrote.
    pub fn wrote(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join(file)).ok()
    }

    pub fn inspector(&self, limits: Limits) -> Inspector {
        Inspector::new(InspectorOptions { program: self.program(), limits, ..InspectorOptions::default() })
    }
}

async fn ends_as(script: &str, limits: Limits) -> InspectError {
    let impostor = Impostor::new(script);
    let upload = Arc::new(vec![0; 1 << 20]);
    impostor.inspector(limits).inspect(upload).await.expect_err("nothing was inspected")
}

async fn reason(script: &str) -> String {
    let limits = Limits { time: Duration::from_secs(30), ..Limits::default() };
    match ends_as(script, limits).await {
        InspectError::Refused(reasons) => reasons.join("; "),
        other => panic!("{script}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_end_is_a_reason() {
    for (script, says) in [
        ("exit 0", "failed in the compiler"),
        ("exit 101", "failed in the compiler"),
        ("kill -KILL $$", "used more than there is here"),
        ("kill -SEGV $$", "broke off with signal 11"),
        ("kill -XCPU $$", "took more than 90 s of processor time"),
        (
            "echo '{\"stage\":\"compiling\"}'; echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$",
            "compiling it needed more than 2048 MiB",
        ),
        ("echo hello", "an answer that makes no sense"),
        ("echo '{\"accepted\":[{},{}]}'; echo oops", "an answer that makes no sense"),
        ("echo '{\"refused\":[]}'", "failed in the compiler"),
        ("exec cat /dev/zero", "an answer that makes no sense"),
        ("exec cat /dev/zero >&2", "broke off with signal 13"),
    ] {
        let reason = reason(script).await;
        assert!(reason.contains(says), "{script}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_hangs_is_ended() {
    let short = Limits { time: Duration::from_millis(1_500), processor_seconds: 60, ..Limits::default() };
    // It did nothing: the machine was busy, as far as the host can tell.
    assert!(matches!(ends_as("exec sleep 600", short).await, InspectError::Busy { .. }));
    // It used its time.
    let spins = Limits { processor_seconds: 1, ..short };
    match ends_as("while true; do :; done", spins).await {
        InspectError::Refused(reasons) => assert!(reasons[0].contains("it took more than 1 s"), "{reasons:?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_there_is_the_hosts_fault() {
    let options = InspectorOptions { program: PathBuf::from("/nowhere/iap"), ..InspectorOptions::default() };
    let error = Inspector::new(options).inspect(Arc::new(Vec::new())).await.expect_err("nothing can be started");
    assert!(matches!(error, InspectError::Broken(_)), "{error:?}");
    let error = ends_as("echo '{\"broken\":\"no room\"}'", Limits::default()).await;
    assert!(matches!(&error, InspectError::Broken(why) if why == "no room"), "{error:?}");
}

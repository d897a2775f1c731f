//! A file system of a few megabytes, for tests of a full disk.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// A tmpfs of its own, unmounted with it. Mounting needs root, or a user namespace (`unshare -rm cargo test …`).
pub struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts one of `mib` mebibytes.
    pub fn new(mib: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = format!("size={mib}m,mode=0777");
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        let done = done.expect("there is a command `mount` (package mount)");
        assert!(
            done.status.success(),
            "cannot mount a small file system: {}Run the tests as root, or with `unshare -rm cargo test --workspace`",
            String::from_utf8_lossy(&done.stderr)
        );
        Self { folder }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.filler()).expect("a file can be made");
        for size in [65_536, 4_096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Makes room again.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).expect("it was filled");
    }

    /// Takes the right to write away from everybody, root too. Nothing may have a file of it open for writing.
    pub fn make_read_only(&self) {
        let done = Command::new("mount").args(["-o", "remount,ro"]).arg(self.folder.path()).status();
        assert!(done.is_ok_and(|status| status.success()), "cannot make it read-only");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a database may still be open on it.
        drop(Command::new("umount").arg("-l").arg(self.folder.path()).status());
    }
}

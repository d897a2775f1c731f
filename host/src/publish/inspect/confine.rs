//! What a checking process takes from itself before it reads an upload.
//!
//! The sandbox holds what an upload runs; this holds what the compiler does with it, and stands behind the sandbox. What
//! every Linux has must succeed; what a container may forbid (a network namespace, Landlock) is tried.

use std::io;

use super::protocol::Limits;

/// Address space in bytes: pools are reserved, not used, so this only catches what runs away.
const ADDRESS_SPACE: u64 = 64 << 30;
/// Most bytes of one file. None can be opened, but the engine's images of memory are files without a name.
const FILE: u64 = 256 << 20;
/// Stack in bytes of the first thread: that of the threads on which a host reads releases.
const STACK: u64 = 2 << 20;
/// Open files.
const FILES: u64 = 128;
/// Steps of nice; in the background (`SCHED_IDLE`) it only counts among checking processes.
const NICE: libc::c_int = 10;

/// Sets the limits, and gives way to everything else. Call it first, in a process with one thread.
pub fn limit(limits: &Limits) -> io::Result<()> {
    set(libc::RLIMIT_CORE, 0, 0)?;
    // What is writable is what is used; address space that is only reserved does not count here.
    set(libc::RLIMIT_DATA, limits.memory, limits.memory)?;
    set(libc::RLIMIT_AS, ADDRESS_SPACE, ADDRESS_SPACE)?;
    set(libc::RLIMIT_FSIZE, FILE, FILE)?;
    set(libc::RLIMIT_NOFILE, FILES, FILES)?;
    set(libc::RLIMIT_STACK, STACK, STACK)?;
    set(libc::RLIMIT_CPU, limits.processor_seconds, most_seconds(limits))?;
    // If memory runs out nevertheless, this process goes before the host. Not every container lets it say so.
    drop(std::fs::write("/proc/self/oom_score_adj", "1000"));
    // SAFETY: plain numbers go in; `parameters` is a valid place that the call only reads.
    unsafe {
        check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        check(libc::setpriority(libc::PRIO_PROCESS, 0, NICE))?;
        if limits.background {
            let parameters: libc::sched_param = std::mem::zeroed();
            check(libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters))?;
        }
        // Whatever the host left open for others; it should be nothing.
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0);
    }
    Ok(())
}

/// Gives the process as much processor time as it began with, once more.
pub fn allow_more(limits: &Limits) -> io::Result<()> {
    // SAFETY: `used` is a valid place for the answer.
    let used = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        check(libc::getrusage(libc::RUSAGE_SELF, &raw mut used))?;
        u64::try_from(used.ru_utime.tv_sec + used.ru_stime.tv_sec).unwrap_or(0)
    };
    set(libc::RLIMIT_CPU, (used + limits.processor_seconds).min(most_seconds(limits)), most_seconds(limits))
}

/// Leaves the network and the file system, if the system lets it. Call it in a process with one thread.
pub fn isolate() {
    // SAFETY: flags go in. Either both namespaces are new or nothing has changed.
    let alone = unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) } == 0;
    if alone {
        // What measures operations talks to a provider of its own over the loopback device, which begins switched off.
        bring_up_loopback();
    }
    deny_files();
}

fn most_seconds(limits: &Limits) -> u64 {
    limits.processor_seconds * 2
}

fn check(answer: libc::c_int) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn set(resource: libc::__rlimit_resource_t, soft: u64, hard: u64) -> io::Result<()> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `now` is a valid place for the answer, then a valid value.
    unsafe {
        check(libc::getrlimit(resource, &raw mut now))?;
        // Nobody but root can raise what somebody else limited more.
        now = libc::rlimit { rlim_cur: soft.min(now.rlim_max), rlim_max: hard.min(now.rlim_max) };
        check(libc::setrlimit(resource, &raw const now))
    }
}

fn bring_up_loopback() {
    // SAFETY: `request` is a valid request with a name that ends in zero, and lives as long as the calls; the socket is
    // closed once.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if socket < 0 {
            return;
        }
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const request);
        libc::close(socket);
    }
}

/// Forbids opening, making and running files, with Landlock: what is open stays open.
fn deny_files() {
    /// `struct landlock_ruleset_attr` in its first version.
    #[repr(C)]
    struct Ruleset {
        handled_access_fs: u64,
    }
    /// All thirteen rights of the first version.
    const ALL: u64 = (1 << 13) - 1;
    let ruleset = Ruleset { handled_access_fs: ALL };
    // SAFETY: the first call reads `ruleset`, which lives, and its size; the others take the number it gave.
    unsafe {
        let none: libc::c_uint = 0;
        let made =
            libc::syscall(libc::SYS_landlock_create_ruleset, &raw const ruleset, std::mem::size_of::<Ruleset>(), none);
        if let Ok(rules) = libc::c_int::try_from(made)
            && 0 <= rules
        {
            libc::syscall(libc::SYS_landlock_restrict_self, rules, none);
            libc::close(rules);
        }
    }
}

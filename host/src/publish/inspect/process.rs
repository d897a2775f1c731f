//! The host's side of one checking process.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use super::{
    ends::Death,
    protocol::{Limits, Line, Request, Stage},
    report::{Inspection, Measured},
};

/// Most bytes of an answer: a release's text files have 2 MiB at most.
const MAX_ANSWER: u64 = 4 << 20;
/// Bytes of standard error that are looked at.
const MAX_ERRORS: u64 = 8 << 10;

/// What a checking process said.
#[derive(Debug)]
pub(super) enum Said {
    /// It may be published. The last is why its operations could not be measured, if they could not.
    Accepted(Box<Inspection>, Option<Death>),
    /// It may not.
    Refused(Vec<String>),
    /// It cannot check anything: the host's fault.
    Broken(String),
    /// Nothing to rely on.
    Died(Death),
}

/// This very program, also if its file was replaced meanwhile.
pub(super) fn own_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        return PathBuf::from("/proc/self/exe");
    }
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("iap"))
}

/// Has one upload checked. The process ends with this future, however that ends.
pub(super) async fn converse(program: &Path, limits: Limits, component: Arc<Vec<u8>>) -> io::Result<Said> {
    let mut command = Command::new(program);
    command.arg0("iap").arg("inspect-release").env_clear().current_dir("/").kill_on_drop(true);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let request = Request { size: component.len(), limits };
    let talk = async {
        let (input, output, errors) =
            tokio::join!(tell(input, request, &component), listen(output, MAX_ANSWER), listen(errors, MAX_ERRORS));
        if MAX_ANSWER < length(&output) {
            child.start_kill()?;
        }
        let status = child.wait().await?;
        // Until here, since the process ends when this closes.
        drop(input);
        Ok::<_, io::Error>((output, errors, status))
    };
    match timeout(limits.time, talk).await {
        Ok(done) => {
            let (output, errors, status) = done?;
            let errors = String::from_utf8_lossy(&errors).into_owned();
            let heard = Heard::of(&output);
            let death =
                |garbage| Death { stage: heard.stage, status: Some(status), processor_seconds: 0, garbage, errors };
            Ok(heard.clone().conclude(status.success(), death))
        }
        Err(_elapsed) => {
            let processor_seconds = processor_seconds(&child);
            child.kill().await?;
            // What it had said went with the conversation; a process that is late is not believed anyway.
            let death = Death {
                stage: Stage::Compiling,
                status: None,
                processor_seconds,
                garbage: false,
                errors: String::new(),
            };
            Ok(Said::Died(death))
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Writes all, and gives the pipe back. A process that has ended does not read; how it ended says why.
async fn tell(input: Option<ChildStdin>, request: Request, component: &[u8]) -> Option<ChildStdin> {
    let mut input = input?;
    let mut line = serde_json::to_vec(&request).ok()?;
    line.push(b'\n');
    if input.write_all(&line).await.is_ok() {
        drop(input.write_all(component).await);
    }
    Some(input)
}

/// Reads at most one byte more than `most`.
async fn listen(from: Option<impl AsyncRead + Unpin>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        drop(from.take(most + 1).read_to_end(&mut bytes).await);
    }
    bytes
}

/// Lines of a process, as far as they make sense.
#[derive(Clone, Default)]
struct Heard {
    stage: Stage,
    accepted: Option<(Box<Inspection>, BTreeMap<String, String>)>,
    refused: Option<Vec<String>>,
    measured: Vec<Measured>,
    unmeasured: Option<String>,
    broken: Option<String>,
    garbage: bool,
}

impl Heard {
    fn of(output: &[u8]) -> Self {
        let mut heard = Self { garbage: MAX_ANSWER < length(output), ..Self::default() };
        for line in output.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(Line::Stage(stage)) => heard.stage = stage,
                Ok(Line::Accepted(inspection, files)) => heard.accepted = Some((inspection, files)),
                Ok(Line::Refused(reasons)) => heard.refused = Some(reasons),
                Ok(Line::Measured(measured)) => heard.measured = measured,
                Ok(Line::Unmeasured(why)) => heard.unmeasured = Some(why),
                Ok(Line::Broken(why)) => heard.broken = Some(why),
                Err(_) => heard.garbage = true,
            }
        }
        heard
    }

    fn conclude(self, success: bool, death: impl FnOnce(bool) -> Death) -> Said {
        if let Some(why) = self.broken {
            return Said::Broken(why);
        }
        if self.garbage {
            return Said::Died(death(true));
        }
        match (self.refused, self.accepted) {
            (Some(reasons), _) if success && !reasons.is_empty() => Said::Refused(reasons),
            (None, Some((mut inspection, files))) => {
                inspection.files = files;
                let unmeasured = self.unmeasured.map(|why| format!("its operations could not be measured: {why}"));
                inspection.warnings.extend(unmeasured);
                for operation in &mut inspection.operations {
                    operation.measured =
                        self.measured.iter().find(|measured| measured.operation == operation.name).cloned();
                }
                Said::Accepted(inspection, (!success).then(|| death(false)))
            }
            _ => Said::Died(death(false)),
        }
    }
}

/// Processor time of a living process in whole seconds; none if the system does not say.
fn processor_seconds(child: &Child) -> u64 {
    let ticks = || -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()?)).ok()?;
        // After the name, which may contain anything: state is the third field, user and system time the 14th and 15th.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
        Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
    };
    // SAFETY: a number goes in and one comes out.
    let each_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).unwrap_or(100).max(1);
    ticks().unwrap_or(0) / each_second
}

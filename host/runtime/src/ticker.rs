//! The clock tick that interrupts guests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use wasmtime::EngineWeak;

/// Length of a guest's turn on a processor.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// Between looks at an idle host, so that it does not wake a thousand times a second.
const IDLE_TICK: Duration = Duration::from_millis(10);

/// Starts the thread; it ends with the engine.
pub(crate) fn start(engine: EngineWeak, running: Arc<AtomicUsize>) -> std::io::Result<()> {
    // A thread of the system, since a runtime whose workers all spin would never tick.
    std::thread::Builder::new().name("iap-ticker".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(if running.load(Ordering::Relaxed) == 0 { IDLE_TICK } else { TICK });
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    })?;
    Ok(())
}

//! Faults on purpose: an application rehearses what storage can do to it.
//!
//! Not the faults themselves: those are [`FaultyStorage`]'s, and the tests of the engine use the same.

use std::rc::Rc;

use tidewell_core::disk::{Disk, DiskError, FaultEvent, FaultListener, FaultPlan, FaultyStorage, Latency, LocalFuture};
use wasm_bindgen_futures::spawn_local;

use crate::{host, life};

/// Waits on the host's clock.
struct HostLatency {
    operation_ms: f64,
    deadline_ms: f64,
}

impl Latency for HostLatency {
    fn operation(&self) -> LocalFuture<'static, ()> {
        let half = self.operation_ms / 2.0;
        Box::pin(async move {
            if half > 0.0 {
                host::sleep(half).await;
            }
        })
    }

    fn deadline(&self) -> LocalFuture<'static, ()> {
        Box::pin(host::sleep(self.deadline_ms))
    }
}

/// The disk that `opening` gives, going wrong as `plan` says. A simulated crash ends this instance.
pub(crate) async fn rehearse(
    opening: LocalFuture<'static, Result<Rc<dyn Disk>, DiskError>>,
    plan: FaultPlan,
    (operation_ms, deadline_ms): (f64, f64),
    on_fault: impl Fn(u64, &'static str) + 'static,
) -> Result<Rc<dyn Disk>, DiskError> {
    let storage = FaultyStorage::new(opening.await?, plan, Rc::new(HostLatency { operation_ms, deadline_ms }));
    let listener: FaultListener = Rc::new(move |event| match event {
        FaultEvent::Met(operation, fault) => on_fault(operation, fault.name()),
        FaultEvent::Crashed(fault) => {
            // In a task of its own: whoever is told may let go of the database that runs right now.
            spawn_local(async move { life::end(&format!("simulated {}", fault.name())) });
        }
    });
    storage.listen(listener);
    Ok(Rc::new(storage.open()))
}

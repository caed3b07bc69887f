//! Faults on purpose: an application rehearses what storage can do to it.
//!
//! Not the faults themselves: those are [`FaultyStorage`]'s, and the tests of the engine use the same.

use std::cell::Cell;
use std::rc::Rc;

use tidewell_core::disk::{Disk, DiskError, FaultEvent, FaultListener, FaultPlan, FaultyStorage, Latency, LocalFuture};
use wasm_bindgen_futures::spawn_local;

use crate::{host, life};

/// Waits on the host's clock.
struct HostLatency {
    operation_ms: Cell<f64>,
    deadline_ms: f64,
}

impl Latency for HostLatency {
    fn operation(&self) -> LocalFuture<'static, ()> {
        let half = self.operation_ms.get() / 2.0;
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

/// Faulty storage whose plan may be changed while it is in use.
pub(crate) struct Rehearsal {
    storage: Rc<FaultyStorage>,
    latency: Rc<HostLatency>,
}

impl Rehearsal {
    /// From now on storage goes wrong as `plan` says, and every operation takes `operation_ms` longer.
    pub(crate) fn change(&self, plan: FaultPlan, operation_ms: f64) {
        self.latency.operation_ms.set(operation_ms);
        self.storage.replan(plan);
    }
}

/// The disk that `opening` gives, going wrong as `plan` says. A simulated crash ends this instance.
pub(crate) async fn rehearse(
    opening: LocalFuture<'static, Result<Rc<dyn Disk>, DiskError>>,
    plan: FaultPlan,
    (operation_ms, deadline_ms): (f64, f64),
    on_fault: impl Fn(u64, &'static str) + 'static,
) -> Result<(Rc<dyn Disk>, Rehearsal), DiskError> {
    let latency = Rc::new(HostLatency { operation_ms: Cell::new(operation_ms), deadline_ms });
    let storage = FaultyStorage::new(opening.await?, plan, Rc::clone(&latency) as Rc<dyn Latency>);
    let listener: FaultListener = Rc::new(move |event| match event {
        FaultEvent::Met(operation, fault) => on_fault(operation, fault.name()),
        FaultEvent::Crashed(fault) => {
            // In a task of its own: whoever is told may let go of the database that runs right now.
            spawn_local(async move { life::end(&format!("simulated {}", fault.name())) });
        }
    });
    storage.listen(listener);
    Ok((Rc::new(storage.open()), Rehearsal { storage, latency }))
}

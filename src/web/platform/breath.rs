//! Lets the host do other work: input, paint, messages.
//!
//! Not a timer: nested timers are slowed to 4 ms and, in hidden pages, to seconds. A message to oneself is a task like
//! any other, at once but behind what waits already.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use js_sys::{Function, Reflect};
use tidewell_core::disk::LocalFuture;
use wasm_bindgen::prelude::*;

use crate::host;
use crate::signal::Signal;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = MessageChannel)]
    type MessageChannel;

    #[wasm_bindgen(constructor, js_class = "MessageChannel")]
    fn new() -> MessageChannel;
}

/// Makes tasks that come after the host's other work.
pub(super) struct Breath {
    waiting: Rc<RefCell<VecDeque<Signal<()>>>>,
    way: Way,
}

enum Way {
    /// Node: `setImmediate`, because an open `MessagePort` would keep the process alive.
    Immediate(Function),
    /// Everywhere else. `near` hears what is posted on `far`, and is held because workerd frees a port that only its other end knows of.
    Message { near: JsValue, far: JsValue, post: Function },
    /// A host that has neither.
    Timer,
}

impl Breath {
    pub(super) fn new() -> Self {
        let waiting: Rc<RefCell<VecDeque<Signal<()>>>> = Rc::default();
        let way = match host::method(&js_sys::global(), "setImmediate") {
            Some(immediate) => Way::Immediate(immediate),
            None => Self::channel(&waiting).unwrap_or(Way::Timer),
        };
        Self { waiting, way }
    }

    fn channel(waiting: &Rc<RefCell<VecDeque<Signal<()>>>>) -> Option<Way> {
        if host::global("MessageChannel").is_undefined() {
            return None;
        }
        let channel = MessageChannel::new();
        let (near, far) = (host::property(&channel, "port1"), host::property(&channel, "port2"));
        let post = host::method(&far, "postMessage")?;
        let handler = wake(waiting);
        Reflect::set(&near, &JsValue::from_str("onmessage"), &handler).ok()?;
        Some(Way::Message { near, far, post })
    }

    /// Resolves in a later task.
    pub(super) fn take(&self) -> LocalFuture<'static, ()> {
        let turn = Signal::new();
        match &self.way {
            Way::Immediate(immediate) => {
                let turn = turn.clone();
                let callback = Closure::once_into_js(move || turn.set(()));
                let _ = immediate.call1(&JsValue::UNDEFINED, &callback);
            }
            Way::Message { far, post, .. } => {
                self.waiting.borrow_mut().push_back(turn.clone());
                let _ = post.call1(far, &JsValue::NULL);
            }
            Way::Timer => return Box::pin(host::sleep(0.0)),
        }
        Box::pin(turn)
    }
}

/// A handler that wakes the one who waits longest.
fn wake(waiting: &Rc<RefCell<VecDeque<Signal<()>>>>) -> JsValue {
    let waiting = Rc::clone(waiting);
    Closure::<dyn FnMut()>::new(move || {
        let turn = waiting.borrow_mut().pop_front();
        if let Some(turn) = turn {
            turn.set(());
        }
    })
    .into_js_value()
}

impl Drop for Breath {
    fn drop(&mut self) {
        if let Way::Message { near, .. } = &self.way {
            if let Some(close) = host::method(near, "close") {
                let _ = close.call0(near);
            }
        }
    }
}

//! Messages between the instances of one database, by `BroadcastChannel`.
//!
//! Best effort: a message may be lost, and the log tells everything anyway. A message costs the browser a third of a commit,
//! so nothing is sent while nobody else is there: an instance says hello when it begins to listen, the others answer, it tells
//! those that it knows them now (what it committed before that, they look up), and it says bye when it closes. One that is killed stays in the list; that costs time, nothing else.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::host;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = BroadcastChannel)]
    #[derive(Clone)]
    type BroadcastChannel;

    #[wasm_bindgen(constructor, js_class = "BroadcastChannel", catch)]
    fn new(name: &str) -> Result<BroadcastChannel, JsValue>;

    #[wasm_bindgen(method, catch, js_name = postMessage)]
    fn post_message(this: &BroadcastChannel, message: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(method)]
    fn close(this: &BroadcastChannel);
}

/// What comes from another instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// It announced this.
    Message(&'a [u8]),
    /// It is there, and tells everything from now on. What it did before has to be looked up.
    Peer,
}

/// Is called with what other instances say.
pub type Listener = Rc<dyn Fn(Heard<'_>)>;

/// An open channel. Dropping it closes it.
pub(super) struct Channel {
    channel: BroadcastChannel,
    own: String,
    peers: Rc<RefCell<BTreeSet<String>>>,
}

/// The words of instances about themselves; each is followed by the speaker's name.
const HELLO: &str = "hello ";
const BYE: &str = "bye ";
/// Followed by the speaker's name and that of the one who said hello.
const HERE: &str = "here ";
/// Followed by the speaker's name and that of the one who said `here`: until now it did not tell him what it committed.
const KNOWN: &str = "known ";

impl Channel {
    /// Opens the channel `name`; `None` where the host has none.
    pub(super) fn open(name: &str) -> Option<Self> {
        if host::global("BroadcastChannel").is_undefined() {
            return None;
        }
        let channel = BroadcastChannel::new(name).ok()?;
        // Node: an open channel must not keep the process alive.
        if let Some(unref) = host::method(&channel, "unref") {
            let _ = unref.call0(&channel);
        }
        Some(Self { channel, own: host::random_name(), peers: Rc::default() })
    }

    /// Calls `listener` with what other instances say, and tells them that this one is there.
    pub(super) fn listen(&self, listener: Listener) {
        let (channel, own, peers) = (self.channel.clone(), self.own.clone(), Rc::clone(&self.peers));
        let handler = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
            let data = host::property(&event, "data");
            if let Some(words) = data.as_string() {
                if let Some(name) = words.strip_prefix(HELLO) {
                    peers.borrow_mut().insert(name.to_owned());
                    say(&channel, HERE, &format!("{own} {name}"));
                } else if let Some((name, to)) = words.strip_prefix(HERE).and_then(|names| names.split_once(' ')) {
                    let is_new = peers.borrow_mut().insert(name.to_owned());
                    if is_new || to == own {
                        listener(Heard::Peer);
                    }
                    // Also where both said hello at once, and each knew of the other before this answer.
                    if to == own {
                        say(&channel, KNOWN, &format!("{own} {name}"));
                    }
                } else if let Some((name, to)) = words.strip_prefix(KNOWN).and_then(|names| names.split_once(' ')) {
                    if to == own {
                        peers.borrow_mut().insert(name.to_owned());
                        listener(Heard::Peer);
                    }
                } else if let Some(name) = words.strip_prefix(BYE) {
                    peers.borrow_mut().remove(name);
                }
            } else if let Ok(bytes) = data.dyn_into::<Uint8Array>() {
                listener(Heard::Message(&bytes.to_vec()));
            }
        });
        self.set_handler(&handler.into_js_value());
        say(&self.channel, HELLO, &self.own);
    }

    /// Sends an exact copy of `message` to the others, if there are any.
    pub(super) fn post(&self, message: &[u8]) {
        if !self.peers.borrow().is_empty() {
            let _ = self.channel.post_message(&Uint8Array::new_from_slice(message));
        }
    }

    /// Stops sending and listening.
    pub(super) fn close(&self) {
        say(&self.channel, BYE, &self.own);
        self.set_handler(&JsValue::NULL);
        self.channel.close();
    }

    fn set_handler(&self, handler: &JsValue) {
        let _ = Reflect::set(&self.channel, &JsValue::from_str("onmessage"), handler);
    }
}

fn say(channel: &BroadcastChannel, word: &str, name: &str) {
    let _ = channel.post_message(&JsValue::from_str(&format!("{word}{name}")));
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.close();
    }
}

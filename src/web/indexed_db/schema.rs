//! How blobs are laid out in IndexedDB: two object stores and the keys of every blob.
//!
//! It is version 1 of the IndexedDB database and stays so; Tidewell's own format version lives inside the blobs.
//!
//! | store | key | blob |
//! |---|---|---|
//! | `log` | number: the position | log record, or its last piece: a `Uint8Array` |
//! | `log` | number: the position less 1/32, 2/32 … | the pieces before, from the last one on: `ArrayBuffer`s |
//! | `log` | string: `meta-`, `floor-` or `manifest-` and the id in 16 decimal digits | the other small areas |
//! | `log` | string: `identity` | 16 random bytes, written when the database was created |
//! | `log` | string: `generation-` and a number in 16 decimal digits | nothing; see `floors.rs` |
//! | `tables` | number: id × 2^20 + part | part of a table |

use js_sys::{ArrayBuffer, Uint8Array};
use tidewell_core::disk::{Area, BlobName, BlobRange};
use wasm_bindgen::{JsCast, JsValue};

/// The version of every database, forever.
pub(super) const VERSION: u32 = 1;
/// The store of the log and of everything that is committed with it.
pub(super) const LOG: &str = "log";
/// The store of the tables' parts.
pub(super) const TABLES: &str = "tables";
/// The key of the identity of the database, in the store [`LOG`].
pub(super) const IDENTITY: &str = "identity";

/// What the keys of generations start with, in the store [`LOG`].
const GENERATION: &str = "generation-";

/// Parts of one table: 2^20.
const PARTS: u64 = 1 << 20;
/// The largest integer that every number up to it can be told from its neighbours as a JavaScript number.
const SAFE: u64 = (1 << 53) - 1;

/// The most bytes of a piece: Chromium makes a file of its own of a value above 64 KiB.
const PIECE: usize = 60 << 10;
/// A record up to this length is written in pieces; of a longer one, the file is the better place.
const PIECED_MAX: usize = 1 << 20;
/// The most pieces of a record.
pub(super) const PIECES_MAX: usize = PIECED_MAX.div_ceil(PIECE);
/// How far the keys of pieces are apart: so many are less than a position.
const PIECE_STEPS: f64 = 32.0;
/// Positions up to this one have numbers between them.
const PIECED_POSITION_MAX: u64 = 1 << 47;

/// The index of the store that holds `area`, in the order of [`LOG`], [`TABLES`].
pub(super) fn store_of(area: Area) -> usize {
    usize::from(area == Area::Table)
}

fn prefix(area: Area) -> &'static str {
    match area {
        Area::Meta => "meta-",
        Area::Floor => "floor-",
        Area::Manifest => "manifest-",
        Area::Log | Area::Table => "",
    }
}

#[expect(clippy::cast_precision_loss, reason = "keys stay below 2^53, where every integer is exact")]
fn number(value: u64) -> JsValue {
    JsValue::from_f64(value.min(SAFE) as f64)
}

fn key(area: Area, id: u64, part: u64) -> JsValue {
    match area {
        Area::Log => number(id),
        Area::Table => number(id.min(SAFE / PARTS) * PARTS + part),
        _ => JsValue::from_str(&format!("{}{:016}", prefix(area), id.min(SAFE))),
    }
}

/// The key of a blob.
pub(super) fn key_of(name: &BlobName) -> JsValue {
    key(name.area, name.id, u64::from(name.part))
}

/// The key of the first piece that a log record may have.
fn first_piece(position: u64) -> JsValue {
    match position <= PIECED_POSITION_MAX {
        true => JsValue::from_f64(position as f64 - (PIECE_STEPS - 1.0) / PIECE_STEPS),
        false => number(position),
    }
}

/// Whether a blob has more pieces than one.
pub(super) fn is_pieced(name: &BlobName, bytes: &[u8]) -> bool {
    name.area == Area::Log && name.id <= PIECED_POSITION_MAX && (PIECE + 1..=PIECED_MAX).contains(&bytes.len())
}

/// Takes a blob apart: the pieces before the last with their keys, and the last, which has the blob's own key.
pub(super) fn pieces<'a>(name: &BlobName, bytes: &'a [u8]) -> (Vec<(JsValue, JsValue)>, &'a [u8]) {
    let before = if is_pieced(name, bytes) { bytes.len().saturating_sub(1) / PIECE } else { 0 };
    let (ahead, last) = bytes.split_at(before * PIECE);
    let key = |left: usize| JsValue::from_f64(name.id as f64 - left as f64 / PIECE_STEPS);
    let stored = |piece: &[u8]| Uint8Array::new_from_slice(piece).buffer().into();
    let keys = (1..=before).rev().map(key);
    (keys.zip(ahead.chunks(PIECE).map(stored)).collect(), last)
}

/// The first and the last key of a range; `None` if no blob can be in it.
pub(super) fn bounds_of(range: &BlobRange) -> Option<(JsValue, JsValue)> {
    let highest = if range.area == Area::Table { SAFE / PARTS } else { SAFE };
    if range.first > range.last || range.first > highest {
        return None;
    }
    let first = match range.area {
        Area::Log => first_piece(range.first),
        area => key(area, range.first, 0),
    };
    Some((first, key(range.area, range.last.min(highest), PARTS - 1)))
}

/// The key of a generation of the area `Floor`.
pub(super) fn generation_key(generation: u64) -> JsValue {
    JsValue::from_str(&format!("{GENERATION}{generation:016}"))
}

/// The generation with that key; `None` if the key is another one.
pub(super) fn generation_of(key: &JsValue) -> Option<u64> {
    key.as_string()?.strip_prefix(GENERATION)?.parse().ok()
}

/// The name of the blob at `key` of `area`; `None` if the key is not one of ours.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a safe integer")]
pub(super) fn name_of(area: Area, key: &JsValue) -> Option<BlobName> {
    if let Some(text) = key.as_string() {
        let id = text.strip_prefix(prefix(area))?.parse().ok()?;
        return Some(BlobName { area, id, part: 0 });
    }
    let number = key.as_f64().filter(|n| n.fract() == 0.0 && (0.0..=SAFE as f64).contains(n))? as u64;
    match area {
        Area::Table => Some(BlobName::table(number / PARTS, (number % PARTS) as u32)),
        _ => Some(BlobName { area, id: number, part: 0 }),
    }
}

/// An exact copy for the storage: a view would make it clone the whole memory of the module.
pub(super) fn to_stored(bytes: &[u8]) -> JsValue {
    Uint8Array::new_from_slice(bytes).into()
}

/// The bytes of a stored value; `None` if it is something else.
pub(super) fn from_stored(value: &JsValue) -> Option<Vec<u8>> {
    value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec)
}

/// Puts blobs together whose values come in the order of their keys.
#[derive(Default)]
pub(super) struct Joiner {
    pieces: Vec<u8>,
}

impl Joiner {
    /// The blob that ends with this value; nothing if it goes on. `None` if the value is no piece of a blob.
    pub(super) fn take(&mut self, value: &JsValue) -> Option<Option<Vec<u8>>> {
        if let Some(piece) = value.dyn_ref::<ArrayBuffer>() {
            self.pieces.extend(Uint8Array::new(piece).to_vec());
            return Some(None);
        }
        let last = from_stored(value)?;
        if self.pieces.is_empty() {
            return Some(Some(last));
        }
        self.pieces.extend(last);
        Some(Some(std::mem::take(&mut self.pieces)))
    }
}

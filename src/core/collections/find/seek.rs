//! Starts an ordered plan behind a page token, so that a late page costs what the first one costs.
//!
//! Only a shortcut: the selection compares ranks with the token in any case.

use crate::engine::{Direction, KeyRange};

use super::super::catalog::Index;
use super::super::key_codec::invert;
use super::super::keys;
use super::super::plan::{Access, Order, Plan};
use super::super::rank::write_id;
use super::token::Token;

/// Cuts off what comes before the token, where the plan's keys have the order of the result.
pub(super) fn seek(plan: &mut Plan, collection: u32, order: &Order, token: &Token) {
    if !plan.ordered {
        return;
    }
    let direction = plan.direction;
    match &mut plan.access {
        Access::Nothing | Access::Ids(_) | Access::Any(_) => {}
        Access::Documents(ranges) => {
            let key = [&keys::document_prefix(collection)[..], &token.id].concat();
            cut(ranges, &key, direction);
        }
        Access::Index { index, ranges } => {
            let fixed = (plan.fixed.as_slice(), plan.fixed_fields);
            if let Some(key) = index_key(index, collection, order, token, direction, fixed) {
                cut(ranges, &key, direction);
            }
        }
    }
}

/// The key that the token's document has in the index. `None` where the sort key and the entry have different fields.
fn index_key(
    index: &Index,
    collection: u32,
    order: &Order,
    token: &Token,
    direction: Direction,
    (fixed, fixed_fields): (&[u8], usize),
) -> Option<Vec<u8>> {
    let rest = index.spec.fields.get(fixed_fields..)?;
    if rest.len() != order.fields.len()
        || rest.iter().zip(&order.fields).any(|(field, wanted)| field.path.text() != &*wanted.path)
    {
        return None;
    }
    let mut key = keys::index_prefix(collection, index.id).to_vec();
    key.extend_from_slice(fixed);
    let start = key.len();
    key.extend_from_slice(&token.sort_key);
    if direction == Direction::Backward {
        invert(key.get_mut(start..)?);
    }
    if !index.spec.unique {
        write_id(&token.id, index.id_descends(), &mut key);
    }
    Some(key)
}

fn cut(ranges: &mut Vec<KeyRange>, key: &[u8], direction: Direction) {
    for range in ranges.iter_mut() {
        match direction {
            Direction::Forward => {
                if range.start.as_slice() <= key {
                    range.start = [key, &[0]].concat();
                }
            }
            Direction::Backward => {
                if range.end.as_ref().is_none_or(|end| end.as_slice() > key) {
                    range.end = Some(key.to_vec());
                }
            }
        }
    }
    ranges.retain(|range| range.end.as_ref().is_none_or(|end| range.start < *end));
}

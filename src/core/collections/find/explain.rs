//! What `explain` tells: the plan and what running it cost.

use super::super::json::{self, write_string};
use super::super::key_codec;
use super::super::plan::interval::{Cut, Interval};
use super::super::plan::{Access, Plan};
use super::super::scan::Scan;
use crate::engine::Direction;

/// Appends the explanation of a query that ran; `ms` is how long that took.
pub fn write(collection: &str, scan: Option<&Scan>, covered: bool, sorted: bool, returned: u64, ms: f64) -> Vec<u8> {
    let nothing = Plan::nothing();
    let plan = scan.map_or(&nothing, Scan::plan);
    let mut out = b"{\"collection\":".to_vec();
    write_string(collection, &mut out);
    field(&mut out, "stage", &format!("\"{}\"", plan.access.stage()));
    let mut multi_entry = false;
    let ranges = match &plan.access {
        Access::Nothing => 0,
        Access::Documents(ranges) => ranges.len(),
        Access::Ids(ids) => ids.len(),
        Access::Index { index, ranges } => {
            multi_entry = index.multi_entry;
            out.extend_from_slice(b",\"index\":");
            write_string(&index.spec.name, &mut out);
            ranges.len()
        }
        Access::Any(ways) => {
            branches(&mut out, ways);
            ways.len()
        }
    };
    let direction = if plan.direction == Direction::Forward { "\"forward\"" } else { "\"backward\"" };
    field(&mut out, "direction", direction);
    bounds(&mut out, plan);
    field(&mut out, "filter", if plan.exact { "false" } else { "true" });
    field(&mut out, "sortInMemory", if sorted && !plan.ordered { "true" } else { "false" });
    field(&mut out, "covered", if covered { "true" } else { "false" });
    field(&mut out, "multiEntry", if multi_entry { "true" } else { "false" });
    field(&mut out, "ranges", &ranges.to_string());
    let (keys, documents) = scan.map_or((0, 0), |scan| (scan.keys_examined, scan.documents_examined));
    field(&mut out, "keysExamined", &keys.to_string());
    field(&mut out, "documentsExamined", &documents.to_string());
    field(&mut out, "returned", &returned.to_string());
    out.extend_from_slice(b",\"ms\":");
    json::write_number((ms * 1000.0).round() / 1000.0, &mut out);
    out.extend_from_slice(b",\"considered\":[");
    for (at, (name, cost)) in plan.considered.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"name\":");
        write_string(name, &mut out);
        out.extend_from_slice(format!(",\"cost\":{cost}}}").as_bytes());
    }
    out.extend_from_slice(b"]}");
    out
}

fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
}

/// `"branches":[{"stage":"index","index":"tag"}]`.
fn branches(out: &mut Vec<u8>, ways: &[Access]) {
    out.extend_from_slice(b",\"branches\":[");
    for (at, way) in ways.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"stage\":\"" } else { b"{\"stage\":\"" });
        out.extend_from_slice(way.stage().as_bytes());
        out.push(b'"');
        if let Access::Index { index, .. } = way {
            out.extend_from_slice(b",\"index\":");
            write_string(&index.spec.name, out);
        }
        out.push(b'}');
    }
    out.push(b']');
}

/// `"bounds":{"path":["[1, 5)"]}`.
fn bounds(out: &mut Vec<u8>, plan: &Plan) {
    out.extend_from_slice(b",\"bounds\":{");
    for (at, (path, keys)) in plan.bounds.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::write_key(path, out);
        out.push(b'[');
        for (at, interval) in keys.as_slice().iter().take(20).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_string(&text(interval), out);
        }
        out.push(b']');
    }
    out.push(b'}');
}

/// An interval for people: `[1, 5)`, or one value, or a class such as `strings`.
fn text(interval: &Interval) -> String {
    if interval.is_prefix() {
        return end(&interval.low).unwrap_or_else(|| "all of a type".to_owned());
    }
    let low_mark = if interval.low.after { '(' } else { '[' };
    let high_mark = if interval.high.after { ']' } else { ')' };
    let low = end(&interval.low).map_or_else(|| "(…".to_owned(), |low| format!("{low_mark}{low}"));
    let high = end(&interval.high).map_or_else(|| "…)".to_owned(), |high| format!("{high}{high_mark}"));
    format!("{low}, {high}")
}

fn end(cut: &Cut) -> Option<String> {
    let mut key = cut.prefix.as_slice();
    let value =
        key_codec::decode(&mut key).ok().filter(|_| cut.prefix.len() > 1 || cut.prefix.first() == Some(&0x10))?;
    String::from_utf8(json::to_json(&value)).ok()
}

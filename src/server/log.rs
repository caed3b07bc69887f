//! Lines of JSON on the standard error: a level, a code, a sentence.
//!
//! No line holds a document, a token or a name of a user.

use serde_json::json;

/// Something failed here.
pub(crate) fn error(code: &str, message: &str) {
    line("error", code, message);
}

/// Something is not as it should be, and the server goes on.
pub(crate) fn warn(code: &str, message: &str) {
    line("warn", code, message);
}

/// A request was refused.
pub(crate) fn refused(code: &str, route: &str, status: u16) {
    let message = "a request was refused";
    eprintln!("{}", json!({ "level": "warn", "code": code, "message": message, "route": route, "status": status }));
}

/// So many more were refused with this code.
pub(crate) fn passed_over(code: &str, count: u64) {
    let message = "further requests were refused";
    eprintln!("{}", json!({ "level": "warn", "code": code, "message": message, "count": count }));
}

fn line(level: &str, code: &str, message: &str) {
    eprintln!("{}", json!({ "level": level, "code": code, "message": message }));
}

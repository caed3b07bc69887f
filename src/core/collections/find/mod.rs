//! Reading: what a query finds, counts and tells about itself.
//!
//! Every task here is resumable: after a pause it goes on where it was, on the same state, and its slices are short
//! enough that the page keeps its frames.

pub mod answer;
pub mod explain;
pub mod query;
mod ranked;
mod seek;
pub mod selection;
pub mod tally;
pub mod token;

pub use answer::{get, get_many, Answer, Find, Outdated};
pub use query::{take_filter, Matcher, Query, Ranking};
pub use selection::{Found, Selection};
pub use tally::Tally;
pub use token::Token;

//! Which documents an update or a delete is about.

use std::rc::Rc;

use super::super::find::Query;

/// The documents.
#[derive(Clone, Debug)]
pub enum Target {
    /// Those with these ids, as far as they exist.
    Ids(Vec<Box<str>>),
    /// The matches of a query.
    Query(Rc<Query>),
}

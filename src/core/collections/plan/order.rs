//! The order a query asks for, reduced to what decides: sort fields, then the id.
//!
//! Not the comparison itself: sort keys come from the sort's own bytes.

/// One field of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderField {
    /// The path.
    pub path: Box<str>,
    /// Whether larger values come first.
    pub descending: bool,
}

/// A total order of documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The sort fields before the id.
    pub fields: Vec<OrderField>,
    /// Whether documents that are equal in all fields descend by id: as the last sort field does, or as asked.
    pub id_descending: bool,
    /// Whether the order was asked for at all; if not, any will do.
    pub required: bool,
}

impl Order {
    /// The order of a sort's fields. What stands behind `id` can decide nothing.
    pub fn new(mut fields: Vec<OrderField>, required: bool) -> Self {
        let required = required || !fields.is_empty();
        if let Some(at) = fields.iter().position(|field| &*field.path == "id") {
            fields.truncate(at + 1);
        }
        let id_descending = fields.last().is_some_and(|field| field.descending);
        if fields.last().is_some_and(|field| &*field.path == "id") {
            fields.pop();
        }
        Self { fields, id_descending, required }
    }

    /// Whether it is the order of document keys, one way or the other.
    pub fn is_by_id(&self) -> bool {
        self.fields.is_empty()
    }
}

//! A query as the find task runs it: parsed once, used for every slice and every live update.

use crate::base::{Error, Result};

use super::super::document::Document;
use super::super::expression::compile_condition;
use super::super::fields::Fields;
use super::super::filter::Filter;
use super::super::plan::{Hint, Order, OrderField};
use super::super::projection::Projection;
use super::super::rank::write_id;
use super::super::sort::{Sort, SortField};
use super::super::{json, Value};
use super::token::Token;

/// A filter with the text it was parsed from, which the planner reads.
#[derive(Debug)]
pub struct Matcher {
    /// The filter as a value.
    pub value: Value,
    /// `None` matches everything.
    pub filter: Option<Filter>,
}

impl Matcher {
    /// Parses a filter. `now_ms` is the time that `$expr` sees, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// `Invalid` naming the path and the operator at fault.
    pub fn parse(value: Value, now_ms: f64) -> Result<Self> {
        let empty = matches!(&value, Value::Object(fields) if fields.is_empty());
        let filter = if empty { None } else { Some(Filter::parse_with(&value, &compile_condition(now_ms))?) };
        Ok(Self { value, filter })
    }

    /// Matches every document.
    pub fn all() -> Self {
        Self { value: Value::Object(Vec::new()), filter: None }
    }

    /// Whether it matches every document.
    pub fn is_all(&self) -> bool {
        self.filter.is_none()
    }

    /// Whether the document matches.
    ///
    /// # Errors
    /// `Invalid` where an expression of the filter cannot be computed for the document.
    #[inline]
    pub fn matches(&self, document: &Document<'_>) -> Result<bool> {
        self.filter.as_ref().map_or(Ok(true), |filter| filter.matches(document))
    }
}

/// A total order with the means to compute ranks.
#[derive(Debug, Default)]
pub struct Ranking {
    /// The order.
    pub order: Order,
    sort: Option<Sort>,
}

impl Ranking {
    /// Parses a sort: `{"path":1|-1}` or `[["path",1|-1]]`. `required` says that an order is needed even without a sort.
    ///
    /// # Errors
    /// `Invalid` naming the path at fault.
    pub fn parse(sort: Option<Value>, required: bool) -> Result<Self> {
        let fields = match sort {
            None => Vec::new(),
            Some(value) => order_fields(&value)?,
        };
        let order = Order::new(fields, required);
        let direction = |descending: bool| Value::Number(if descending { -1.0 } else { 1.0 });
        let object = order.fields.iter().map(|field| (field.path.clone(), direction(field.descending))).collect();
        let sort = if order.fields.is_empty() { None } else { Some(Sort::parse(&Value::Object(object))?) };
        Ok(Self { order, sort })
    }

    /// Writes the document's rank to `rank`, replacing what was there; answers where its id part begins.
    #[inline]
    pub fn rank(&self, document: &Document<'_>, id: &[u8], rank: &mut Vec<u8>) -> usize {
        rank.clear();
        if let Some(sort) = &self.sort {
            sort.key(document, rank);
        }
        let at = rank.len();
        write_id(id, self.order.id_descending, rank);
        at
    }
}

fn order_fields(sort: &Value) -> Result<Vec<OrderField>> {
    if matches!(sort, Value::Object(fields) if fields.is_empty())
        || matches!(sort, Value::Array(pairs) if pairs.is_empty())
    {
        return Ok(Vec::new());
    }
    let field = |field: &SortField| OrderField { path: field.path.text().into(), descending: field.descending };
    Ok(Sort::parse(sort)?.fields().iter().map(field).collect())
}

/// A parsed `find`.
#[derive(Debug)]
pub struct Query {
    /// The collection's name.
    pub collection: Box<str>,
    /// Which documents.
    pub matcher: Matcher,
    /// In which order.
    pub ranking: Ranking,
    /// How many matches are left out first.
    pub skip: u64,
    /// How many are given at most.
    pub limit: Option<u64>,
    /// What of each document is given.
    pub projection: Option<Projection>,
    /// Which way the planner has to take.
    pub hint: Option<Hint>,
    /// Behind which document the result begins.
    pub after: Option<Token>,
    /// Whether the answer is a page with the token of the next one.
    pub page: bool,
    /// Whether the answer names the schema versions of the documents.
    pub versions: bool,
}

impl Query {
    /// Every document of the collection that `matcher` matches, in any order.
    pub fn new(collection: &str, matcher: Matcher) -> Self {
        Self {
            collection: collection.into(),
            matcher,
            ranking: Ranking::default(),
            skip: 0,
            limit: None,
            projection: None,
            hint: None,
            after: None,
            page: false,
            versions: false,
        }
    }

    /// Takes the fields of a `find` out of a command.
    ///
    /// # Errors
    /// `Invalid` naming the field and the path at fault.
    pub fn take(fields: &mut Fields<'_>, now_ms: f64) -> Result<Self> {
        let collection = fields.required_text("collection")?.into();
        let matcher = take_filter(fields, now_ms)?;
        let page = fields.flag("page", false)?;
        let after = fields.text("after")?;
        let (skip, limit) = (fields.number("skip")?.unwrap_or(0), fields.number("limit")?);
        // Whoever takes a part of the answer means the same part each time, whichever way it is found.
        let partial = page || after.is_some() || skip > 0 || limit.is_some();
        let ranking = Ranking::parse(fields.value("sort")?, partial)?;
        let after = after.map(|text| Token::parse(&text, &ranking.order)).transpose()?;
        let projection = match fields.value("projection")? {
            Some(Value::Object(list)) if list.is_empty() => None,
            Some(projection) => Some(Projection::parse(&projection)?),
            None => None,
        };
        Ok(Self {
            collection,
            matcher,
            ranking,
            skip,
            limit,
            projection,
            hint: fields.text("hint")?.map(|hint| Hint::parse(&hint)),
            after,
            page,
            versions: fields.flag("versions", false)?,
        })
    }

    /// How many matches are needed at most, skipped ones included; a page looks one further.
    pub fn take_max(&self) -> Option<u64> {
        self.limit.map(|limit| self.skip.saturating_add(limit).saturating_add(u64::from(self.page)))
    }

    /// Appends what the query shows of a document; answers whether it has tagged values.
    pub fn show(&self, document: &Document<'_>, out: &mut Vec<u8>) -> bool {
        match &self.projection {
            None => {
                out.extend_from_slice(document.json());
                document.is_extended()
            }
            Some(projection) => projection.write(document, out),
        }
    }
}

/// Takes `filter` out of a command; without one everything matches.
pub fn take_filter(fields: &mut Fields<'_>, now_ms: f64) -> Result<Matcher> {
    match fields.raw("filter") {
        None | Some(b"{}") => Ok(Matcher::all()),
        Some(raw) => {
            let value = json::parse(raw).map_err(|error| Error::invalid(format!("filter: {}", error.message())))?;
            Matcher::parse(value, now_ms)
        }
    }
}

//! Why a document has its score: a tree of numbers with a sentence each.

use crate::collections::json;
use crate::collections::Value;
use crate::engine::Step;

use super::super::plan::Plan;
use super::super::postings::{DocNumber, Postings};
use super::super::score::{length_of, Model};
use super::super::spec::SearchSpec;
use super::bits::Bits;
use super::expand;
use super::frame::{Frame, Window};
use super::node::{build, Live, Setting};
use super::pool::Pool;

/// A number, what it is, and what it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The number.
    pub value: f32,
    /// What it is.
    pub what: String,
    /// What it was made of.
    pub parts: Vec<Explanation>,
}

impl Explanation {
    fn new(value: f32, what: impl Into<String>, parts: Vec<Explanation>) -> Self {
        Self { value, what: what.into(), parts }
    }

    /// Appends `{"value":n,"what":"…","parts":[…]}`; `parts` is left out where there are none.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&json::to_json(&self.to_value()));
    }

    fn to_value(&self) -> Value {
        let mut fields: Vec<(Box<str>, Value)> = vec![
            ("value".into(), Value::Number(f64::from(self.value))),
            ("what".into(), Value::String(self.what.as_str().into())),
        ];
        if !self.parts.is_empty() {
            fields.push(("parts".into(), Value::Array(self.parts.iter().map(Self::to_value).collect())));
        }
        Value::Object(fields)
    }
}

/// Explains the score of a document; `None` if it does not match.
///
/// # Errors
/// Pauses as reading does; call it again then.
pub fn explain(plan: &Plan, spec: &SearchSpec, postings: &dyn Postings, doc: DocNumber) -> Step<Option<Explanation>> {
    let totals = postings.totals()?;
    let model = Model::new(spec, &totals);
    let expanded = expand::expand(plan, postings)?;
    let setting = Setting::new(postings, &model, &plan.scopes, totals.docs);
    let mut root = build(&setting, &plan.root, &mut expanded.words())?;
    Explainer { setting: &setting, spec, window: Window { start: doc, end: doc.saturating_add(1), wide: false } }
        .node(&mut root)
}

struct Explainer<'a> {
    setting: &'a Setting<'a>,
    spec: &'a SearchSpec,
    window: Window,
}

impl Explainer<'_> {
    fn node(&self, live: &mut Live<'_>) -> Step<Option<Explanation>> {
        let mut frame = Frame::default();
        let mut window = self.window;
        live.bound(&mut window)?;
        // Where candidates are given, members stay on the document: the parts are filled again, one by one.
        let mut only = Bits::default();
        only.insert(0);
        live.fill(self.setting, window, Some(&only), f32::NEG_INFINITY, &mut frame)?;
        if !frame.matched.has(0) {
            return Ok(None);
        }
        let score = frame.scores[0] as f32;
        Ok(Some(match live {
            Live::Nothing => Explanation::new(0.0, "nothing", Vec::new()),
            Live::Pool(pool) => self.pool(pool, score)?,
            Live::Phrase(phrase) => {
                let impact = phrase.impact(self.window.start)?;
                let parts = vec![
                    Explanation::new(phrase.weight, "rarity of its words, times boost", Vec::new()),
                    Explanation::new(impact, "weighted and normalised frequency of the phrase", Vec::new()),
                ];
                Explanation::new(score, "phrase", parts)
            }
            Live::Any(any) => {
                let what = format!("sum of at least {} of {}", any.minimum, any.children.len());
                let children = any.children.iter_mut().map(|child| &mut child.live);
                Explanation::new(score, what, self.nodes(children)?)
            }
            Live::All(all) => {
                let children = all.required.iter_mut().chain(&mut all.optional);
                Explanation::new(score, "sum of all", self.nodes(children)?)
            }
        }))
    }

    fn nodes<'b, 'c: 'b>(&self, lives: impl Iterator<Item = &'b mut Live<'c>>) -> Step<Vec<Explanation>> {
        let mut parts = Vec::new();
        for live in lives {
            parts.extend(self.node(live)?);
        }
        Ok(parts)
    }

    fn pool(&self, pool: &mut Pool<'_>, score: f32) -> Step<Explanation> {
        let (doc, k1) = (self.window.start, pool.k1);
        let mut parts = Vec::new();
        for member in &mut pool.members {
            if !member.seek(doc)? {
                continue;
            }
            member.load()?;
            let Some(at) = member.find(doc) else { continue };
            for column in member.block.columns() {
                let count = column.counts().get(at).copied().unwrap_or(0);
                let code = column.codes().get(at).copied().unwrap_or(0);
                let Some(unit) = member.scope.unit(column.field(), code).filter(|_| count > 0) else { continue };
                parts.push(self.field(member, column.field(), count, code, unit));
            }
        }
        let impact: f32 = parts.iter().map(|part| part.value).sum();
        let docs = pool.members.iter().map(|member| member.docs()).max().unwrap_or(0);
        let weight = format!("idf (in {docs} of {} documents), times boost", self.setting.docs);
        let parts = vec![
            Explanation::new(pool.weight, weight, Vec::new()),
            Explanation::new(1.0 - k1 / (k1 + impact), format!("impact / (impact + k1 {k1})"), parts),
        ];
        Ok(Explanation::new(score, "word", parts))
    }

    fn field(&self, member: &super::pool::Member<'_>, field: usize, count: u16, code: u8, unit: f32) -> Explanation {
        let name = self.spec.fields.get(field).map_or("", |field| field.path.text());
        let model = member.scope.model.fields.get(field);
        let (weight, b, average) = model.map_or((0.0, 0.0, 0.0), |model| (model.weight, model.b, model.average));
        let what = format!(
            "{count} × in {name}: weight {weight}, likeness {}, length {} of average {average:.1}, b {b}",
            member.similarity(),
            length_of(code),
        );
        Explanation::new(f32::from(count) * unit * member.similarity(), what, Vec::new())
    }
}

//! From what was found to JSON.

use crate::base::Result;
use crate::collections::catalog::Collection;
use crate::collections::find::Token;
use crate::collections::json::to_json;
use crate::collections::rank::read_id;
use crate::collections::view::Gather;
use crate::collections::Document;
use crate::engine::{Read, Step};
use crate::search::evaluate::explain;
use crate::search::store::{Prepared, StoredPostings};
use crate::search::terms::texts;
use crate::search::Highlights;

use super::super::super::response::{write_list, ObjectWriter, Response};
use super::token::ScoreToken;
use super::{load, Found, Highlight, Run, Wanted};

impl Run {
    pub(super) fn answer(
        &mut self,
        wanted: &Wanted,
        view: &dyn Read,
        postings: &StoredPostings<'_>,
        collection: &Collection,
    ) -> Step<Response> {
        let end = (wanted.skip + wanted.limit).min(self.found.len());
        let shown = self.found.get(wanted.skip.min(end)..end).unwrap_or_default();
        let mut answer = ObjectWriter::default();
        let mut extended = false;
        let mut hits = Vec::new();
        for (found, id, stored) in load_all(shown, wanted.shows_documents(), view, postings, collection)? {
            let mut one = ObjectWriter::default();
            one.text("id", &id).fraction("score", found.hit.score.into());
            match stored {
                Some(stored) => extended |= self.show(wanted, &Document::parse(&stored)?, &mut one)?,
                None => {
                    let mut doc = ObjectWriter::default();
                    one.raw("doc", &doc.text("id", &id).finish().json);
                }
            }
            if wanted.explain {
                let tree = explain(&self.plan, &self.prepared.spec, postings, found.hit.doc)?;
                match tree {
                    Some(tree) => tree.write_json(one.field("explain")),
                    None => drop(one.raw("explain", b"null")),
                }
            }
            hits.push(one.finish().json);
        }
        write_list(answer.field("hits"), &hits, |hit, out| out.extend_from_slice(hit));
        let mut next = None;
        if wanted.page {
            let last = shown.last().filter(|_| self.found.len() > end);
            next = Some(last.map(|last| self.token(wanted, last)));
        }
        if wanted.wants_all() {
            answer.number("total", self.matches);
        }
        if !wanted.facets.is_empty() {
            self.write_facets(wanted, answer.field("facets"));
        }
        match next {
            Some(Some(token)) => drop(answer.text("next", &token)),
            Some(None) => drop(answer.raw("next", b"null")),
            None => {}
        }
        answer.extended(extended);
        Ok(answer.finish())
    }

    /// What is wanted of a document; answers whether that may hold tagged values.
    fn show(&self, wanted: &Wanted, document: &Document<'_>, hit: &mut ObjectWriter) -> Result<bool> {
        let out = hit.field("doc");
        let extended = match &wanted.projection {
            Some(projection) => projection.write(document, out),
            None => {
                out.extend_from_slice(document.json());
                document.is_extended()
            }
        };
        self.highlight(wanted, document, hit)?;
        Ok(extended)
    }

    fn token(&self, wanted: &Wanted, last: &Found) -> String {
        match &wanted.ranking {
            None => ScoreToken { hit: last.hit }.write(),
            Some(ranking) => {
                let (sort_key, id) = last.rank.split_at(last.id_at.min(last.rank.len()));
                let id = read_id(id, ranking.order.id_descending).unwrap_or_default();
                Token { sort_key: sort_key.to_vec(), id: id.into_owned() }.write(&ranking.order)
            }
        }
    }

    /// The fields of the hit that match, with the ranges of each of their texts.
    fn highlight(&self, wanted: &Wanted, document: &Document<'_>, hit: &mut ObjectWriter) -> Result<()> {
        let Prepared { spec, analyzers } = &*self.prepared;
        let chosen = |path: &str| match &wanted.highlight {
            Highlight::None => false,
            Highlight::All => true,
            Highlight::Fields(paths) => paths.iter().any(|one| **one == *path),
        };
        if matches!(wanted.highlight, Highlight::None) {
            return Ok(());
        }
        let mut object = ObjectWriter::default();
        for (at, (field, analyzer)) in spec.fields.iter().zip(analyzers).enumerate() {
            if !chosen(field.path.text()) {
                continue;
            }
            let mut ranges: Vec<Vec<(u32, u32)>> = Vec::new();
            texts(&field.path, document, &mut |text| {
                ranges.push(Highlights::find(&self.plan, at, analyzer, text)?.utf16(text));
                Ok(())
            })?;
            if ranges.iter().any(|ranges| !ranges.is_empty()) {
                write_list(object.field(field.path.text()), &ranges, |ranges, out| {
                    write_list(out, ranges, |(start, end), out| {
                        out.extend_from_slice(format!("[{start},{end}]").as_bytes());
                    });
                });
            }
        }
        hit.raw("highlights", &object.finish().json);
        Ok(())
    }

    fn write_facets(&mut self, wanted: &Wanted, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::default();
        for (facet, counts) in wanted.facets.iter().zip(std::mem::take(&mut self.counts)) {
            write_list(object.field(facet.path.text()), counts.into_top(facet.limit), |(value, count), out| {
                out.extend_from_slice(b"{\"value\":");
                out.extend_from_slice(&to_json(&value));
                out.extend_from_slice(format!(",\"count\":{count}}}").as_bytes());
            });
        }
        out.extend_from_slice(&object.finish().json);
    }
}

/// The ids of matches and, where they are `needed`, the stored documents: what is missing of all of them is asked for at once.
fn load_all<'a>(
    shown: &'a [Found],
    needed: bool,
    view: &dyn Read,
    postings: &StoredPostings<'_>,
    collection: &Collection,
) -> Step<Vec<(&'a Found, Box<str>, Option<Vec<u8>>)>> {
    let mut gather = Gather::default();
    let mut loaded = Vec::with_capacity(shown.len());
    for found in shown {
        let Some(id) = gather.step(postings.id(found.hit.doc))? else { continue };
        if !needed {
            loaded.push((found, id, None));
        } else if let Some(stored) = gather.step(load(view, collection.id, &id))? {
            loaded.push((found, id, Some(stored)));
        }
    }
    gather.finish()?;
    Ok(loaded)
}

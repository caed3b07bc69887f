//! Where a text matches a query: ranges, never markup.
//!
//! Not a store of positions: the text of a result is analyzed again, which costs less than keeping offsets for all.

use std::ops::Range;

use crate::base::Result;

use super::analyze::{Analyzer, Purpose, Token};
use super::edit::Pattern;
use super::evaluate::{CUT_MAX, STEM_MIN};
use super::plan::{ExpansionKind, Node, Phrase, Plan, Word};

/// The parts of a text that match, in bytes, ascending and apart from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Highlights {
    /// The ranges.
    pub bytes: Vec<Range<usize>>,
}

impl Highlights {
    /// Finds what matches in a text of a field.
    ///
    /// # Errors
    /// What a custom analyzer failed with.
    pub fn find(plan: &Plan, field: usize, analyzer: &Analyzer, text: &str) -> Result<Self> {
        let mut finder = Finder::default();
        let in_field =
            |scope: usize| plan.scopes.get(scope).and_then(|boosts| boosts.get(field)).is_some_and(|b| *b > 0.0);
        finder.collect(&plan.root, &in_field);
        analyzer.tokens(text, Purpose::Document, &mut |token| finder.token(text, token))?;
        Ok(Self { bytes: finder.ranges() })
    }

    /// The ranges in UTF-16 code units, as JavaScript counts: pairs of start and end.
    pub fn utf16(&self, text: &str) -> Vec<(u32, u32)> {
        let (mut bytes, mut units) = (0, 0u32);
        let mut until = |end: usize| {
            let passed = text.get(bytes..end).unwrap_or_default();
            units += passed.chars().map(|c| c.len_utf16() as u32).sum::<u32>();
            bytes = bytes.max(end);
            units
        };
        self.bytes.iter().map(|range| (until(range.start), until(range.end))).collect()
    }

    /// The text as HTML: escaped, what matches between `open` and `close`, which are put in as they are.
    pub fn to_html(&self, text: &str, open: &str, close: &str) -> String {
        let mut html = String::with_capacity(text.len() + 16);
        let mut at = 0;
        for range in &self.bytes {
            escape(text.get(at..range.start).unwrap_or_default(), &mut html);
            html.push_str(open);
            escape(text.get(range.clone()).unwrap_or_default(), &mut html);
            html.push_str(close);
            at = range.end;
        }
        escape(text.get(at..).unwrap_or_default(), &mut html);
        html
    }
}

/// Appends text with the five characters escaped that mean something in HTML.
pub fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
}

/// What is looked for, and what was found.
#[derive(Default)]
struct Finder {
    exact: Vec<Box<str>>,
    prefixes: Vec<(Box<str>, bool)>,
    fuzzy: Vec<Pattern>,
    phrases: Vec<Wanted>,
    found: Vec<Range<usize>>,
    /// Stems that begin what is being typed: what matches where nothing else does.
    stems: Vec<Range<usize>>,
}

/// A phrase with the places where its words stand.
struct Wanted {
    phrase: Phrase,
    places: Vec<Vec<(u32, Range<usize>)>>,
}

impl Finder {
    fn collect(&mut self, node: &Node, in_field: &dyn Fn(usize) -> bool) {
        match node {
            Node::Nothing => {}
            Node::Word(word) => self.collect_word(word, in_field),
            Node::Phrase(phrase) if in_field(phrase.scope) => {
                let places = vec![Vec::new(); phrase.words().count()];
                self.phrases.push(Wanted { phrase: phrase.clone(), places });
            }
            Node::Phrase(_) => {}
            Node::Any { nodes, .. } => nodes.iter().for_each(|node| self.collect(node, in_field)),
            Node::All { required, optional, .. } => {
                required.iter().chain(optional).for_each(|node| self.collect(node, in_field));
            }
        }
    }

    fn collect_word(&mut self, word: &Word, in_field: &dyn Fn(usize) -> bool) {
        let terms = word.terms.iter().filter(|term| in_field(term.scope));
        self.exact.extend(terms.map(|term| term.text.clone()));
        for expansion in word.expansions.iter().filter(|expansion| in_field(expansion.scope)) {
            match expansion.kind {
                ExpansionKind::Prefix { stemmed } => self.prefixes.push((expansion.text.clone(), stemmed)),
                ExpansionKind::Fuzzy { edits, fixed } => {
                    self.fuzzy.push(Pattern::new(&expansion.text, edits, fixed as usize));
                }
            }
        }
    }

    fn token(&mut self, text: &str, token: Token<'_>) {
        for wanted in &mut self.phrases {
            for (word, places) in wanted.phrase.words().zip(&mut wanted.places) {
                if word.iter().any(|(term, _)| &**term == token.term) {
                    places.push((token.position, token.start..token.end));
                }
            }
        }
        let exact = self.exact.iter().any(|term| &**term == token.term);
        if exact || self.fuzzy.iter_mut().any(|pattern| pattern.distance(token.term).is_some()) {
            self.found.push(token.start..token.end);
        } else if let Some((prefix, _)) = self.prefixes.iter().find(|(prefix, _)| token.term.starts_with(&**prefix)) {
            self.found.push(token.start..prefix_end(text, &token, prefix));
        } else if self.prefixes.iter().any(|(prefix, stemmed)| *stemmed && is_stem(token.term, prefix)) {
            self.stems.push(token.start..token.end);
        }
    }

    /// What was found, in order, neighbours that touch or overlap made one.
    fn ranges(mut self) -> Vec<Range<usize>> {
        for wanted in &self.phrases {
            wanted.find(&mut self.found);
        }
        if self.found.is_empty() {
            self.found = self.stems;
        }
        crate::base::sort::sort_by_key(&mut self.found, |range| (range.start, range.end));
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for range in self.found {
            match ranges.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => ranges.push(range),
            }
        }
        ranges
    }
}

impl Wanted {
    fn find(&self, found: &mut Vec<Range<usize>>) {
        let Some((first, others)) = self.places.split_first() else { return };
        for (start, range) in first {
            let mut ranges = vec![range.clone()];
            let offsets = self.phrase.words().skip(1).flat_map(|word| word.first().map(|(_, offset)| *offset));
            for (places, offset) in others.iter().zip(offsets) {
                let nearest = places.iter().min_by_key(|(position, _)| position.abs_diff(start + offset));
                let near = nearest.filter(|(position, _)| position.abs_diff(start + offset) <= self.phrase.slop);
                ranges.extend(near.map(|(_, range)| range.clone()));
            }
            if ranges.len() == self.places.len() {
                found.append(&mut ranges);
            }
        }
    }
}

/// Whether a term may be the stem of the word that is being typed, as the evaluator sees it.
fn is_stem(term: &str, typed: &str) -> bool {
    term.len() >= STEM_MIN && typed.starts_with(term) && typed.len() - term.len() <= CUT_MAX
}

/// Where the match of a prefix ends: with the word; in scripts without spaces with the signs that were typed.
fn prefix_end(text: &str, token: &Token<'_>, prefix: &str) -> usize {
    let word = text.get(token.start..token.end).unwrap_or_default();
    let signs = word.chars().next().is_some_and(super::analyze::is_sign);
    if !signs {
        return token.end;
    }
    let typed = word.chars().take(prefix.chars().count());
    token.start + typed.map(char::len_utf8).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::collections::json;
    use crate::search::query::{Options, Query};
    use crate::search::SearchSpec;

    fn highlights(query: &str, text: &str, analyzer: &str) -> Highlights {
        let declared = format!(r#"{{"other":1,"text":"{analyzer}"}}"#);
        let spec = SearchSpec::parse(&json::parse(declared.as_bytes()).unwrap()).unwrap();
        let analyzers = crate::search::Analyzers::default().of(&spec).unwrap();
        let query = Query::parse(&json::parse(query.as_bytes()).unwrap(), &Options::default(), &spec).unwrap();
        let plan = Plan::new(&query, &spec, &analyzers).unwrap();
        Highlights::find(&plan, 1, &analyzers[1], text).unwrap()
    }

    fn check(query: &str, text: &str, expected: &str) {
        assert_eq!(highlights(query, text, "english").to_html(text, "[", "]"), expected, "{query}");
    }

    #[test]
    fn words_are_marked_in_every_form_and_nothing_else() {
        check(r#""tides -moon""#, "The tide & the moon: Tides!", "The [tide] &amp; the moon: [Tides]!");
        check(r#""tid*""#, "tidal tides ebb", "[tidal] [tides] ebb");
        check(r#""tdie~""#, "a tide, a tile", "a [tide], a tile");
        check(r#""other:tide""#, "tide", "tide");
        check(r#""computi*""#, "computed by computers", "[computed] by [computers]");
    }

    #[test]
    fn of_a_phrase_only_the_words_in_their_order_are_marked() {
        check(r#""\"tide tables\"""#, "tables, tide tables", "tables, [tide] [tables]");
        check(r#"{"phrase":"tide tables","slop":2}"#, "tide and moon tables", "[tide] and moon [tables]");
        check(r#"{"phrase":"tide tables","slop":1}"#, "tide and moon tables", "tide and moon tables");
    }

    #[test]
    fn of_the_words_at_one_place_of_a_phrase_the_one_that_stands_there_is_marked() {
        let terms = [("nyc", 0), ("newyork", 0), ("city", 1), ("town", 1)].map(|(term, place)| (term.into(), place));
        let root = Node::Phrase(Phrase { terms: terms.into(), slop: 0, scope: 0, boost: 1.0 });
        let plan = Plan { root, scopes: vec![vec![1.0]] };
        let found = |text: &str| Highlights::find(&plan, 0, &Analyzer::Standard, text).unwrap().to_html(text, "[", "]");
        assert_eq!(found("newyork city, nyc, town"), "[newyork] [city], [nyc], [town]");
        assert_eq!(found("nyc newyork, city nyc"), "nyc [newyork], [city] nyc");
        assert_eq!(found("town nyc"), "town nyc");
    }

    #[test]
    fn signs_of_scripts_without_spaces_are_marked_one_by_one() {
        check(r#""人权""#, "世界人权宣言", "世界[人权]宣言");
        check(r#""人""#, "世界人权宣言人", "世界[人]权宣言[人]");
        check(r#""界人权""#, "世界人权", "世[界人权]");
    }

    #[test]
    fn ranges_count_as_javascript_does() {
        let text = "😀 größe 😀 größe";
        assert_eq!(highlights(r#""große größe""#, text, "standard").utf16(text), [(3, 8), (12, 17)]);
    }

    proptest! {
        #[test]
        fn ranges_lie_in_the_text_and_ascend(query in "\\PC{0,12}", text in "(\\PC|[a-c ]){0,40}") {
            let query = String::from_utf8(json::to_json(&crate::collections::Value::String(query.into()))).unwrap();
            let found = highlights(&query, &text, "standard");
            let mut last = 0;
            for range in &found.bytes {
                prop_assert!(range.start >= last && range.start < range.end && text.get(range.clone()).is_some());
                last = range.end;
            }
            let units = text.encode_utf16().count() as u32;
            prop_assert!(found.utf16(&text).iter().all(|(start, end)| start < end && *end <= units));
        }
    }
}

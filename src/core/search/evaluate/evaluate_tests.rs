use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::base::Result;
use crate::collections::{json, Value};
use crate::disk::BlobName;
use crate::search::analyze::{Analyzers, CustomAnalyzer, Purpose, Token};
use crate::search::brute_force::brute_force;
use crate::search::query::{Options, Query};
use crate::search::reference::MemoryIndex;
use crate::search::score::FieldModel;
use crate::search::terms::DocumentTerms;

/// Words between spaces; a query for one of some is a query for another as well.
struct Synonyms;

impl CustomAnalyzer for Synonyms {
    fn tokens(&self, text: &str, purpose: Purpose, sink: &mut dyn FnMut(Token<'_>)) -> Result<()> {
        for (word, position) in text.split(' ').zip(0..) {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            let token = Token { term: word, position, start, end: start + word.len(), begins: false };
            sink(token);
            let other = match word {
                "nyc" => "newyork",
                "tide" => "tied",
                "moon" => "moo",
                _ => continue,
            };
            if purpose == Purpose::Query {
                sink(Token { term: other, ..token });
            }
        }
        Ok(())
    }

    fn version(&self) -> u32 {
        1
    }
}

fn index(docs: &[(u32, String, String)]) -> MemoryIndex {
    index_of(r#"{"title":3,"body":{"weight":1,"analyzer":"english"}}"#, docs)
}

fn index_of(declared: &str, docs: &[(u32, String, String)]) -> MemoryIndex {
    let spec = SearchSpec::parse(&json::parse(declared.as_bytes()).unwrap()).unwrap();
    let mut known = Analyzers::default();
    known.register("synonyms", Rc::new(Synonyms)).unwrap();
    let analyzers = known.of(&spec).unwrap();
    let mut index = MemoryIndex::new(spec, analyzers.clone());
    let mut terms = DocumentTerms::default();
    for (doc, title, body) in docs {
        terms.read_texts(&analyzers, &[title, body]).unwrap();
        index.add(*doc, &terms);
    }
    index.seal(3, None);
    index
}

fn numbered(texts: &[(&str, &str)]) -> Vec<(u32, String, String)> {
    texts.iter().zip(0..).map(|((t, b), at)| (at, (*t).to_owned(), (*b).to_owned())).collect()
}

fn docs(texts: &[(&str, &str)]) -> MemoryIndex {
    index(&numbered(texts))
}

fn plan(index: &MemoryIndex, query: &Value) -> Plan {
    let query = Query::parse(query, &Options::default(), &index.spec).unwrap();
    Plan::new(&query, &index.spec, &index.analyzers).unwrap()
}

/// Runs to the end, through pauses.
fn run(index: &MemoryIndex, plan: &Plan, sink: &mut dyn Sink) {
    let mut evaluation = Evaluation::new(plan.clone());
    for _ in 0..20_000 {
        match evaluation.run(&index.spec, index, sink, 3) {
            Ok(()) => return,
            Err(Pause::Failed(error)) => panic!("{error}"),
            Err(Pause::Missing(_) | Pause::Yield) => {}
        }
    }
    panic!("the search does not end");
}

fn best(index: &MemoryIndex, plan: &Plan, limit: usize) -> Vec<Hit> {
    let mut top = Top::new(limit);
    run(index, plan, &mut top);
    top.into_hits()
}

/// The documents found, best first, after comparing them with the definition.
fn check(index: &MemoryIndex, query: &str, expected: &[u32]) {
    let plan = plan(index, &json::parse(query.as_bytes()).unwrap());
    let hits = best(index, &plan, 100);
    compare(&hits, &brute_force(index, &plan), 100);
    assert_eq!(hits.iter().map(|hit| hit.doc).collect::<Vec<_>>(), expected, "{query}: {hits:?}");
}

/// Scores agree up to rounding, and so do documents where scores tell them apart.
fn compare(hits: &[Hit], expected: &[Hit], limit: usize) {
    assert_eq!(hits.len(), expected.len().min(limit), "{hits:?} {expected:?}");
    let near = |a: f32, b: f32| (a - b).abs() <= 1e-5 * a.abs().max(1e-3);
    for (hit, wanted) in hits.iter().zip(expected) {
        assert!(near(hit.score, wanted.score), "{hits:?} {expected:?}");
        let own = expected.iter().find(|other| other.doc == hit.doc);
        assert!(own.is_some_and(|own| near(own.score, hit.score)), "{hits:?} {expected:?}");
    }
}

#[test]
fn words_phrases_prefixes_and_typos_find_their_documents() {
    let index = docs(&[
        ("Tide tables", "computed for the harbour"),
        ("Tables", "the tide turns; tables of tides"),
        ("Moon", "the moon and its computation"),
        ("Harbor lights", "a lighthouse"),
    ]);
    check(&index, r#""tide tables""#, &[0, 1]);
    check(&index, r#""\"tide tables\"""#, &[0]);
    check(&index, r#"{"phrase":"tide tables","slop":1}"#, &[0, 1]);
    check(&index, r#"{"text":"tide moon","match":"all"}"#, &[]);
    check(&index, r#"{"text":"tide harbour moon","match":2}"#, &[0]);
    check(&index, r#""tide -harbour""#, &[1]);
    check(&index, r#""+tables moon""#, &[1, 0]);
    check(&index, r#""lig*""#, &[3]);
    check(&index, r#""harbuor~""#, &[3, 0]);
    check(&index, r#""title:tables""#, &[1, 0]);
    check(&index, r#"{"text":"computi","prefix":"last"}"#, &[0, 2]);
    check(&index, r#"{"must":"tables","not":{"text":"moon"},"should":"harbour"}"#, &[0, 1]);
    check(&index, r#""the""#, &[]);
    check(&index, r#""-tide""#, &[]);
}

#[test]
fn a_phrase_takes_any_of_the_words_that_stand_at_one_place() {
    let texts = [("newyork city", ""), ("nyc city", ""), ("nyc newyork city", ""), ("city nyc", ""), ("nyc", "city")];
    let declared = r#"{"title":{"analyzer":"synonyms"},"body":1}"#;
    let index = index_of(declared, &numbered(&texts));
    check(&index, r#""\"nyc city\"""#, &[0, 1, 2]);
    check(&index, r#"{"phrase":"city nyc"}"#, &[3]);
    check(&index, r#"{"phrase":"nyc nyc city"}"#, &[2]);
    check(&index, r#"{"phrase":"nyc city","slop":2}"#, &[2, 0, 1, 3]);
    check(&index, r#"{"phrase":"newyork city"}"#, &[0, 2]);
    check(&index, r#"{"phrase":"nyc"}"#, &[4, 2, 0, 1, 3]);
    check(&index, r#"{"phrase":"nyc village"}"#, &[]);
}

#[test]
fn terms_of_removed_documents_only_take_no_place_among_those_that_a_word_stands_for() {
    let near = ('a'..='z').flat_map(|c| [format!("{c}idalwav"), format!("t{c}dalwav"), format!("ti{c}alwav")]);
    let gone: Vec<String> = near.chain(["computix".to_owned()]).collect();
    let kept = ["tidalwxx", "computers"].map(str::to_owned);
    let all: Vec<_> = gone.iter().chain(&kept).zip(0..).map(|(text, at)| (at, String::new(), text.clone())).collect();
    let mut index = index(&all);
    (0..gone.len() as u32).for_each(|doc| index.remove(doc));
    index.seal(3, None);
    assert!(gone.len() > FUZZY_TERMS_MAX);
    check(&index, r#"{"text":"tidalwav","fuzzy":2}"#, &[gone.len() as u32]);
    check(&index, r#""computi*""#, &[gone.len() as u32 + 1]);
}

#[test]
fn a_repeated_word_counts_as_often_as_it_stands() {
    let index = docs(&[("", "tide moon"), ("", "moon sun")]);
    let score = |query: &str| best(&index, &plan(&index, &Value::String(query.into())), 1)[0].score;
    assert!((score("sun sun") - 2.0 * score("sun")).abs() < 1e-5);
}

#[test]
fn pages_follow_each_other_without_gap_or_double() {
    let all: Vec<_> = (0..50).map(|n| (n, String::new(), format!("tide {}", "moon ".repeat(n as usize % 4)))).collect();
    let index = index(&all);
    let plan = plan(&index, &Value::String("tide moon".into()));
    let (mut paged, mut last) = (Vec::new(), None);
    loop {
        let mut top = Top::new(7).after(last);
        run(&index, &plan, &mut top);
        let hits = top.into_hits();
        last = hits.last().copied();
        paged.extend(hits);
        if last.is_none() {
            break;
        }
    }
    assert_eq!(paged, best(&index, &plan, 100));
}

#[test]
fn a_filter_is_asked_about_documents_that_would_be_kept_and_may_pause() {
    let all: Vec<_> = (0..500).map(|n| (n, String::new(), "tide".to_owned())).collect();
    let index = index(&all);
    let plan = plan(&index, &Value::String("tide".into()));
    let (mut asked, mut paused) = (0, false);
    let mut filter = |doc: u32| {
        paused = !paused;
        if paused {
            return Err(Pause::Yield);
        }
        asked += 1;
        Ok(doc % 2 == 1)
    };
    let mut top = Top::new(3).filter(&mut filter);
    run(&index, &plan, &mut top);
    assert_eq!(top.into_hits().iter().map(|hit| hit.doc).collect::<Vec<_>>(), [1, 3, 5]);
    assert_eq!(asked, 6);
}

#[test]
fn windows_that_cannot_matter_are_skipped() {
    let text =
        |n: u32| if n.is_multiple_of(5000) { "rare tide tide tide".to_owned() } else { "tide sun moon".to_owned() };
    let all: Vec<_> = (0..20_000).map(|n| (n, String::new(), text(n))).collect();
    let mut index = index(&all);
    index.seal(128, None);
    let mut evaluation = Evaluation::new(plan(&index, &Value::String("rare tide".into())));
    let mut top = Top::new(2);
    evaluation.run(&index.spec, &index, &mut top, u64::MAX).unwrap();
    assert_eq!(top.into_hits().iter().map(|hit| hit.doc).collect::<Vec<_>>(), [0, 5000]);
}

#[test]
fn an_explanation_adds_up_to_the_score() {
    let index = docs(&[("Tide tables", "tides and tides"), ("x", "moon")]);
    for query in ["tide moon", "+tide \"tide tables\"", "tid*", "tdie~", "tide tables"] {
        let plan = plan(&index, &Value::String(query.into()));
        let hit = best(&index, &plan, 1)[0];
        let explained = explain(&plan, &index.spec, &index, hit.doc).unwrap().unwrap();
        assert!((explained.value - hit.score).abs() < 1e-5, "{query}: {explained:?}");
        let mut out = Vec::new();
        explained.write_json(&mut out);
        assert!(json::parse(&out).is_ok());
    }
    assert_eq!(explain(&plan(&index, &Value::String("sun".into())), &index.spec, &index, 0).unwrap(), None);
}

#[test]
fn an_explanation_has_the_parts_of_every_word_that_matched() {
    /// What is added up, down to words and phrases.
    fn check_sums(explained: &Explanation) -> usize {
        assert!(!explained.parts.is_empty(), "{explained:?}");
        if !explained.what.starts_with("sum") {
            return 1;
        }
        let sum: f32 = explained.parts.iter().map(|part| part.value).sum();
        assert!((explained.value - sum).abs() < 1e-5, "{explained:?}");
        explained.parts.iter().map(check_sums).sum()
    }
    let index = docs(&[("Tide", "moon"), ("Tide tables", "tides of the moon"), ("Tables", "sun")]);
    for (query, doc, words) in [
        ("tide moon", 0, 2),
        ("tide moon sun", 0, 2),
        ("+tide moon", 1, 2),
        ("+tide +moon -sun tables", 1, 3),
        ("\"tide tables\" moon", 1, 2),
        ("tid* moon~", 1, 2),
    ] {
        let plan = plan(&index, &Value::String(query.into()));
        let explained = explain(&plan, &index.spec, &index, doc).unwrap().unwrap();
        assert_eq!(check_sums(&explained), words, "{query}: {explained:?}");
    }
}

const WORDS: [&str; 10] = ["tide", "tides", "tied", "the", "moon", "mono", "moo", "sun", "sunny", "of"];

fn words(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&WORDS[..]), 0..most).prop_map(|words| words.join(" "))
}

fn query() -> impl Strategy<Value = String> {
    let options = prop::sample::select(vec![
        "",
        ",\"match\":\"all\"",
        ",\"match\":2",
        ",\"fuzzy\":1",
        ",\"fuzzy\":2",
        ",\"prefix\":true",
        ",\"prefix\":\"last\"",
        ",\"fields\":\"title\"",
        ",\"fields\":{\"body\":2}",
        ",\"boost\":3,\"prefix\":true,\"fuzzy\":\"auto\"",
    ]);
    let text = (words(5), options).prop_map(|(words, options)| format!("{{\"text\":\"{words}\"{options}}}"));
    let phrase = (words(4), 0..4).prop_map(|(words, slop)| format!("{{\"phrase\":\"{words}\",\"slop\":{slop}}}"));
    let leaf = prop_oneof![text, phrase, words(4).prop_map(|words| format!("\"{words}\""))];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let list = || prop::collection::vec(inner.clone(), 0..3).prop_map(|list| list.join(","));
        (list(), list(), list(), prop::option::of(0..3)).prop_map(|(must, should, not, minimum)| {
            let minimum = minimum.map_or(String::new(), |n| format!(",\"minimum\":{n}"));
            format!("{{\"must\":[{must}],\"should\":[{should}],\"not\":[{not}]{minimum}}}")
        })
    })
}

fn corpus() -> impl Strategy<Value = Vec<(u32, String, String)>> {
    prop::collection::vec((1u32..900, words(3), words(8)), 0..60).prop_map(|docs| {
        let mut number = 0;
        let place = |(step, title, body): (u32, String, String)| {
            number += if step > 700 { step } else { step % 4 + 1 };
            (number, title, body)
        };
        docs.into_iter().map(place).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_best_results_are_those_of_scoring_every_document(
        corpus in corpus(), query in query(), limit in 1usize..12, block in 1usize..6, misses: bool, synonyms: bool,
        drift in prop::option::of((0.5f32..2.0, 0.0f32..1.0, 1.0f32..9.0)), removed in prop::collection::vec(0usize..60, 0..4),
    ) {
        let mut index = if synonyms {
            index_of(r#"{"title":{"weight":3,"analyzer":"synonyms"},"body":{"analyzer":"synonyms"}}"#, &corpus)
        } else {
            index(&corpus)
        };
        for at in removed {
            if let Some((doc, ..)) = corpus.get(at) {
                index.remove(*doc);
            }
        }
        // Bounds by an old model are as good as by the one of now.
        let reference = drift.map(|(weight, b, average)| {
            let field = FieldModel { weight, b, average };
            Model { k1: 1.2, fields: vec![field, FieldModel { weight: 2.0, ..field }] }
        });
        index.seal(block, reference);
        let plan = plan(&index, &json::parse(query.as_bytes()).unwrap());
        let expected = brute_force(&index, &plan);
        index.misses.set(misses);
        compare(&best(&index, &plan, limit), &expected, limit);
        compare(&best(&index, &plan, 1000), &expected, 1000);
    }
}

/// How often a search over one word pauses for something missing, and what it finds.
fn pauses(index: &MemoryIndex, sink: &mut Cold) -> usize {
    let mut evaluation = Evaluation::new(plan(index, &Value::String("tide".into())));
    for pauses in 0..1000 {
        match evaluation.run(&index.spec, index, sink, u64::MAX) {
            Ok(()) => return pauses,
            Err(Pause::Missing(names)) => sink.loaded.extend(*names),
            Err(pause) => panic!("{pause:?}"),
        }
    }
    panic!("the search does not end");
}

/// Wants every document, and has none of them at first.
#[derive(Default)]
struct Cold {
    loaded: Vec<BlobName>,
    hits: Vec<DocNumber>,
}

impl Sink for Cold {
    fn threshold(&self) -> f32 {
        f32::NEG_INFINITY
    }

    fn hit(&mut self, doc: DocNumber, _score: f32) -> Step<()> {
        self.prepare(doc)?;
        self.hits.push(doc);
        Ok(())
    }

    fn prepare(&self, doc: DocNumber) -> Step<()> {
        let name = BlobName::table(u64::from(doc), 0);
        if self.loaded.contains(&name) {
            Ok(())
        } else {
            Err(Pause::missing(vec![name]))
        }
    }
}

#[test]
fn a_search_that_lacks_documents_asks_for_many_at_once() {
    let all: Vec<_> = (0..600).map(|n| (n, String::new(), "tide".to_owned())).collect();
    let mut sink = Cold::default();
    let pauses = pauses(&index(&all), &mut sink);
    assert_eq!(sink.hits, (0..600).collect::<Vec<_>>());
    assert!(pauses <= 6, "{pauses}");
}

#[test]
fn a_search_that_lacks_pages_asks_for_those_of_many_windows_at_once() {
    // Three documents in each window of 2,048, and a block of its own for them.
    let all: Vec<_> = (0..120).map(|n| (n * 700, String::new(), "tide".to_owned())).collect();
    let index = index(&all);
    index.misses.set(true);
    let mut sink =
        Cold { loaded: all.iter().map(|(doc, ..)| BlobName::table(u64::from(*doc), 0)).collect(), hits: vec![] };
    let pauses = pauses(&index, &mut sink);
    assert_eq!(sink.hits.len(), 120);
    assert!(pauses <= 20, "{pauses}");
}

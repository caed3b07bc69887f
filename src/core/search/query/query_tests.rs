use proptest::prelude::*;

use super::*;
use crate::collections::json;

fn spec() -> SearchSpec {
    SearchSpec::parse(&json::parse(br#"{"title":3,"body":1}"#).unwrap()).unwrap()
}

fn parse(json: &str) -> Result<Query> {
    Query::parse(&json::parse(json.as_bytes()).unwrap(), &Options::default(), &spec())
}

/// The query in short.
fn shown(query: &Query) -> String {
    let list = |queries: &[Query]| queries.iter().map(shown).collect::<Vec<_>>().join(" ");
    let scope = |fields: &Option<Vec<(usize, f32)>>| fields.as_ref().map_or(String::new(), |f| format!("@{f:?}"));
    let times = |boost: f32| if boost == 1.0 { String::new() } else { format!("^{boost}") };
    match query {
        Query::Text { text, options, boost } => {
            let prefix = if options.prefix == Prefix::No { "" } else { "*" };
            let fuzzy = match options.fuzzy {
                Fuzzy::Auto => "~".to_owned(),
                Fuzzy::Edits(0) => String::new(),
                Fuzzy::Edits(edits) => format!("~{edits}"),
            };
            format!("{text}{prefix}{fuzzy}{}{}", scope(&options.fields), times(*boost))
        }
        Query::Phrase { text, slop, fields, boost } => {
            format!("\"{text}\"~{slop}{}{}", scope(fields), times(*boost))
        }
        Query::Bool { must, should, not, minimum, boost } => {
            let (must, should, not) = (list(must), list(should), list(not));
            format!("[+ {must} | {should} | - {not} | {minimum}]{}", times(*boost))
        }
    }
}

fn check(typed: &str, expected: &str) {
    assert_eq!(shown(&parse_string(typed, &Options::default(), &spec())), expected, "{typed}");
}

fn check_refused(json: &str, message: &str) {
    assert_eq!(parse(json).unwrap_err().message(), message, "{json}");
}

#[test]
fn plain_words_stay_one_text() {
    check("tide  tables", "tide tables");
    check("1-1% of x - y, + z: a/b (c) AND", "1-1% of x - y, + z: a/b (c) AND");
    check("other:word a^b x~y", "other:word a^b x~y");
    check("", "");
}

#[test]
fn signs_say_must_not_prefix_fuzzy_and_field() {
    check("+tide -ebb moon", "[+ tide | moon | - ebb | 0]");
    check("tid* tabel~ tabel~1 x~9", "[+  | tid* tabel~ tabel~1 x~2 | -  | 1]");
    check("title:tide^2 +body:moon*", "[+ moon*@[(1, 1.0)] | tide@[(0, 1.0)]^2 | -  | 0]");
    check("tide^0.5", "[+  | tide^0.5 | -  | 1]");
}

#[test]
fn quotes_make_a_phrase_also_while_they_are_typed() {
    check("\"tide tables\"", "[+  | \"tide tables\"~0 | -  | 1]");
    check("-\"tide tables\"~3 sea", "[+  | sea | - \"tide tables\"~3 | 1]");
    check("title:\"a b\"^2", "[+  | \"a b\"~0@[(0, 1.0)]^2 | -  | 1]");
    check("\"tide ta", "[+  | \"tide ta\"~0 | -  | 1]");
    check("\"a b\"c", "[+  | c \"a b\"~0 | -  | 1]");
}

#[test]
fn match_all_makes_every_part_required() {
    let options = Options { matching: Matching::All, ..Options::default() };
    assert_eq!(shown(&parse_string("a b \"c\"", &options, &spec())), "[+ a b \"c\"~0 |  | -  | 0]");
}

#[test]
fn only_the_word_at_the_end_is_being_typed() {
    let options = Options { prefix: Prefix::Last, ..Options::default() };
    assert_eq!(shown(&parse_string("+a b", &options, &spec())), "[+ a | b* | -  | 0]");
    assert_eq!(shown(&parse_string("b +a", &options, &spec())), "[+ a | b | -  | 0]");
}

#[test]
fn no_word_is_being_typed_before_a_space_at_the_end() {
    let options = Options { prefix: Prefix::Last, ..Options::default() };
    assert_eq!(shown(&parse_string("a b ", &options, &spec())), "a b");
    assert_eq!(shown(&parse_string("+a b\u{3000}", &options, &spec())), "[+ a | b | -  | 0]");
    assert_eq!(shown(&parse(r#"{"query":"a b ","prefix":"last"}"#).unwrap()), "a b");
    assert_eq!(shown(&parse(r#"{"query":" a b","prefix":"last"}"#).unwrap()), "a b*");
}

#[test]
fn objects_say_the_same_strictly() {
    let query = parse(
        r#"{"must":{"phrase":"a b","slop":2},"should":["c",{"text":"d","fuzzy":1,"prefix":true}],"not":[],"boost":2}"#,
    );
    assert_eq!(shown(&query.unwrap()), "[+ \"a b\"~2 | c d*~1 | -  | 0]^2");
    let query = parse(r#"{"text":"a","match":2,"fields":{"title":0.5},"boost":3}"#).unwrap();
    assert_eq!(shown(&query), "a@[(0, 0.5)]^3");
    assert!(matches!(query, Query::Text { options: Options { matching: Matching::Minimum(2), .. }, .. }));
    assert_eq!(shown(&parse(r#"{"query":"+a","boost":2}"#).unwrap()), "[+ [+ a |  | -  | 0] |  | -  | 0]^2");
    assert_eq!(shown(&parse(r#"{"should":["a"],"fuzzy":"auto"}"#).unwrap()), "[+  | a~ | -  | 1]");
}

#[test]
fn errors_name_the_place_and_the_fix() {
    check_refused("3", "query: must be a string, or an object like { text: '…' }");
    check_refused("{}", "query: says nothing to look for: give text, query, phrase, must, should or not");
    check_refused(r#"{"text":"a","fuzzy":3}"#, "query.fuzzy: must be a whole number from 0 to 2");
    check_refused(r#"{"text":"a","match":"most"}"#, "query.match: must be 'any', 'all' or how many words must match");
    check_refused(
        r#"{"must":["a",{"phrase":"b","fields":"tag"}]}"#,
        "query.must[1].fields: 'tag' is not searchable: declared are title, body",
    );
    check_refused(r#"{"phrase":"a","fuzzy":1}"#, "query.fuzzy: unknown: there are phrase, slop, fields and boost");
    check_refused(r#"{"text":"a","query":"b"}"#, "query: has both text and query: text is plain, query has operators");
    let deep = format!("{}\"a\"{}", r#"{"must":"#.repeat(20), "}".repeat(20));
    assert!(parse(&deep).unwrap_err().message().ends_with("nested more than 16 levels deep: flatten the query"));
    let many = format!("{{\"should\":[{}\"a\"]}}", "\"a\",".repeat(TERMS_MAX));
    assert!(parse(&many).unwrap_err().message().ends_with("more than 1024 clauses: split the query"));
    let long = format!("\"{}\"", "a ".repeat(TEXT_MAX));
    check_refused(&long, "query: the text is longer than 16384 bytes: shorten it");
}

/// Objects of the right names and the wrong everything else.
fn hostile() -> impl Strategy<Value = Value> {
    let number = prop_oneof![Just(f64::NAN), Just(-1.0), Just(0.5), Just(1.0), Just(3.0), Just(1e300)];
    let words = prop::sample::select(vec!["", "all", "auto", "last", "title", "+a -b", "\"a", "水 -", "~~^^**"]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(Value::Number),
        words.prop_map(|text| Value::String(text.into())),
    ];
    let names = vec![
        "text",
        "query",
        "phrase",
        "must",
        "should",
        "not",
        "match",
        "fuzzy",
        "prefix",
        "fields",
        "boost",
        "slop",
        "minimum",
        "prefixLength",
        "title",
        "x",
    ];
    leaf.prop_recursive(20, 60, 4, move |inner| {
        let name = prop::sample::select(names.clone()).prop_map(Box::from);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((name, inner), 0..4).prop_map(Value::Object),
        ]
    })
}

proptest! {
    #[test]
    fn no_object_panics_and_what_is_accepted_has_a_plan(value in hostile()) {
        if let Ok(query) = Query::parse(&value, &Options::default(), &spec()) {
            let analyzers = crate::search::Analyzers::default().of(&spec()).unwrap();
            prop_assert!(crate::search::Plan::new(&query, &spec(), &analyzers).is_ok());
        }
    }

    #[test]
    fn whatever_is_typed_means_something(text in "[-+\"*~^: a0-3.]{0,40}|\\PC{0,40}") {
        let _ = parse_string(&text, &Options::default(), &spec());
    }
}

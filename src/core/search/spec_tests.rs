use proptest::prelude::*;

use super::*;

fn parse(json: &str) -> Result<SearchSpec> {
    SearchSpec::parse(&json::parse(json.as_bytes()).unwrap())
}

fn check_refused(json: &str, message: &str) {
    assert_eq!(parse(json).unwrap_err().message(), message, "{json}");
}

#[test]
fn a_declaration_names_fields_weights_and_analyzers() {
    let spec = parse(r#"{"title":3,"body":{"weight":0.5,"analyzer":"english","b":0.3},"tags":"keyword","a.b":true}"#);
    let fields = spec.unwrap().fields;
    let shown = fields.iter().map(|f| (f.path.text(), f.weight, f.b, &*f.analyzer));
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            ("title", 3.0, None, "standard"),
            ("body", 0.5, Some(0.3), "english"),
            ("tags", 1.0, None, "keyword"),
            ("a.b", 1.0, None, "standard"),
        ]
    );
}

#[test]
fn options_with_a_dollar_speak_for_all_fields() {
    let spec = parse(r#"{"title":3,"$analyzer":"english","$k1":0.9,"$b":0.4}"#).unwrap();
    assert_eq!((&*spec.fields[0].analyzer, spec.k1, spec.b), ("english", 0.9, 0.4));
}

#[test]
fn one_path_or_a_list_of_paths_is_enough() {
    assert_eq!(parse(r#""title""#).unwrap(), parse(r#"{"title":1}"#).unwrap());
    assert_eq!(parse(r#"["title","body"]"#).unwrap(), parse(r#"{"title":1,"body":1}"#).unwrap());
}

#[test]
fn errors_name_the_path_and_the_fix() {
    check_refused("{}", "search: no fields: name at least one, like { title: 3, body: 1 }");
    check_refused("3", "search: must be an object like { title: 3, body: 1 }");
    check_refused(r#"["a",1]"#, "search[1]: must be a path");
    check_refused(r#"["a","a"]"#, "search.a: the field is declared twice");
    check_refused(r#"{"a":0}"#, "search.a: must be a number from 0.001 to 1000; to leave a field out, do not name it");
    check_refused(r#"{"a":{"boost":2}}"#, "search.a.boost: unknown option: there are weight, analyzer and b");
    check_refused(r#"{"a":1,"$k2":2}"#, "search.$k2: unknown option: there are $analyzer, $k1 and $b");
    check_refused(r#"{"a":{"analyzer":3}}"#, "search.a.analyzer: must be the name of an analyzer, like 'english'");
    check_refused(r#"{"a..b":1}"#, "search.a..b: the path 'a..b' has an empty segment: write it like 'a.b.0.c'");
}

#[test]
fn weights_may_change_without_a_new_index_and_analyzers_may_not() {
    let spec = parse(r#"{"a":1,"b":2}"#).unwrap();
    assert!(spec.same_terms(&parse(r#"{"a":5,"b":{"b":0},"$k1":2}"#).unwrap()));
    assert!(!spec.same_terms(&parse(r#"{"a":1,"b":"english"}"#).unwrap()));
    assert!(!spec.same_terms(&parse(r#"{"b":2,"a":1}"#).unwrap()));
}

proptest! {
    #[test]
    fn a_declaration_comes_back_from_bytes_and_from_json(
        weights in prop::collection::vec((0.001f64..1000.0, prop::option::of(0.0f64..=1.0)), 1..9),
    ) {
        let mut spec = SearchSpec { fields: Vec::new(), k1: 1.5, b: 0.25 };
        for (at, (weight, b)) in weights.iter().enumerate() {
            let round = |number: f64| ((number * 1000.0).round() / 1000.0) as f32;
            spec.add(&format!("f{at}"), round(*weight), b.map(round), "english").unwrap();
        }
        let mut bytes = Vec::new();
        spec.write(&mut bytes);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(&SearchSpec::read(&mut reader).unwrap(), &spec);
        prop_assert!(reader.is_empty());
        let mut text = Vec::new();
        spec.write_json(&mut text);
        prop_assert_eq!(&SearchSpec::parse(&json::parse(&text).unwrap()).unwrap(), &spec);
    }

    #[test]
    fn hostile_bytes_never_panic(mut bytes: Vec<u8>) {
        bytes.insert(0, FORMAT);
        let _ = SearchSpec::read(&mut Reader::new(&bytes));
    }
}

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::arbitrary;
use super::super::document::encode;
use super::super::json;
use super::*;
use crate::base::ErrorKind;
use crate::engine::access::{Pause, Step};

/// Collections in memory, that pause at every other call.
#[derive(Default)]
struct Shelf {
    collections: BTreeMap<Box<str>, Vec<Vec<u8>>>,
    calls: usize,
    scans: usize,
}

impl Shelf {
    fn put(&mut self, name: &str, documents: &str) {
        let Value::Array(items) = json::parse(documents.as_bytes()).unwrap() else { panic!("no array") };
        let stored = items.iter().enumerate().map(|(at, item)| stored(at, item)).collect();
        self.collections.insert(name.into(), stored);
    }
}

/// The stored form, with an id if there is none.
fn stored(at: usize, value: &Value) -> Vec<u8> {
    let Value::Object(fields) = value else { panic!("no object") };
    let mut fields = fields.clone();
    if value.field("id").is_none() {
        fields.insert(0, ("id".into(), Value::String(format!("{at:04}").into())));
    }
    let mut bytes = Vec::new();
    encode(&json::to_json(&Value::Object(fields)), 1, &mut bytes).unwrap();
    bytes
}

impl Source for Shelf {
    fn scan(
        &mut self,
        collection: &str,
        _: Option<&Filter>,
        resume: &mut Option<Box<str>>,
        each: &mut dyn FnMut(&[u8]) -> Result<bool>,
    ) -> Step<()> {
        self.scans += usize::from(resume.is_none());
        for bytes in self.collections.get(collection).into_iter().flatten() {
            let id: Box<str> = super::super::Document::parse(bytes)?.id().unwrap().into();
            if resume.as_ref().is_some_and(|last| id <= *last) {
                continue;
            }
            self.calls += 1;
            if self.calls.is_multiple_of(3) {
                return Err(Pause::Yield);
            }
            *resume = Some(id);
            if !each(bytes)? {
                break;
            }
        }
        Ok(())
    }
}

/// Runs a step until it does not pause.
fn persist<T>(mut step: impl FnMut() -> Step<T>) -> Result<T> {
    loop {
        match step() {
            Ok(value) => return Ok(value),
            Err(Pause::Failed(error)) => return Err(error),
            Err(_) => {}
        }
    }
}

fn parse(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn run(shelf: &mut Shelf, stages: &str, options: &RunOptions) -> Result<String> {
    let pipeline = Pipeline::parse(&parse(stages))?;
    let (mut execution, mut resume) = (pipeline.run(options), None);
    persist(|| execution.scan("docs", None, &mut resume, shelf))?;
    let output = execution.into_output();
    let text = String::from_utf8(output.json).unwrap();
    let Value::Array(rows) = parse(&text) else { panic!("no array") };
    assert_eq!(rows.len(), output.count);
    Ok(text)
}

/// Runs `stages` over `documents` and expects `rows`.
fn check(documents: &str, stages: &str, rows: &str) {
    let mut shelf = Shelf::default();
    shelf.put("docs", documents);
    shelf.put("other", r#"[{"k":1,"v":"one"},{"k":2,"v":"two"},{"k":[1,3],"v":"list"},{"v":"none"}]"#);
    let result = run(&mut shelf, stages, &RunOptions::default()).unwrap_or_else(|error| panic!("{stages}: {error}"));
    assert_eq!(result, rows, "{stages}");
}

fn check_error(stages: &str, part: &str) {
    let mut shelf = Shelf::default();
    shelf.put("docs", DOCS);
    let error = run(&mut shelf, stages, &RunOptions::default()).unwrap_err();
    assert!(error.message().contains(part), "{stages}: '{}' lacks '{part}'", error.message());
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

const DOCS: &str = r#"[
    {"id":"a","n":1,"tag":"x","list":[1,2],"o":{"p":1,"q":2}},
    {"id":"b","n":2,"tag":"y","list":[]},
    {"id":"c","n":3,"tag":"x","list":[3],"o":{"p":5}},
    {"id":"d","n":4}]"#;

#[test]
fn no_stages_give_the_documents_as_they_are() {
    check(r#"[{"id":"a","d":{"$date":0}},{"id":"b"}]"#, "[]", r#"[{"id":"a","d":{"$date":0}},{"id":"b"}]"#);
}

#[test]
fn match_limit_skip_and_count_pick_rows() {
    check(DOCS, r#"[{"$match":{"tag":"x"}},{"$count":"n"}]"#, r#"[{"n":2}]"#);
    check(DOCS, r#"[{"$match":{"tag":"nothing"}},{"$count":"n"}]"#, "[]");
    check(DOCS, r#"[{"$skip":1},{"$limit":2},{"$project":{"id":1}}]"#, r#"[{"id":"b"},{"id":"c"}]"#);
    check(DOCS, r#"[{"$match":{"$expr":{"$gt":["$n","$o.p"]},"tag":"y"}},{"$project":{"id":1}}]"#, r#"[{"id":"b"}]"#);
}

#[test]
fn group_adds_up_by_key() {
    let stages = r#"[{"$group":{"_id":"$tag","sum":{"$sum":"$n"},"avg":{"$avg":"$n"},"count":{"$count":{}},"min":{"$min":"$n"},
        "max":{"$max":"$n"},"first":{"$first":"$id"},"last":{"$last":"$id"},"all":{"$push":"$n"}}},{"$sort":{"_id":1}}]"#;
    check(
        DOCS,
        stages,
        concat!(
            r#"[{"_id":null,"sum":4,"avg":4,"count":1,"min":4,"max":4,"first":"d","last":"d","all":[4]},"#,
            r#"{"_id":"x","sum":4,"avg":2,"count":2,"min":1,"max":3,"first":"a","last":"c","all":[1,3]},"#,
            r#"{"_id":"y","sum":2,"avg":2,"count":1,"min":2,"max":2,"first":"b","last":"b","all":[2]}]"#,
        ),
    );
    check(DOCS, r#"[{"$group":{"_id":null,"n":{"$sum":1}}}]"#, r#"[{"_id":null,"n":4}]"#);
    check("[]", r#"[{"$group":{"_id":null,"n":{"$sum":1}}}]"#, "[]");
    check(
        DOCS,
        r#"[{"$group":{"_id":{"odd":{"$mod":["$n",2]}},"n":{"$sum":{"$multiply":["$n",10]}}}}]"#,
        r#"[{"_id":{"odd":1},"n":40},{"_id":{"odd":0},"n":60}]"#,
    );
}

#[test]
fn a_group_key_reads_inside_objects_and_arrays() {
    let documents = r#"[{"o":{"p":1}},{"o":{"p":{"q":2}}},{"o":[{"p":1},{"p":2}]},{"o":5},{}]"#;
    let stages = r#"[{"$group":{"_id":"$o.p","n":{"$sum":1}}}]"#;
    check(documents, stages, r#"[{"_id":1,"n":1},{"_id":{"q":2},"n":1},{"_id":[1,2],"n":1},{"_id":null,"n":2}]"#);
}

#[test]
fn a_group_is_one_however_its_key_is_written() {
    let documents =
        r#"[{"k":1},{"k":{"$bigint":"1"}},{"k":null},{},{"k":{"$undefined":true}},{"k":0},{"k":{"$number":"-0"}}]"#;
    check(
        documents,
        r#"[{"$group":{"_id":"$k","n":{"$sum":1}}}]"#,
        r#"[{"_id":1,"n":2},{"_id":null,"n":3},{"_id":0,"n":2}]"#,
    );
}

#[test]
fn accumulators_cover_sets_deviations_and_ranks() {
    let documents = r#"[{"n":2,"s":"b"},{"n":4,"s":"a"},{"n":4,"s":"c"},{"n":6}]"#;
    check(
        documents,
        r#"[{"$group":{"_id":null,"set":{"$addToSet":"$n"},"pop":{"$stdDevPop":"$n"},"s":{"$addToSet":"$s"}}}]"#,
        r#"[{"_id":null,"set":[2,4,6],"pop":1.4142135623730951,"s":["b","a","c"]}]"#,
    );
    check(
        documents,
        r#"[{"$group":{"_id":null,"top":{"$top":{"sortBy":{"n":-1},"output":"$n"}},"min":{"$minN":{"input":"$n","n":2}},
        "max":{"$maxN":{"input":"$n","n":2}},"first":{"$firstN":{"input":"$s","n":2}},"last":{"$lastN":{"input":"$s","n":2}},
        "bottom":{"$bottomN":{"sortBy":{"n":-1},"output":"$s","n":2}}}}]"#,
        r#"[{"_id":null,"top":6,"min":[2,4],"max":[6,4],"first":["b","a"],"last":["c",null],"bottom":["c","b"]}]"#,
    );
    check(
        r#"[{"o":{"a":1,"b":1}},{"o":{"b":2}}]"#,
        r#"[{"$group":{"_id":null,"o":{"$mergeObjects":"$o"}}}]"#,
        r#"[{"_id":null,"o":{"a":1,"b":2}}]"#,
    );
    check(
        r#"[{"n":{"$bigint":"9007199254740993"}},{"n":1}]"#,
        r#"[{"$group":{"_id":null,"n":{"$sum":"$n"}}}]"#,
        r#"[{"_id":null,"n":{"$bigint":"9007199254740994"}}]"#,
    );
}

#[test]
fn project_keeps_drops_and_computes() {
    check(
        DOCS,
        r#"[{"$limit":1},{"$project":{"n":1,"o.p":1,"twice":{"$multiply":["$n",2]}}}]"#,
        r#"[{"id":"a","n":1,"o":{"p":1},"twice":2}]"#,
    );
    check(DOCS, r#"[{"$limit":1},{"$project":{"id":0,"list":0,"o":{"q":0}}}]"#, r#"[{"n":1,"tag":"x","o":{"p":1}}]"#);
    check(DOCS, r#"[{"$limit":1},{"$project":{"id":0,"deep.er":"$n","o":"$$REMOVE"}}]"#, r#"[{"deep":{"er":1}}]"#);
    check(
        r#"[{"id":"a","l":[{"x":1,"y":2},3,[{"x":4}]]}]"#,
        r#"[{"$project":{"l.x":1}}]"#,
        r#"[{"id":"a","l":[{"x":1},[{"x":4}]]}]"#,
    );
    check(r#"[{"id":"a","l":[{"x":1,"y":2},3]}]"#, r#"[{"$project":{"l.x":0}}]"#, r#"[{"id":"a","l":[{"y":2},3]}]"#);
    check_error(r#"[{"$project":{"a":1,"b":0}}]"#, "mixes");
    check_error(r#"[{"$project":{"a":1,"a.b":1}}]"#, "twice");
}

#[test]
fn add_fields_and_unset_change_in_place() {
    check(
        r#"[{"id":"a","n":1,"m":2}]"#,
        r#"[{"$addFields":{"n":{"$add":["$n","$m"]},"o.p":"$n","m":"$$REMOVE"}}]"#,
        r#"[{"id":"a","n":3,"o":{"p":1}}]"#,
    );
    check(r#"[{"id":"a","l":[{"x":1},2]}]"#, r#"[{"$set":{"l.y":0}}]"#, r#"[{"id":"a","l":[{"x":1,"y":0},{"y":0}]}]"#);
    check(r#"[{"id":"a","o":{"p":1,"q":2},"n":1}]"#, r#"[{"$unset":["o.p","n"]}]"#, r#"[{"id":"a","o":{"q":2}}]"#);
}

#[test]
fn sort_orders_and_with_a_limit_keeps_only_the_top() {
    let documents = r#"[{"id":"1","n":3},{"id":"2","n":1},{"id":"3","n":2},{"id":"4","n":3}]"#;
    check(
        documents,
        r#"[{"$sort":{"n":1}},{"$project":{"id":1}}]"#,
        r#"[{"id":"2"},{"id":"3"},{"id":"1"},{"id":"4"}]"#,
    );
    check(
        documents,
        r#"[{"$sort":{"n":-1}},{"$skip":1},{"$limit":2},{"$project":{"id":1}}]"#,
        r#"[{"id":"4"},{"id":"3"}]"#,
    );
    check(documents, r#"[{"$sortByCount":"$n"},{"$limit":1}]"#, r#"[{"_id":3,"count":2}]"#);
}

#[test]
fn unwind_makes_a_row_of_each_element() {
    check(
        DOCS,
        r#"[{"$unwind":"$list"},{"$project":{"list":1}}]"#,
        r#"[{"id":"a","list":1},{"id":"a","list":2},{"id":"c","list":3}]"#,
    );
    check(
        DOCS,
        r#"[{"$unwind":{"path":"$list","includeArrayIndex":"at","preserveNullAndEmptyArrays":true}},{"$project":{"list":1,"at":1}}]"#,
        r#"[{"id":"a","list":1,"at":0},{"id":"a","list":2,"at":1},{"id":"b","at":null},{"id":"c","list":3,"at":0},{"id":"d","at":null}]"#,
    );
    check(DOCS, r#"[{"$unwind":"$list"},{"$group":{"_id":null,"n":{"$sum":"$list"}}}]"#, r#"[{"_id":null,"n":6}]"#);
    check(DOCS, r#"[{"$unwind":"$list"},{"$limit":1},{"$count":"n"}]"#, r#"[{"n":1}]"#);
    check_error(r#"[{"$unwind":"list"}]"#, "'$list'");
}

#[test]
fn lookup_joins_by_equality_as_find_would() {
    let documents = r#"[{"id":"a","k":1},{"id":"b","k":[2,3]},{"id":"c"},{"id":"d","k":9}]"#;
    check(
        documents,
        r#"[{"$lookup":{"from":"other","localField":"k","foreignField":"k","as":"found"}},
        {"$project":{"found":{"$map":{"input":"$found","in":"$$this.v"}}}}]"#,
        r#"[{"id":"a","found":["one","list"]},{"id":"b","found":["two","list"]},{"id":"c","found":["none"]},{"id":"d","found":[]}]"#,
    );
}

#[test]
fn lookup_runs_a_pipeline_with_variables() {
    let documents = r#"[{"id":"a","k":1},{"id":"b","k":2}]"#;
    check(
        documents,
        r#"[{"$lookup":{"from":"other","let":{"mine":"$k"},"pipeline":[{"$match":{"$expr":{"$eq":["$k","$$mine"]}}},
        {"$project":{"id":0,"v":1,"mine":"$$mine"}}],"as":"found"}}]"#,
        r#"[{"id":"a","k":1,"found":[{"v":"one","mine":1}]},{"id":"b","k":2,"found":[{"v":"two","mine":2}]}]"#,
    );
    check(
        documents,
        r#"[{"$lookup":{"from":"other","localField":"k","foreignField":"k","pipeline":[{"$count":"n"}],"as":"found"}},
        {"$project":{"n":{"$first":"$found.n"}}}]"#,
        r#"[{"id":"a","n":2},{"id":"b","n":1}]"#,
    );
}

#[test]
fn a_lookup_that_is_the_same_for_all_rows_runs_once() {
    let mut shelf = Shelf::default();
    shelf.put("docs", DOCS);
    shelf.put("other", r#"[{"v":1},{"v":2}]"#);
    let stages = r#"[{"$lookup":{"from":"other","pipeline":[{"$count":"n"}],"as":"all"}},{"$match":{"all":{"n":2}}},{"$count":"n"}]"#;
    assert_eq!(
        run(&mut shelf, &stages.replace(r#"{"$match":{"all":{"n":2}}},"#, ""), &RunOptions::default()).unwrap(),
        r#"[{"n":4}]"#
    );
    assert!(shelf.scans <= 3, "{}", shelf.scans);
}

#[test]
fn many_rows_are_looked_up_in_batches() {
    let documents: Vec<String> = (0..1300).map(|n| format!(r#"{{"k":{}}}"#, n % 3)).collect();
    check(
        &format!("[{}]", documents.join(",")),
        r#"[{"$lookup":{"from":"other","localField":"k","foreignField":"k","as":"f"}},{"$unwind":"$f"},
        {"$sortByCount":"$f.v"}]"#,
        r#"[{"_id":"one","count":433},{"_id":"list","count":433},{"_id":"two","count":433}]"#,
    );
}

#[test]
fn union_and_facet_combine_pipelines() {
    check(DOCS, r#"[{"$unionWith":{"coll":"other","pipeline":[{"$match":{"k":1}}]}},{"$count":"n"}]"#, r#"[{"n":6}]"#);
    check(
        DOCS,
        r#"[{"$facet":{"count":[{"$count":"n"}],"top":[{"$sort":{"n":-1}},{"$limit":1},{"$project":{"id":1}}],"none":[{"$match":{"n":99}}]}}]"#,
        r#"[{"count":[{"n":4}],"top":[{"id":"d"}],"none":[]}]"#,
    );
}

#[test]
fn buckets_cut_by_boundaries_or_evenly() {
    check(
        DOCS,
        r#"[{"$bucket":{"groupBy":"$n","boundaries":[1,3,4],"default":"rest"}}]"#,
        r#"[{"_id":1,"count":2},{"_id":3,"count":1},{"_id":"rest","count":1}]"#,
    );
    check(
        DOCS,
        r#"[{"$bucketAuto":{"groupBy":"$n","buckets":2,"output":{"ids":{"$push":"$id"}}}}]"#,
        r#"[{"_id":{"min":1,"max":3},"ids":["a","b"]},{"_id":{"min":3,"max":4},"ids":["c","d"]}]"#,
    );
    check_error(r#"[{"$bucket":{"groupBy":"$n","boundaries":[1,3]}}]"#, "default");
    check_error(r#"[{"$bucket":{"groupBy":"$n","boundaries":[3,1]}}]"#, "ascending");
}

#[test]
fn replace_root_needs_an_object() {
    check(DOCS, r#"[{"$match":{"tag":"x"}},{"$replaceRoot":{"newRoot":"$o"}}]"#, r#"[{"p":1,"q":2},{"p":5}]"#);
    check(DOCS, r#"[{"$limit":1},{"$replaceWith":{"x":"$$ROOT.n"}}]"#, r#"[{"x":1}]"#);
    check_error(r#"[{"$replaceWith":"$n"}]"#, "object");
}

#[test]
fn a_sample_is_replayed_by_its_seed() {
    let mut shelf = Shelf::default();
    shelf.put("docs", &format!("[{}]", vec!["{}"; 50].join(",")));
    let stages = r#"[{"$sample":{"size":5}}]"#;
    let mut sample = |seed| run(&mut shelf, stages, &RunOptions { seed, ..RunOptions::default() }).unwrap();
    assert_eq!(sample(1), sample(1));
    assert_ne!(sample(1), sample(2));
    assert_eq!(sample(3).matches("id").count(), 5);
}

#[test]
fn a_limit_ends_the_run_early() {
    let pipeline = Pipeline::parse(&parse(r#"[{"$match":{"n":1}},{"$limit":2}]"#)).unwrap();
    let mut execution = pipeline.run(&RunOptions::default());
    let document = stored(0, &parse(r#"{"n":1}"#));
    assert_eq!(execution.push(&document).unwrap(), Flow::More);
    assert_eq!(execution.push(&document).unwrap(), Flow::Done);
}

#[test]
fn what_an_index_could_do_is_told() {
    let pipeline = Pipeline::parse(&parse(r#"[{"$match":{"n":1}},{"$sort":{"m":1}},{"$limit":3},{"$lookup":{"from":"x","localField":"a","foreignField":"b","as":"c"}}]"#)).unwrap();
    assert!(pipeline.leading_filter().is_some());
    assert_eq!(pipeline.leading_sort().and_then(|(_, limit)| limit), Some(3));
    assert_eq!(pipeline.collections(), ["x"]);
}

#[test]
fn memory_is_bounded_and_the_stage_is_named() {
    let mut shelf = Shelf::default();
    let documents: Vec<String> = (0..300).map(|n| format!(r#"{{"n":{n},"s":"{}"}}"#, "x".repeat(200))).collect();
    shelf.put("docs", &format!("[{}]", documents.join(",")));
    let options = RunOptions { memory: 20_000, ..RunOptions::default() };
    for (stages, stage) in [
        (r#"[{"$group":{"_id":"$n"}}]"#, "$group"),
        (r#"[{"$group":{"_id":null,"all":{"$push":"$s"}}}]"#, "$group"),
        (r#"[{"$sort":{"n":1}}]"#, "$sort"),
        (r#"[{"$bucketAuto":{"groupBy":"$n","buckets":2}}]"#, "$bucketAuto"),
        (r#"[{"$facet":{"all":[]}}]"#, "nested"),
    ] {
        let error = run(&mut shelf, stages, &options).unwrap_err();
        assert!(error.message().starts_with(stage) || error.message().contains(stage), "{stages}: {error}");
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Invalid, Some("memory")));
    }
    // What is wanted of it fits.
    assert!(run(&mut shelf, r#"[{"$sort":{"n":-1}},{"$limit":3}]"#, &options).is_ok());
}

#[test]
fn wrong_pipelines_are_refused_with_the_stage() {
    for (stages, part) in [
        ("{}", "array"),
        (r#"[{"$nope":1}]"#, "'$nope'"),
        (r#"[{"$match":{}},{"$match":{},"$limit":1}]"#, "stage 1"),
        (r#"[{"$limit":0}]"#, "$limit"),
        (r#"[{"$limit":1.5}]"#, "$limit"),
        (r#"[{"$group":{"n":{"$sum":1}}}]"#, "_id"),
        (r#"[{"$group":{"_id":1,"n":{"$what":1}}}]"#, "'$what'"),
        (r#"[{"$group":{"_id":1,"n":5}}]"#, "accumulator"),
        (r#"[{"$count":"$x"}]"#, "$count"),
        (r#"[{"$lookup":{"from":"x","as":"y"}}]"#, "localField"),
        (r#"[{"$facet":{"a":[{"$facet":{"b":[]}}]}}]"#, "$facet"),
        (r#"[{"$addFields":{"a":{"$nope":1}}}]"#, "'a'"),
    ] {
        let error = Pipeline::parse(&parse(stages)).unwrap_err();
        assert!(error.message().contains(part), "{stages}: {error}");
    }
    let mut nested = "[]".to_owned();
    for _ in 0..12 {
        nested = format!(r#"[{{"$unionWith":{{"coll":"x","pipeline":{nested}}}}}]"#);
    }
    assert!(Pipeline::parse(&parse(&nested)).unwrap_err().message().contains("deep"));
}

#[test]
#[ignore = "prints timings"]
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn timings() {
    let documents: Vec<Vec<u8>> = (0..100_000)
        .map(|at| {
            let mut bytes = Vec::new();
            encode(super::super::document::sample(at).as_bytes(), 1, &mut bytes).unwrap();
            bytes
        })
        .collect();
    for stages in [
        r#"[{"$group":{"_id":"$author","n":{"$sum":1},"sum":{"$sum":"$score"},"avg":{"$avg":"$score"}}}]"#,
        r#"[{"$match":{"score":{"$gte":500}}},{"$group":{"_id":"$author","n":{"$sum":1},"sum":{"$sum":"$score"}}}]"#,
        r#"[{"$group":{"_id":null,"sum":{"$sum":"$score"}}}]"#,
        r#"[{"$group":{"_id":"$nested.b","sum":{"$sum":{"$add":["$score",1]}}}}]"#,
        r#"[{"$unwind":"$tags"},{"$sortByCount":"$tags"}]"#,
        r#"[{"$sort":{"score":-1}},{"$limit":50}]"#,
        r#"[{"$count":"n"}]"#,
    ] {
        let pipeline = Pipeline::parse(&parse(stages)).unwrap();
        let start = std::time::Instant::now();
        let mut execution = pipeline.run(&RunOptions::default());
        for document in &documents {
            execution.push(document).unwrap();
        }
        persist(|| execution.finish(&mut Shelf::default())).unwrap();
        println!("{:?} {} rows: {stages}", start.elapsed(), execution.into_output().count);
    }
}

proptest! {
    #[test]
    fn no_operand_and_no_document_makes_a_stage_panic(
        stage in prop::sample::select(vec!["$match", "$project", "$addFields", "$unset", "$group", "$bucket", "$bucketAuto", "$sort",
            "$sortByCount", "$limit", "$skip", "$count", "$unwind", "$replaceRoot", "$replaceWith", "$sample", "$facet", "$lookup"]),
        operand in arbitrary::value(),
        document in arbitrary::object(),
    ) {
        let stages = Value::Array(vec![Value::Object(vec![(stage.into(), operand)])]);
        let Value::Object(fields) = &document else { unreachable!() };
        let named: Vec<_> = fields.iter().filter(|(name, _)| &**name != "id").cloned().collect();
        if let Ok(pipeline) = Pipeline::parse(&stages) {
            let mut execution = pipeline.run(&RunOptions::default());
            if execution.push(&stored(0, &Value::Object(named))).is_ok() {
                let _ = persist(|| execution.finish(&mut Shelf::default()));
            }
        }
    }
}

//! Pieces of texts in one go, beside the stages one after another.

use std::rc::Rc;

use proptest::prelude::*;

use super::super::document::encode;
use super::super::json;
use super::{Pipeline, RunOptions, Stages};
use crate::base::Result;

const SPLIT: &str = r#"{"$project":{"w":{"$split":["$t"," "]},"n":1}},{"$unwind":"$w"}"#;

fn parse(stages: &str) -> Pipeline {
    let stages = stages.replace("SPLIT", SPLIT);
    Pipeline::parse(&json::parse(stages.as_bytes()).unwrap()).unwrap_or_else(|error| panic!("{stages}: {error}"))
}

/// The same stages, one after another.
fn plain(pipeline: &Pipeline) -> Pipeline {
    let Stages { stages, needs, .. } = &*pipeline.0;
    Pipeline(Rc::new(Stages { stages: stages.clone(), needs: needs.clone(), pieces: None }))
}

/// What the pipeline gives of documents with these fields, or the first error.
fn run(pipeline: &Pipeline, documents: &[String], memory: usize) -> Result<String> {
    let mut execution = pipeline.run(&RunOptions { memory, ..RunOptions::default() });
    for (at, fields) in documents.iter().enumerate() {
        let mut stored = Vec::new();
        encode(format!(r#"{{"id":"{at}",{fields}}}"#).as_bytes(), 1, &mut stored).unwrap();
        execution.push(&stored)?;
    }
    execution.finish(&mut super::partial_tests::Nothing).map_err(|pause| match pause {
        crate::engine::Pause::Failed(error) => error,
        other => panic!("{other:?}"),
    })?;
    Ok(String::from_utf8(execution.into_output().json).unwrap())
}

const IN_ONE_GO: [&str; 14] = [
    r#"[SPLIT,{"$match":{"w":{"$ne":""}}},{"$group":{"_id":"$w","n":{"$sum":1}}}]"#,
    r#"[SPLIT,{"$group":{"_id":"$w","n":{"$count":{}},"half":{"$sum":0.1},"avg":{"$avg":3},"all":{"$push":7}}},{"$sort":{"_id":1}}]"#,
    r#"[SPLIT,{"$group":{"_id":"$w","in":{"$approximateDistinct":"$id"},"first":{"$first":"$n"},"ns":{"$push":"$n"}}}]"#,
    r#"[SPLIT,{"$match":{"w":{"$in":["a","bb",""]}}},{"$match":{"w":{"$ne":"bb"}}},{"$group":{"_id":{"w":"$w"},"n":{"$max":"$n"}}}]"#,
    r#"[{"$set":{"t":{"$split":["$t"," "]}}},{"$unwind":"$t"},{"$group":{"_id":{"$toUpper":"$t"},"n":{"$sum":1},"m":{"$sum":"$n"}}}]"#,
    r#"[{"$project":{"w":{"$split":["$t","é "]}}},{"$unwind":{"path":"$w","preserveNullAndEmptyArrays":true}},{"$sortByCount":"$w"}]"#,
    r#"[SPLIT,{"$set":{"w":{"$strLenCP":"$w"}}},{"$group":{"_id":"$w","n":{"$sum":1}}}]"#,
    r#"[SPLIT,{"$project":{"k":{"$substrCP":["$w",0,1]}}},{"$match":{"k":{"$ne":""}}},{"$group":{"_id":"$k","n":{"$sum":1}}}]"#,
    r#"[{"$project":{"w":{"$split":[{"$toLower":"$t"},"a"]}}},{"$unwind":"$w"},{"$group":{"_id":"$w","n":{"$sum":1}}}]"#,
    r#"[SPLIT,{"$match":{"$expr":{"$gt":[{"$divide":[1,{"$strLenCP":"$w"}]},0.3]}}},{"$group":{"_id":"$w","n":{"$sum":1}}}]"#,
    r#"[{"$project":{"o.t":1,"w":{"$split":["$o.t"," "]}}},{"$unwind":"$w"},{"$group":{"_id":"$w","o":{"$addToSet":"$o"}}}]"#,
    r#"[{"$project":{"w":{"$split":["$t","\u0000"]}}},{"$unwind":"$w"},{"$group":{"_id":"$w","n":{"$sum":1}}}]"#,
    r#"[SPLIT,{"$match":{"w":{"$ne":"a"}}},{"$group":{"_id":{"$toUpper":"$w"},"n":{"$count":{}},"less":{"$sum":-3},"none":{"$sum":0}}}]"#,
    r#"[{"$match":{"n":{"$lt":5}}},SPLIT,{"$group":{"_id":null,"n":{"$sum":1}}},{"$set":{"twice":{"$multiply":["$n",2]}}}]"#,
];

const ONE_AFTER_ANOTHER: [&str; 7] = [
    r#"[SPLIT,{"$group":{"_id":"$w","last":{"$max":"$w"}}}]"#,
    r#"[SPLIT,{"$group":{"_id":"$w","all":{"$push":"$$ROOT"}}}]"#,
    r#"[SPLIT,{"$group":{"_id":["$w","$n"],"n":{"$sum":1}}}]"#,
    r#"[SPLIT,{"$match":{"n":{"$gt":1}}},{"$group":{"_id":"$w","n":{"$sum":1}}}]"#,
    r#"[SPLIT,{"$set":{"n":"$w"}},{"$group":{"_id":"$w","n":{"$first":"$n"}}}]"#,
    r#"[SPLIT,{"$limit":3},{"$group":{"_id":"$w","n":{"$sum":1}}}]"#,
    r#"[{"$project":{"w":{"$split":["$t"," "]}}},{"$unwind":{"path":"$w","includeArrayIndex":"i"}},{"$group":{"_id":"$w","n":{"$sum":1}}}]"#,
];

#[test]
fn only_stages_where_the_piece_alone_decides_take_it_in_one_go() {
    for stages in IN_ONE_GO {
        assert!(parse(stages).0.pieces.is_some(), "{stages}");
    }
    for stages in ONE_AFTER_ANOTHER {
        assert!(parse(stages).0.pieces.is_none(), "{stages}");
    }
}

/// The fields of a document: mostly texts, with pieces that come again, are empty, written with escapes, or long.
fn fields() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ab]{0,2}",
        1 => Just("é".to_owned()),
        1 => Just(r#"\"\u00e9\n\u0000"#.to_owned()),
        1 => (60..70_usize).prop_map(|length| "l".repeat(length)),
    ];
    let text = prop::collection::vec(piece, 0..6).prop_map(|pieces| format!("\"{}\"", pieces.join(" ")));
    let value = prop_oneof![
        12 => text,
        1 => prop::sample::select(vec!["null", "7", r#"["a","b a"]"#, r#"{"t":"a"}"#]).prop_map(str::to_owned),
    ];
    (0..9, value, any::<bool>()).prop_map(|(n, value, inside)| {
        let text = if inside { format!(r#""o":{{"t":{value}}},"t":"a b""#) } else { format!(r#""t":{value}"#) };
        format!(r#""n":{n},{text}"#)
    })
}

proptest! {
    #[test]
    fn pieces_in_one_go_come_to_what_the_stages_come_to(
        stages in prop::sample::select(IN_ONE_GO.to_vec()),
        documents in prop::collection::vec(fields(), 0..8),
        memory in prop_oneof![3 => Just(super::MEMORY), 1 => 0..4_000_usize],
    ) {
        let pipeline = parse(stages);
        let (one_go, stages) = (run(&pipeline, &documents, memory), run(&plain(&pipeline), &documents, memory));
        prop_assert_eq!(one_go.map_err(|error| error.to_string()), stages.map_err(|error| error.to_string()));
    }
}

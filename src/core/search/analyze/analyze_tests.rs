use proptest::prelude::*;

use super::*;

fn terms_for(analyzer: &Analyzer, purpose: Purpose, text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    analyzer.tokens(text, purpose, &mut |token| terms.push(token.term.to_owned())).unwrap();
    terms
}

fn check(analyzer: &Analyzer, text: &str, expected: &[&str]) {
    assert_eq!(terms_for(analyzer, Purpose::Document, text), expected, "{analyzer:?}: {text}");
}

#[test]
fn words_are_folded_runs_of_letters_and_digits() {
    let standard = &Analyzer::Standard;
    check(standard, "Tide-tables, 2nd ed. (1998)", &["tide", "tables", "2nd", "ed", "1998"]);
    check(standard, "Größe ÉTÉ Łódź Ærø İstanbul ﬁn", &["grosse", "ete", "lodz", "aero", "istanbul", "fin"]);
    check(standard, "e\u{301}te\u{301} Việt Ναυτικός Ёлка", &["ete", "viet", "ναυτικοσ", "елка"]);
    check(standard, "snake_case a.out foo.bar", &["snake", "case", "a", "out", "foo", "bar"]);
    check(standard, "ＡＢＣ１２ ١٢٣", &["abc12", "123"]);
    check(standard, " … — !", &[]);
}

#[test]
fn apostrophes_points_and_commas_join_where_they_belong_to_the_word() {
    let standard = &Analyzer::Standard;
    check(standard, "don't tide's O’Neil", &["dont", "tide", "oneil"]);
    check(standard, "l'eau qu’il dell'arte", &["l", "eau", "qu", "il", "dell", "arte"]);
    check(standard, "U.S.A. e.g. 3.14 1,000 v1.2", &["usa", "eg", "3.14", "1000", "v1.2"]);
    check(standard, "end.Next 'quoted' x.y1", &["end", "next", "quoted", "x", "y1"]);
    check(standard, "צה\"ל צה״ל", &["צהל", "צהל"]);
}

#[test]
fn scripts_without_spaces_give_pairs_and_documents_the_last_sign_too() {
    let standard = &Analyzer::Standard;
    check(standard, "世界人权 ok", &["世界", "界人", "人权", "权", "ok"]);
    assert_eq!(terms_for(standard, Purpose::Query, "世界人权 水"), ["世界", "界人", "人权", "水"]);
    check(standard, "水", &["水"]);
    check(standard, "เมือง", &["เมือ", "อง", "ง"]);
    check(standard, "人权ABC", &["人权", "权", "abc"]);
}

#[test]
fn a_single_sign_in_a_query_stands_for_all_that_begins_with_it() {
    let mut begins = Vec::new();
    Analyzer::Standard.tokens("水 水道 a", Purpose::Query, &mut |token| begins.push(token.begins)).unwrap();
    assert_eq!(begins, [true, false, false]);
}

#[test]
fn marks_stay_where_they_are_vowels_and_go_where_they_are_accents() {
    check(&Analyzer::Standard, "हिन्दी", &["हिन्दी"]);
    check(&Analyzer::Standard, "مُحَمَّد العَرَبِيّة", &["محمد", "العربيه"]);
    check(&Analyzer::Standard, "שָׁלוֹם", &["שלום"]);
}

#[test]
fn english_leaves_out_stop_words_and_stems_the_rest() {
    let english = &Analyzer::english();
    check(english, "The tides' tables are computed daily", &["tide", "tabl", "comput", "daili"]);
    check(english, "It's the cat's whiskers, isn't it", &["cat", "whisker", "isnt"]);
    check(english, "running runs run RUNNING", &["run", "run", "run", "run"]);
    let mut places = Vec::new();
    english.tokens("state of the art", Purpose::Document, &mut |token| places.push(token.position)).unwrap();
    assert_eq!(places, [0, 3]);
}

#[test]
fn a_keyword_is_one_term() {
    check(&Analyzer::Keyword, "  New York ", &["New York"]);
    check(&Analyzer::Keyword, " ", &[]);
    check(&Analyzer::Keyword, &"é".repeat(100), &[&"é".repeat(64)]);
}

#[test]
fn long_words_are_cut_and_long_texts_end() {
    check(&Analyzer::Standard, &"x".repeat(1000), &[&"x".repeat(TERM_MAX)]);
    let many = terms_for(&Analyzer::Standard, Purpose::Document, &"a ".repeat(TOKENS_MAX as usize + 10));
    assert_eq!(many.len(), TOKENS_MAX as usize);
    let signs = terms_for(&Analyzer::Standard, Purpose::Document, &"水".repeat(TOKENS_MAX as usize + 10));
    assert_eq!(signs.len(), TOKENS_MAX as usize);
}

struct Shouting;

impl CustomAnalyzer for Shouting {
    fn tokens(&self, text: &str, _: Purpose, sink: &mut dyn FnMut(Token<'_>)) -> Result<()> {
        if text.contains('!') {
            return Err(Error::invalid("no shouting"));
        }
        // Positions and offsets out of bounds and out of order.
        sink(Token { term: "b", position: 7, start: 3, end: 900, begins: false });
        sink(Token { term: "", position: 8, start: 3, end: 900, begins: false });
        sink(Token { term: "a", position: 2, start: 1, end: 0, begins: false });
        Ok(())
    }

    fn version(&self) -> u32 {
        7
    }
}

#[test]
fn an_application_brings_its_own_analyzer() {
    let mut analyzers = Analyzers::default();
    analyzers.register("mine", Rc::new(Shouting)).unwrap();
    let mine = analyzers.get("mine").unwrap();
    assert_eq!(mine.version(), 7);
    let mut tokens = Vec::new();
    mine.tokens("hello", Purpose::Document, &mut |t| tokens.push((t.position, t.start, t.end))).unwrap();
    assert_eq!(tokens, [(7, 3, 5), (7, 3, 3)]);
    assert!(mine.tokens("!", Purpose::Document, &mut |_| {}).is_err());
    assert!(analyzers.register("english", Rc::new(Shouting)).is_err());
    let error = analyzers.get("klingon").unwrap_err();
    assert_eq!(error.reason(), Some("unknown-analyzer"));
}

/// The Universal Declaration of Human Rights in 17 languages, which lies beside the repository.
fn declaration() -> Vec<(String, String)> {
    let lines = crate::search::shared_data::data("udhr-17-languages.jsonl").unwrap_or_default();
    let field = |line: &crate::collections::Value, name: &str| match line.field(name) {
        Some(crate::collections::Value::String(text)) => text.to_string(),
        _ => panic!("no {name}"),
    };
    let lines = lines.lines().map(|line| crate::collections::json::parse(line.as_bytes()).unwrap());
    lines.map(|line| (field(&line, "lang"), field(&line, "text"))).collect()
}

#[test]
fn every_paragraph_in_17_languages_is_found_by_its_own_words() {
    for (language, text) in declaration() {
        for analyzer in [Analyzer::Standard, Analyzer::english()] {
            let stored = terms_for(&analyzer, Purpose::Document, &text);
            let asked = terms_for(&analyzer, Purpose::Query, &text);
            assert!(!stored.is_empty() || text.chars().count() < 4, "{language}: {text}");
            assert!(asked.iter().all(|term| stored.contains(term)), "{language}: {text}");
            // No term is a sentence: scripts without spaces are taken apart.
            assert!(stored.iter().all(|term| term.chars().count() <= 40), "{language}: {stored:?}");
        }
    }
}

proptest! {
    #[test]
    fn tokens_lie_in_the_text_and_ascend(text in "([a-zA-Z'.,0-9 ]|水|[ก-๛]|\\PC){0,60}", query: bool) {
        let purpose = if query { Purpose::Query } else { Purpose::Document };
        for analyzer in [Analyzer::Standard, Analyzer::english(), Analyzer::Keyword] {
            let mut last = (0, 0);
            analyzer.tokens(&text, purpose, &mut |token| {
                assert!(!token.term.is_empty() && token.term.len() <= TERM_MAX);
                assert!(token.start < token.end && text.get(token.start..token.end).is_some());
                assert!((token.position, token.start) >= last);
                last = (token.position, token.start);
            }).unwrap();
        }
    }

    #[test]
    fn folding_twice_changes_nothing(text in "\\PC{0,20}") {
        let fold_all = |text: &str| {
            let mut out = String::new();
            text.chars().for_each(|c| fold::fold(c, &mut out));
            out
        };
        prop_assert_eq!(fold_all(&fold_all(&text)), fold_all(&text));
    }
}

#[test]
fn a_stem_is_the_same_when_it_is_remembered_and_when_its_word_is_too_long_for_that() {
    let english = Analyzer::english();
    let terms = |text: &str| terms_for(&english, Purpose::Document, text);
    for word in ["tides", "relations", "characterizations", "internationalizations", "electroencephalographically"] {
        let first = terms(word);
        assert_eq!(
            (first.len(), terms(word), terms(&format!("{word} tide")).first()),
            (1, first.clone(), first.first())
        );
    }
    // More words than are remembered.
    let words: Vec<String> = (0..20_000u32).map(|n| format!("tide{n}s")).collect();
    for word in words.iter().chain(&words[..100]) {
        assert_eq!(terms(word), [word.strip_suffix('s').unwrap_or(word)]);
    }
}

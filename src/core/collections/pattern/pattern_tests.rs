use proptest::prelude::*;

use super::*;

fn check(pattern: &str, flags: &str, matching: &[&str], other: &[&str]) {
    let compiled = Pattern::parse(pattern, flags).unwrap();
    for text in matching {
        assert!(compiled.is_match(text), "/{pattern}/{flags} on {text:?}");
    }
    for text in other {
        assert!(!compiled.is_match(text), "/{pattern}/{flags} on {text:?}");
    }
}

fn check_refused(pattern: &str, flags: &str, part: &str) {
    let error = Pattern::parse(pattern, flags).unwrap_err();
    assert!(error.message().contains(part), "/{pattern}/{flags}: {error}");
}

#[test]
fn patterns_mean_what_javascript_means() {
    check("^ab+c?$", "", &["ab", "abbc"], &["xab", "abcc"]);
    check(r"\d{2,3}-\w+", "", &["12-a", "x123-_é"], &["1-a", "12-é"]);
    check(r"^\d{2,3}-\w+$", "", &["123-a"], &["123-é"]);
    check("a.c", "", &["abc", "a😀c"], &["a\nc", "a\u{2028}c"]);
    check("a.c", "s", &["a\nc"], &["ac"]);
    check("^b$", "m", &["a\nb\nc"], &["ab"]);
    check("^b$", "", &["b"], &["a\nb", "b\n"]);
    check(r"\s\S", "", &["\u{a0}x", "\u{feff}y"], &["x\u{3000}"]);
    check(r"[\s]x", "", &["\u{2003}x"], &["yx"]);
    check("(?<year>\\d{4})|(?:x)", "", &["2024", "x"], &["24"]);
    check("a{,2}", "", &["a{,2}"], &["aa"]);
    check("{a}", "", &["{a}"], &["a"]);
    check("x{2}", "", &["xx"], &["x{2}"]);
    check("a]b", "", &["a]b"], &["ab"]);
    check("[[&&~-]", "", &["[", "&", "~", "-"], &["]"]);
    check("[^]", "", &["\n"], &[""]);
    check("x[]", "", &[], &["x"]);
    check(r"\/\-\.<>", "", &["/-.<>"], &["/-x<>"]);
    check(r"\u0041\x42\u{43}\ud83d\ude00", "u", &["ABC😀"], &["abc😀"]);
    check(r"[a-c\]]\0", "", &["b\0", "]\0"], &["d\0"]);
    check(r"[\b]", "", &["\u{8}"], &["b"]);
}

#[test]
fn case_is_ignored_beyond_ascii_too() {
    check("straße ÉTÉ", "i", &["STRAßE été"], &["strasse été"]);
    check("[éx]", "i", &["É", "X"], &["e"]);
    check("é", "", &["é"], &["É"]);
}

#[test]
fn what_ends_a_range_stands_for_itself() {
    check("^[а-в]$", "i", &["а", "б", "в"], &["Я", "г"]);
    check("^[é-ü]$", "i", &["é", "ü"], &["ß", "×", "Ý"]);
    check("^[Ё-я]$", "i", &["Ё", "Ж", "я"], &["z"]);
    check("^[\\u0430-\\u0432é]$", "i", &["б", "É"], &["Я"]);
    check("^[é-]$", "i", &["É", "-"], &["x"]);
}

#[test]
fn other_cases_are_those_of_unicode() {
    let mut known = 0;
    for letter in ('\u{80}'..='\u{ffff}').filter(|letter| letter.is_alphabetic()) {
        let cases: Vec<char> = letter.to_lowercase().chain(letter.to_uppercase()).collect();
        match other_case(letter) {
            Some(other) if other.is_alphabetic() => {
                known += 1;
                let back: Vec<char> = other.to_lowercase().chain(other.to_uppercase()).collect();
                assert!(cases.contains(&other) || back.contains(&letter), "{letter} {other}");
            }
            _ => {}
        }
    }
    assert!(known > 850, "{known}");
}

#[test]
fn what_has_no_linear_time_form_is_refused() {
    check_refused("a(?=b)", "", "look-around");
    check_refused("(?<!a)b", "", "look-around");
    check_refused(r"(a)\1", "", "back-reference");
    check_refused(r"(?<n>a)\k<n>", "", "back-reference");
    check_refused(r"\p{L}", "u", "\\p");
    check_refused("a", "y", "flag 'y'");
    check_refused("(a", "", "cannot be used");
    check_refused("[a", "", "class that does not end");
    check_refused("a\\", "", "backslash");
    check_refused(&"a".repeat(1001), "", "limit is 1000");
    check_refused("(((a{100}){100}){100}){100}", "", "cannot be used");
    check_refused(&"(".repeat(300), "", "cannot be used");
}

proptest! {
    #[test]
    fn literal_patterns_find_what_their_machines_find(
        pattern in "\\^?[abAB é]{0,3}\\$?", flags in "[im]{0,2}", text in "[abAB é\n]{0,8}"
    ) {
        if let Ok(compiled) = Pattern::parse(&pattern, &flags) {
            prop_assert_eq!(compiled.is_match(&text), compiled.regex().is_match(&text));
        }
    }

    #[test]
    fn no_pattern_panics(pattern in "[a-c\\\\\\[\\](){}*+?.^$|0-9,:<>=!ud\u{e9}-]{0,12}", flags in "[gimsu]{0,2}", text in "[a-c]{0,8}") {
        if let Ok(compiled) = Pattern::parse(&pattern, &flags) {
            let _ = compiled.is_match(&text);
        }
    }
}

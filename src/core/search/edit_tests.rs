use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// The textbook's matrix (Wagner and Fischer, with transpositions), whole.
fn textbook(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            d[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = d[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = replaced.min(d[i - 1][j] + 1).min(d[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(d[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    d[a.len()][b.len()]
}

/// Terms in a sorted list; counts how many are looked at.
struct List {
    terms: Vec<String>,
    at: usize,
    looked: usize,
}

impl List {
    fn new(terms: impl IntoIterator<Item = String>) -> Self {
        let terms = terms.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        Self { terms, at: 0, looked: 0 }
    }
}

impl Terms for List {
    fn seek(&mut self, term: &[u8]) -> Step<bool> {
        self.looked += 1;
        self.at = self.terms.partition_point(|known| known.as_bytes() < term);
        Ok(self.at < self.terms.len())
    }

    fn advance(&mut self) -> Step<bool> {
        self.looked += 1;
        self.at += 1;
        Ok(self.at < self.terms.len())
    }

    fn term(&self) -> &[u8] {
        self.terms.get(self.at).map_or(b"", |term| term.as_bytes())
    }

    fn stats(&self) -> TermStats {
        TermStats::default()
    }
}

fn found(word: &str, edits: u8, fixed: usize, list: &mut List) -> Vec<(String, u8)> {
    let mut found = Vec::new();
    let mut keep = |term: &str, distance, _, _| {
        found.push((term.to_owned(), distance));
        true
    };
    Pattern::new(word, edits, fixed).search(list, &mut keep).unwrap();
    found
}

fn check(a: &str, b: &str, expected: Option<u8>) {
    assert_eq!(Pattern::new(a, 2, 0).distance(b), expected, "{a} {b}");
    assert_eq!(Pattern::new(b, 2, 0).distance(a), expected, "{b} {a}");
}

#[test]
fn insertions_deletions_replacements_and_swaps_are_one_edit_each() {
    check("table", "table", Some(0));
    check("table", "tables", Some(1));
    check("table", "cable", Some(1));
    check("table", "tabel", Some(1));
    check("table", "atbel", Some(2));
    check("table", "chair", None);
    check("größe", "grösse", Some(2));
    check("", "ab", Some(2));
    check("ca", "abc", None);
}

#[test]
fn only_a_small_part_of_a_long_list_is_looked_at() {
    let letters = "abcdefghijklmnopqrstuvwxyz";
    let words = letters.chars().flat_map(|a| letters.chars().map(move |b| (a, b)));
    let words = words.flat_map(|(a, b)| {
        (0..40).map(move |n| format!("{a}{b}{}", char::from(b'a' + n % 26).to_string().repeat(n as usize % 5 + 1)))
    });
    let mut list = List::new(words);
    let near = found("tabbb", 1, 0, &mut list);
    assert!(near.len() > 2 && list.looked * 4 < list.terms.len(), "{} of {}", list.looked, list.terms.len());
}

proptest! {
    #[test]
    fn the_distance_is_the_textbooks(a in "[abcé]{0,9}", b in "[abcé]{0,9}", edits in 0u8..=2) {
        let distance = textbook(&a, &b);
        let expected = (distance <= usize::from(edits)).then_some(distance as u8);
        prop_assert_eq!(Pattern::new(&a, edits, 0).distance(&b), expected);
    }

    #[test]
    fn comparing_in_any_order_changes_nothing(a in "[ab]{0,6}", others in prop::collection::vec("[ab]{0,7}", 1..9)) {
        let mut pattern = Pattern::new(&a, 2, 0);
        for other in others {
            prop_assert_eq!(pattern.distance(&other), Pattern::new(&a, 2, 0).distance(&other));
        }
    }

    #[test]
    fn the_search_finds_what_comparing_with_every_term_finds(
        word in "[abcé]{0,6}", terms in prop::collection::vec("[abcé]{1,7}", 0..120), edits in 0u8..=2, fixed in 0usize..3,
    ) {
        let mut list = List::new(terms);
        let shared: String = word.chars().take(fixed).collect();
        let near = |term: &String| Pattern::new(&word, edits, 0).distance(term).map(|distance| (term.clone(), distance));
        let expected: Vec<_> = list.terms.iter().filter(|term| term.starts_with(&shared)).filter_map(near).collect();
        prop_assert_eq!(found(&word, edits, fixed, &mut list), expected);
    }
}

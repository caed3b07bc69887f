//! Transcripts of the wire, version by version: what was really said, and must be understood for as long as it is accepted.
//!
//! It only reads them. The core's tests and the server's share it.

/// One question and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// `push`, `pull` or `live`.
    pub(crate) route: &'static str,
    pub(crate) user: &'static str,
    /// Whether somebody made it up, and no client did.
    pub(crate) by_hand: bool,
    pub(crate) request: &'static str,
    pub(crate) answer: Vec<&'static str>,
}

/// The transcript of version 1.
pub(crate) fn v1() -> Vec<Exchange> {
    read(include_str!("v1.txt"))
}

fn read(text: &'static str) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(request) = line.strip_prefix("> ") {
            exchanges.last_mut().unwrap().request = request;
        } else if let Some(answer) = line.strip_prefix("< ") {
            exchanges.last_mut().unwrap().answer.push(answer);
        } else {
            let words: Vec<&str> = line.split(' ').collect();
            let by_hand = words.get(2) == Some(&"by-hand");
            exchanges.push(Exchange { route: words[0], user: words[1], by_hand, request: "", answer: Vec::new() });
        }
    }
    exchanges
}

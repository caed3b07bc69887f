//! Suggests the name that somebody may have meant.

/// `: did you mean '…'?` for the nearest of `names`, or nothing if none is near.
pub(crate) fn suggestion<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = names.into_iter().map(|known| (distance(name, known), known)).min();
    match nearest {
        Some((distance, known)) if distance <= 2.max(name.len() / 3) && distance < known.len() => {
            format!(": did you mean '{known}'?")
        }
        _ => String::new(),
    }
}

/// How many letters must be changed, added or removed to make `a` into `b`, whatever their case.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<u8> = a.bytes().take(40).collect();
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, other) in b.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, letter) in a.iter().enumerate() {
            let change = diagonal + usize::from(!letter.eq_ignore_ascii_case(&other));
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[a.len()]
}

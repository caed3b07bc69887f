//! Case and accents folded away: what people type and what stands in the text become the same letters.
//!
//! Not Unicode normalisation: Latin, Greek, Cyrillic, Hebrew and Arabic lose their marks; the vowel signs of Indic and
//! South-East Asian scripts are letters and stay. Tables follow the decompositions of the Unicode Character Database.

/// U+00C0 to U+017F. A full stop leaves the letter as it is; digits stand for two letters, see [`PAIRS`].
const LATIN: &[u8] = b"\
     aaaaaa1ceeeeiiiidnooooo.ouuuuy43aaaaaa1ceeeeiiiidnooooo.ouuuuy4yaaaaaaccccccccddddeeeeeeeeeegggg\
     gggghhhhiiiiiiiiii55jjkkkllllll..llnnnnnn.nnoooooo22rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
/// U+0180 to U+024F.
const LATIN_B: &[u8] = b"\
     bb.......d..............kk......oo.............uu...................666777888aaiioouuuuuuuuuu.aa\
     aa11..ggkkoooo..j666gg..nnaa11ooaaaaeeeeiiiioooorrrruuuusstt..hh......aaeeooooooooyy............\
     ...b............";
/// U+1E00 to U+1EFF.
const LATIN_MORE: &[u8] = b"\
     aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooooooopppprrrrrrrr\
     ssssssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwy.s..3.aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee\
     eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy......";
/// What the digits in the tables stand for.
const PAIRS: [&str; 9] = ["", "ae", "oe", "ss", "th", "ij", "dz", "lj", "nj"];

/// U+0386 to U+03CE.
const GREEK: &str = "\
     α.εηι.ο.υωιαβγδεζηθικλμνξοπρ.στυφχψωιυαεηιυαβγδεζηθικλμνξοπρσστυφχψωιυουω";
/// U+1F00 to U+1FFF.
const GREEK_MORE: &str = "\
     ααααααααααααααααεεεεεε..εεεεεε..ηηηηηηηηηηηηηηηηιιιιιιιιιιιιιιιιοοοοοο..οοοοοο..υυυυυυυυ.υ.υ.υ.υ\
     ωωωωωωωωωωωωωωωωααεεηηιιοουυωω..ααααααααααααααααηηηηηηηηηηηηηηηηωωωωωωωωωωωωωωωωααααα.ααααααα.ι.\
     ..ηηη.ηηεεηηη...ιιιι..ιιιιιι....υυυυρρυυυυυυρ.....ωωω.ωωοοωωω...";

/// U+FB00 to U+FB06.
const LIGATURES: [&str; 7] = ["ff", "fi", "fl", "ffi", "ffl", "st", "st"];

/// The zeros of decimal digits that are folded to ASCII.
const ZEROS: [u32; 17] = [
    0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20, 0x1040, 0x17e0,
    0xff10,
];

/// Appends a character folded: nothing, one letter, or two.
#[inline]
pub fn fold(c: char, out: &mut String) {
    if c.is_ascii() {
        out.push(c.to_ascii_lowercase());
    } else {
        fold_wide(c, out);
    }
}

fn fold_wide(c: char, out: &mut String) {
    let code = c as u32;
    match code {
        0xc0..=0x17f => latin(c, LATIN, 0xc0, out),
        0x180..=0x24f => latin(c, LATIN_B, 0x180, out),
        0x1e00..=0x1eff => latin(c, LATIN_MORE, 0x1e00, out),
        0x386..=0x3ce => greek(c, GREEK, 0x386, out),
        0x1f00..=0x1fff => greek(c, GREEK_MORE, 0x1f00, out),
        // Russian writes ё and е alike.
        0x401 | 0x451 => out.push('е'),
        // Arabic: forms of alef, final yeh, teh marbuta; Persian yeh and kaf.
        0x622 | 0x623 | 0x625 | 0x671 => out.push('ا'),
        0x649 | 0x6cc => out.push('ي'),
        0x629 => out.push('ه'),
        0x6a9 => out.push('ك'),
        0xff21..=0xff5a => fold_narrow(code, out),
        0xfb00..=0xfb06 => out.push_str(LIGATURES[(code - 0xfb00) as usize]),
        _ if is_silent(code) => {}
        _ => match ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)) {
            Some(zero) => out.push(char::from(b'0' + (code - zero) as u8)),
            None => out.extend(c.to_lowercase()),
        },
    }
}

/// Full-width Latin letters.
fn fold_narrow(code: u32, out: &mut String) {
    out.extend(char::from_u32(code - 0xfee0).map(|narrow| narrow.to_ascii_lowercase()));
}

fn latin(c: char, table: &[u8], start: u32, out: &mut String) {
    match table.get((c as u32 - start) as usize) {
        Some(letter @ b'a'..=b'z') => out.push(char::from(*letter)),
        Some(digit @ b'1'..=b'8') => out.push_str(PAIRS[usize::from(digit - b'0')]),
        _ => out.extend(c.to_lowercase()),
    }
}

fn greek(c: char, table: &str, start: u32, out: &mut String) {
    match table.chars().nth((c as u32 - start) as usize) {
        Some('.') | None => out.extend(c.to_lowercase()),
        Some(letter) => out.push(letter),
    }
}

/// Marks and signs inside words that folding drops.
fn is_silent(code: u32) -> bool {
    matches!(code,
        0x300..=0x36f       // combining accents
        | 0x483..=0x489     // Cyrillic
        | 0x591..=0x5c7 | 0x5f3 | 0x5f4 // Hebrew points, geresh and gershayim
        | 0x610..=0x61a | 0x640 | 0x64b..=0x65f | 0x670 | 0x6d6..=0x6ed // Arabic vowels and tatweel
        | 0xad | 0xb7       // soft hyphen; the Catalan point
        | 0x200b..=0x200f   // zero-width joiners and directions
        | 0x2019 | 0xff07   // apostrophes
        | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f)
}

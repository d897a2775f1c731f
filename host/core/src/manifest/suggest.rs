//! "Did you mean …?"

/// Known names that are looked through and shown; a release may have thousands of files.
const MAX_KNOWN: usize = 100;
/// Longest name that is compared, in characters.
const MAX_NAME: usize = 200;

/// The end of a message about an unknown name: the nearest known one, or all of them.
pub(super) fn remedy<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().take(MAX_KNOWN).collect();
    // One slip, and one more for every four letters; beyond that it is another word.
    let length = name.chars().count();
    let slips = 1 + length / 4;
    let comparable = known.iter().filter(|_| length <= MAX_NAME);
    let nearest = comparable.map(|k| (distance(name, k), *k)).filter(|(d, _)| *d <= slips).min();
    match nearest {
        Some((_, nearest)) => format!("did you mean {nearest:?}?"),
        None if known.is_empty() => "there is none to choose from".to_owned(),
        None => format!("known are {}", known.iter().map(|k| format!("{k:?}")).collect::<Vec<_>>().join(", ")),
    }
}

/// Letters to add, drop, replace or swap with their neighbour to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (a, b, slips) in [
            ("", "abc", 3),
            ("max_percall", "max_per_call", 1),
            ("naem", "name", 1),
            ("title", "table", 2),
            ("a", "a", 0),
        ] {
            assert_eq!((distance(a, b), distance(b, a)), (slips, slips), "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_name_is_offered_or_all_are() {
        let known = ["name", "title", "max_per_call"];
        assert_eq!(remedy("max_percall", known), "did you mean \"max_per_call\"?");
        assert_eq!(remedy("colour", known), "known are \"name\", \"title\", \"max_per_call\"");
        assert_eq!(remedy("colour", []), "there is none to choose from");
    }
}

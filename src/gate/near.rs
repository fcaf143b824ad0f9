//! Known names near to one that is not known.

/// How like a known name an unknown one must be to be offered as the one meant (Jaro-Winkler, 0..1).
const NEAR_MIN: f64 = 0.8;
/// Most near names offered.
const NEAR_COUNT_MAX: usize = 3;

/// Returns advice that names the known names nearest to `name`; `otherwise` where none is near.
pub(crate) fn near<S: AsRef<str>>(
    name: &str,
    known: impl IntoIterator<Item = S>,
    otherwise: &str,
) -> String {
    let mut scored: Vec<(f64, S)> = known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(name, known.as_ref()), known))
        .filter(|(score, _)| *score >= NEAR_MIN)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.as_ref().cmp(b.1.as_ref())));
    let close: Vec<String> = scored
        .iter()
        .take(NEAR_COUNT_MAX)
        .map(|(_, known)| format!("`{}`", known.as_ref()))
        .collect();
    if close.is_empty() {
        otherwise.to_owned()
    } else {
        format!("did you mean {}?", close.join(" or "))
    }
}

/// Returns names as a list for people: `` `a`, `b` ``.
pub(crate) fn listed<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let quoted: Vec<String> = names
        .into_iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first_and_none_is_made_up() {
        let known = ["lost", "late", "duplicated"];
        assert_eq!(near("losst", known, "-"), "did you mean `lost`?");
        assert_eq!(near("zzz", known, "known: all"), "known: all");
    }
}

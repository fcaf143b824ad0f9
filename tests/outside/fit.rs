//! Runs that are played again where this machine was too busy for them: those say nothing of the target.

/// Times that a run is played.
const TRIES_MAX: usize = 5;

/// Returns the first run that is not `strained`.
///
/// # Panics
///
/// If there is none.
pub(crate) fn fit<T>(once: impl Fn() -> T, strained: impl Fn(&T) -> bool) -> T {
    let mut runs = std::iter::repeat_with(once).take(TRIES_MAX);
    let fit = runs.find(|run| !strained(run));
    assert!(
        fit.is_some(),
        "the generator was late in {TRIES_MAX} runs: the machine is too busy to tell"
    );
    fit.unwrap()
}

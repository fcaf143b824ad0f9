//! Where a profile comes from.

/// Where a profile comes from: enough to judge its age and to make it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// What was captured, in the words of whoever made the profile.
    pub source: String,
    /// First moment of the fitted stretch, RFC 3339, UTC.
    pub first: String,
    /// Last moment of the fitted stretch, RFC 3339, UTC.
    pub last: String,
    /// Events in the fitted stretch.
    pub event_count: u64,
    /// Channels in the fitted stretch.
    pub channel_count: u32,
    /// Whether the log named no time zone, so that UTC was taken for it.
    pub is_zone_assumed: bool,
    /// Version of the tool that fitted the profile.
    pub tool: String,
    /// Day of the fit, `YYYY-MM-DD`.
    pub fitted_on: String,
}

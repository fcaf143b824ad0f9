//! What a bouncer keeps, and for how long: data of each kind of bouncer.

use crate::measure::continuity::backlog::SessionId;

/// What a bouncer keeps, and for how long.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of a kind of bouncer, and data of it"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferPolicy {
    /// Most lines kept of a channel or query; the oldest go first.
    pub lines_max: u32,
    /// From when on lines are kept for who is away.
    pub starts: Starts,
    /// When what is kept is forgotten.
    pub forgets: Forgets,
    /// Whether it keeps what its own user said, through whatever client.
    pub keeps_own: bool,
    /// Whether it keeps notices.
    pub keeps_notices: bool,
    /// Whether it keeps private messages.
    pub keeps_queries: bool,
    /// Whether it tells its user's other clients what one of them said.
    pub tells_siblings: bool,
    /// Whether it marks what it plays back: by a batch, markers, a prefix or a time.
    pub marks_replay: bool,
    /// Whether what it keeps outlives it.
    pub survives_restart: bool,
    /// How many lines of each channel it tells page by page to whoever asks, read or not; none that tells no pages.
    pub pages_lines_max: u32,
}

impl BufferPolicy {
    /// Returns whether lines of `kind` are kept.
    pub fn keeps(&self, kind: LineKind) -> bool {
        match kind {
            LineKind::Message => true,
            LineKind::Notice => self.keeps_notices,
            LineKind::Own(_) => self.keeps_own,
            LineKind::Presence => false,
        }
    }
}

/// From when on a bouncer keeps lines for who is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starts {
    /// From its own start.
    AtOnce,
    /// With the first line for which a client of the user's has given a receipt; and what no receipt came for is told again. Receipts
    /// are written down as a client goes: a bouncer that is killed has only those, and tells again what was read since.
    WithReceipts,
}

/// When a bouncer forgets lines that it has played back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgets {
    /// When its user's first client attaches: it keeps only what no client saw.
    OnAttach,
    /// Never: whoever attaches is told the last lines again, seen or not.
    Never,
}

/// What a line is, as far as bouncers make a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Another's message.
    Message,
    /// Another's notice.
    Notice,
    /// Another's JOIN, PART, QUIT, NICK or KICK: for who is there, and kept for nobody.
    Presence,
    /// The user's own message, said through that session: it is owed to its user's other clients.
    Own(SessionId),
}

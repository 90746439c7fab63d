//! Exit codes: one for one outcome, the same in every command.

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// Done, or already so.
    Done = 0,
    /// An unexpected failure.
    Failed = 1,
    /// Bad arguments.
    Usage = 2,
    /// Held by another.
    Held = 10,
    /// Waited in vain.
    TimedOut = 11,
    /// Not yours.
    NotYours = 12,
    /// Nothing there.
    Nothing = 13,
    /// A lease was lost while a command ran under it.
    Lost = 14,
    /// It would wait for itself.
    Deadlock = 15,
    /// A limit was reached.
    Limit = 16,
    /// There is no way from here to there.
    Refused = 17,
    /// Something needs attention.
    Attention = 20,
    /// A state file is damaged.
    Damaged = 65,
    /// An unsafe object in the file system.
    Unsafe = 73,
    /// The guard was not free in time.
    Busy = 75,
    /// The configuration is invalid.
    Config = 78,
}

impl Code {
    /// All codes, in order.
    pub const ALL: [Self; 16] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Held,
        Self::TimedOut,
        Self::NotYours,
        Self::Nothing,
        Self::Lost,
        Self::Deadlock,
        Self::Limit,
        Self::Refused,
        Self::Attention,
        Self::Damaged,
        Self::Unsafe,
        Self::Busy,
        Self::Config,
    ];

    /// The number that the process exits with.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// A word for it, as JSON errors carry.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Held => "held",
            Self::TimedOut => "timed_out",
            Self::NotYours => "not_yours",
            Self::Deadlock => "deadlock",
            Self::Nothing => "nothing",
            Self::Lost => "lost",
            Self::Limit => "limit",
            Self::Refused => "refused",
            Self::Attention => "attention",
            Self::Damaged => "damaged",
            Self::Unsafe => "unsafe",
            Self::Busy => "busy",
            Self::Config => "config",
        }
    }

    /// What it means, in one line.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done (also: it was so already)",
            Self::Failed => {
                "an unexpected failure: a full disk, a refusal of the kernel, an output that could not be written"
            }
            Self::Usage => "usage: bad arguments, a path or name that cannot be locked, no checkout",
            Self::Held => "held by another, or others who wait come first",
            Self::TimedOut => "timed out waiting",
            Self::NotYours => {
                "not yours: another holds it, it was sent to another, or another living process has your id"
            }
            Self::Nothing => "nothing there: no such lock, ticket, record, message or agent",
            Self::Lost => "the lease was lost while `run` was working; the command was ended",
            Self::Deadlock => "refused: it would wait for itself; the output names the circle",
            Self::Limit => "refused: a limit of size, depth or rate, or an era without numbers",
            Self::Refused => "refused: it has ended, and final is final",
            Self::Attention => {
                "something needs attention: `redact --check` found secrets, `init --check` something that is not as it would be made"
            }
            Self::Damaged => "a state file is damaged or from a newer version; it was left alone",
            Self::Unsafe => "an unsafe file system object: a link, a foreign owner, loose permissions, no guard",
            Self::Busy => {
                "busy: the guard was not free in time, or the state directory was replaced; nothing was changed"
            }
            Self::Config => "the configuration is invalid; nothing was changed",
        }
    }
}

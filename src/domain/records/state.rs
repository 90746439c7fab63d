//! The states of a record, and what leads from one to another. Pure.

use serde::{Deserialize, Serialize};

/// What has become of what was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It goes on.
    Running,
    /// It ended with exit code 0.
    Done,
    /// It ended with another one, or by a signal.
    Failed,
    /// It was ended because somebody asked for that.
    Cancelled,
    /// It was ended because its lease was.
    Lost,
    /// Its wrapper was killed; how it ended nobody knows.
    Abandoned,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By itself, or by somebody's signal: its exit code says which.
    Ended,
    /// By its wrapper, which was asked to.
    Cancelled,
    /// By its wrapper, because the lease was lost.
    Lost,
}

/// What may happen to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Its command ended so, with this exit code if it has one.
    End(How, Option<i32>),
    /// Its wrapper is gone.
    Abandon,
    /// Somebody asks for its end.
    AskCancel,
}

impl State {
    /// All of them, the final ones last.
    pub const ALL: [Self; 6] = [Self::Running, Self::Done, Self::Failed, Self::Cancelled, Self::Lost, Self::Abandoned];

    /// Whether nothing leads on from it.
    #[must_use]
    pub fn is_final(self) -> bool {
        self != Self::Running
    }

    /// The state in one word, as files and output name it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Abandoned => "abandoned",
        }
    }
}

/// The state that a step leads to; `None` if no step leads on from here: final is final.
#[must_use]
pub fn next_state(state: State, step: Step) -> Option<State> {
    match (state, step) {
        (State::Running, Step::AskCancel) => Some(State::Running),
        (State::Running, Step::Abandon) => Some(State::Abandoned),
        (State::Running, Step::End(How::Ended, Some(0))) => Some(State::Done),
        (State::Running, Step::End(How::Ended, _)) => Some(State::Failed),
        (State::Running, Step::End(How::Cancelled, _)) => Some(State::Cancelled),
        (State::Running, Step::End(How::Lost, _)) => Some(State::Lost),
        (State::Done | State::Failed | State::Cancelled | State::Lost | State::Abandoned, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_states() {
        use How::{Cancelled, Ended, Lost};
        let steps = [
            (Step::AskCancel, State::Running),
            (Step::Abandon, State::Abandoned),
            (Step::End(Ended, Some(0)), State::Done),
            (Step::End(Ended, Some(1)), State::Failed),
            (Step::End(Ended, Some(-1)), State::Failed),
            (Step::End(Ended, None), State::Failed),
            (Step::End(Cancelled, Some(0)), State::Cancelled),
            (Step::End(Cancelled, None), State::Cancelled),
            (Step::End(Lost, Some(0)), State::Lost),
            (Step::End(Lost, None), State::Lost),
        ];
        for (step, to) in steps {
            assert_eq!(next_state(State::Running, step), Some(to), "{step:?}");
            for state in State::ALL.into_iter().filter(|state| state.is_final()) {
                assert_eq!(next_state(state, step), None, "{state:?} {step:?}: final is final");
            }
        }
        assert_eq!(State::ALL.iter().filter(|state| !state.is_final()).count(), 1);
    }

    #[test]
    fn a_state_is_written_as_its_word() {
        for state in State::ALL {
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{}\"", state.word()));
        }
    }
}

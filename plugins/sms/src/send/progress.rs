//! How far a job has come, so that a second run after a crash sends no message twice.

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use super::State;

/// Longer than any job is tried again.
pub(super) const KEPT_FOR: u32 = 2 * 24 * 3600;

/// What is known of one message of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Not yet sent.
    Waiting,
    /// Given to the carrier; the answer is not known (yet). Never sent again.
    Claimed,
    /// The carrier answered, or no longer can.
    Done(State),
}

impl Mark {
    /// One letter each, since there may be thousands.
    fn letter(self) -> char {
        match self {
            Self::Waiting => '.',
            Self::Claimed => '?',
            Self::Done(state) => match state {
                State::Success | State::Processing => 'A',
                State::WrongNumberFormat | State::NumberMissing => 'N',
                State::CountryNotSupported => 'C',
                State::Rejected => 'R',
                State::IncompatibleContent => 'T',
                State::InsufficientCredit => 'I',
                State::Unregistered | State::RegistrationNeeded => 'U',
                State::ServerError => 'E',
            },
        }
    }

    fn of_letter(letter: char) -> Self {
        match letter {
            '.' => Self::Waiting,
            'A' => Self::Done(State::Success),
            'N' => Self::Done(State::WrongNumberFormat),
            'C' => Self::Done(State::CountryNotSupported),
            'R' => Self::Done(State::Rejected),
            'T' => Self::Done(State::IncompatibleContent),
            'I' => Self::Done(State::InsufficientCredit),
            'U' => Self::Done(State::Unregistered),
            'E' => Self::Done(State::ServerError),
            // Whatever it is, it is no leave to send.
            _ => Self::Claimed,
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    /// One letter for each message.
    marks: String,
    /// The carrier's reference of the first message it accepted.
    reference: Option<String>,
    /// All is sent; what remains is to capture and report, at once.
    finished: bool,
}

/// The job's progress, as this run knows it and as it is stored.
pub(super) struct Progress {
    key: String,
    /// As read or last written; nothing before the first run.
    stored: Option<Vec<u8>>,
    pub(super) marks: Vec<Mark>,
    pub(super) reference: Option<String>,
    pub(super) finished: bool,
}

/// Why progress could not be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Conflict {
    /// Another run of the same job wrote meanwhile.
    OtherRun,
    /// The store failed.
    Store(String),
}

impl Progress {
    /// What earlier runs of the job left.
    pub(super) fn read(batch: &str, messages: usize) -> Result<Self, Failure> {
        let key = format!("progress/{batch}");
        let stored = store::get(Scope::Service, &key)?;
        let known: Stored = match &stored {
            Some(bytes) => {
                serde_json::from_slice(bytes).map_err(|error| Failure::internal(format!("{key}: {error}")))?
            }
            None => Stored::default(),
        };
        let mut marks: Vec<Mark> = known.marks.chars().map(Mark::of_letter).collect();
        marks.resize(messages, Mark::Waiting);
        Ok(Self { key, stored, marks, reference: known.reference, finished: known.finished })
    }

    /// Writes it at once, unless another run has written since it was read.
    pub(super) fn write(&mut self) -> Result<(), Conflict> {
        let stored = Stored {
            marks: self.marks.iter().map(|mark| mark.letter()).collect(),
            reference: self.reference.clone(),
            finished: self.finished,
        };
        let bytes = serde_json::to_vec(&stored).map_err(|error| Conflict::Store(error.to_string()))?;
        let expected = self.stored.as_deref();
        match store::compare_and_set(Scope::Service, &self.key, expected, Some(&bytes), Some(KEPT_FOR)) {
            Ok(true) => {
                self.stored = Some(bytes);
                Ok(())
            }
            Ok(false) => Err(Conflict::OtherRun),
            Err(error) => Err(Conflict::Store(error.to_string())),
        }
    }

    /// The next messages to send, at most `most` of them, as positions.
    pub(super) fn next_chunk(&self, most: usize) -> Vec<usize> {
        let waiting = self.marks.iter().enumerate().filter(|(_, mark)| **mark == Mark::Waiting);
        waiting.map(|(position, _)| position).take(most).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_back_as_they_went_and_unknown_ones_are_never_sent() {
        for letter in ".?ANCRTIUE".chars() {
            assert_eq!(Mark::of_letter(letter).letter(), letter);
        }
        assert_eq!(Mark::of_letter('Z'), Mark::Claimed);
    }

    #[test]
    fn two_runs_cannot_both_write() {
        iap_sdk::testing::Host::new().run(|| {
            let mut first = Progress::read("b", 2).unwrap();
            let mut second = Progress::read("b", 2).unwrap();
            first.marks[0] = Mark::Claimed;
            second.marks[0] = Mark::Claimed;
            assert_eq!(first.write(), Ok(()));
            assert_eq!(second.write(), Err(Conflict::OtherRun));
            assert_eq!(Progress::read("b", 2).unwrap().next_chunk(20), [1]);
        });
    }
}

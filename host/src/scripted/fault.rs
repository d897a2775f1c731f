//! What a hostile world does to a plugin: one fault at one moment.

use std::{fmt, str::FromStr};

/// One fault. `@n` counts from 1, in the order in which the plugin comes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The n-th request is not answered as it should be.
    Request(Answer, u32),
    /// No provider can be reached.
    Unreachable,
    /// Every request is answered with status 500.
    Down,
    /// From the n-th `authorize` on, the account has no credits.
    Credits(u32),
    /// The n-th `capture` finds its hold expired.
    Capture(u32),
    /// The clock jumps a day before the n-th ledger step or reading of the clock.
    Clock(u32),
    /// Half of the memory that the manifest asks for.
    Memory,
}

/// What comes in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The connection ends before an answer.
    HangUp,
    /// Nothing, for longer than the call may take.
    Silent,
    /// Status 200 and a body that is neither text nor JSON.
    Garbage,
    /// The head of the answer and half of its body.
    Partial,
    /// Status 500.
    Error,
}

/// How often a plugin came to where a fault may be, without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// Requests to providers.
    pub requests: u32,
    /// `authorize`.
    pub authorizes: u32,
    /// `capture`.
    pub captures: u32,
    /// Ledger steps and readings of the clock.
    pub clock: u32,
}

/// Most moments of one kind at which a fault is tried: what comes later is most often more of the same.
const MOST: u32 = 5;

const ANSWERS: [(Answer, &str); 5] = [
    (Answer::HangUp, "provider-hang-up"),
    (Answer::Silent, "provider-silent"),
    (Answer::Garbage, "provider-garbage"),
    (Answer::Partial, "provider-partial"),
    (Answer::Error, "provider-500"),
];

impl Fault {
    /// All faults that a test can meet that came to these moments without one.
    pub fn all(seen: Moments) -> Vec<Self> {
        let each = |count: u32| 1..=count.min(MOST);
        let mut faults: Vec<Self> = each(seen.requests)
            .flat_map(|n| ANSWERS.iter().map(move |(answer, _)| Self::Request(*answer, n)))
            .collect();
        if 0 < seen.requests {
            faults.extend([Self::Unreachable, Self::Down]);
        }
        faults.extend(each(seen.authorizes).map(Self::Credits));
        faults.extend(each(seen.captures).map(Self::Capture));
        faults.extend(each(seen.clock).map(Self::Clock));
        faults.push(Self::Memory);
        faults
    }

    /// What happens to the n-th request, counted from 1.
    pub(super) fn of_request(self, n: u32) -> Option<Answer> {
        match self {
            Self::Request(answer, at) if at == n => Some(answer),
            Self::Down => Some(Answer::Error),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(answer, n) => {
                let name = ANSWERS.iter().find(|(known, _)| known == answer).map_or("", |(_, name)| name);
                write!(f, "{name}@{n}")
            }
            Self::Unreachable => f.write_str("provider-unreachable"),
            Self::Down => f.write_str("provider-down"),
            Self::Credits(n) => write!(f, "credits@{n}"),
            Self::Capture(n) => write!(f, "capture@{n}"),
            Self::Clock(n) => write!(f, "clock@{n}"),
            Self::Memory => f.write_str("memory"),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "{text:?} is no fault; write one as `iap plugin test --hostile` names it, such as provider-silent@1, provider-unreachable, provider-down, credits@1, capture@1, clock@1 or memory"
            )
        };
        let Some((name, number)) = text.split_once('@') else {
            return match text {
                "provider-unreachable" => Ok(Self::Unreachable),
                "provider-down" => Ok(Self::Down),
                "memory" => Ok(Self::Memory),
                _ => Err(unknown()),
            };
        };
        let n = number.parse::<u32>().ok().filter(|n| 0 < *n).ok_or_else(unknown)?;
        match name {
            "credits" => Ok(Self::Credits(n)),
            "capture" => Ok(Self::Capture(n)),
            "clock" => Ok(Self::Clock(n)),
            _ => {
                let answer = ANSWERS.iter().find(|(_, known)| *known == name).ok_or_else(unknown)?.0;
                Ok(Self::Request(answer, n))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_back_as_it_is_named() {
        let faults = Fault::all(Moments { requests: 2, authorizes: 1, captures: 9, clock: 1 });
        assert_eq!(faults.len(), 10 + 2 + 1 + 5 + 1 + 1);
        for fault in faults {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
        for wrong in ["", "provider-silent", "provider-silent@0", "credits@x", "memory@1", "earthquake"] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
        }
    }
}

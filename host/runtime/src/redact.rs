//! Whatever a guest answers is searched for secrets once more: it reaches customers, providers and logs.

use crate::{
    backend::Line,
    call::{Failure, HookResponse},
    secrets::Needles,
};

/// An answer of a guest.
pub(crate) trait Redact {
    /// Overwrites secrets in it.
    fn redact(&mut self, needles: &Needles);
}

impl Redact for () {
    fn redact(&mut self, _: &Needles) {}
}

impl Redact for Vec<u8> {
    fn redact(&mut self, needles: &Needles) {
        needles.redact(self);
    }
}

impl Redact for String {
    fn redact(&mut self, needles: &Needles) {
        *self = needles.redact_text(std::mem::take(self));
    }
}

impl Redact for Vec<Line> {
    fn redact(&mut self, needles: &Needles) {
        for line in self {
            line.item.redact(needles);
            line.key.redact(needles);
            line.note.redact(needles);
        }
    }
}

impl Redact for HookResponse {
    fn redact(&mut self, needles: &Needles) {
        for (name, value) in &mut self.headers {
            name.redact(needles);
            value.redact(needles);
        }
        self.body.redact(needles);
    }
}

impl Redact for Failure {
    fn redact(&mut self, needles: &Needles) {
        match self {
            Self::InsufficientCredit | Self::ProviderUnavailable(_) => {}
            Self::BadRequest { field, message } => {
                field.redact(needles);
                message.redact(needles);
            }
            Self::Refused(text) | Self::Internal(text) => text.redact(needles),
            Self::Other { code, message } => {
                code.redact(needles);
                message.redact(needles);
            }
        }
    }
}

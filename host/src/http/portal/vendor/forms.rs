//! Parts of forms.

use maud::{Markup, html};

use super::super::text::sentence;
use crate::vendors::VendorError;

/// What was wrong with a form that is shown again.
#[derive(Clone, Debug)]
pub(super) struct Mistake {
    field: Option<&'static str>,
    text: String,
}

impl Mistake {
    /// What the sender can mend; other errors come back.
    pub(super) fn of(error: VendorError) -> Result<Self, VendorError> {
        let field = match &error {
            VendorError::Invalid { field, .. } => Some(*field),
            VendorError::NameTaken(_) => Some("name"),
            VendorError::WrongCode => Some("code"),
            VendorError::Store(_) | VendorError::NotFound(_) => return Err(error),
            _ => None,
        };
        Ok(Self { field, text: sentence(&error.to_string()) })
    }
}

/// The mistake, above a form.
pub(super) fn note(mistake: Option<&Mistake>) -> Markup {
    html! { @if let Some(mistake) = mistake { p.note.bad role="alert" { (mistake.text) } } }
}

/// A line to fill in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) name: &'static str,
    pub(super) label: &'a str,
    pub(super) value: &'a str,
    pub(super) hint: &'a str,
    pub(super) required: bool,
    pub(super) autocomplete: &'a str,
}

impl<'a> Line<'a> {
    pub(super) fn new(name: &'static str, label: &'a str, value: &'a str) -> Self {
        Self { name, label, value, hint: "", required: true, autocomplete: "off" }
    }

    pub(super) fn hint(self, hint: &'a str) -> Self {
        Self { hint, ..self }
    }

    pub(super) fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    pub(super) fn fills(self, autocomplete: &'a str) -> Self {
        Self { autocomplete, ..self }
    }

    pub(super) fn show(self, mistake: Option<&Mistake>) -> Markup {
        let wrong = mistake.is_some_and(|mistake| mistake.field == Some(self.name));
        let hint = format!("{}-hint", self.name);
        let kind = if self.autocomplete == "email" { "email" } else { "text" };
        let digits = (self.autocomplete == "one-time-code").then_some("numeric");
        html! {
            div.field {
                label for=(self.name) { (self.label) @if !self.required { span.soft { " (optional)" } } }
                input id=(self.name) name=(self.name) type=(kind) value=(self.value) required[self.required] autocomplete=(self.autocomplete)
                    inputmode=[digits] aria-invalid=[wrong.then_some("true")] aria-describedby=[(!self.hint.is_empty()).then_some(&hint)];
                @if !self.hint.is_empty() { p.soft.small id=(hint) { (self.hint) } }
            }
        }
    }
}

/// A choice of one.
pub(super) fn choice(
    name: &'static str,
    label: &str,
    options: &[(&str, &str)],
    chosen: &str,
    mistake: Option<&Mistake>,
) -> Markup {
    let wrong = mistake.is_some_and(|mistake| mistake.field == Some(name));
    html! {
        div.field {
            label for=(name) { (label) }
            select id=(name) name=(name) required aria-invalid=[wrong.then_some("true")] {
                @if !options.iter().any(|(value, _)| *value == chosen) { option value="" selected { "Choose…" } }
                @for (value, words) in options { option value=(value) selected[*value == chosen] { (words) } }
            }
        }
    }
}

/// The code that was mailed.
pub(super) fn code(mistake: Option<&Mistake>) -> Markup {
    Line::new("code", "Code", "").hint("Eight digits, from the mail.").fills("one-time-code").show(mistake)
}

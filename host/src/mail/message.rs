//! From a row of the outbox to the bytes that go over the wire.

use std::time::{Duration, SystemTime};

use iap_store::repositories::MailRow;
use lettre::{
    Address, Message,
    message::{
        Mailbox,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
};

/// Says that no person wrote it, so that nobody's absence is answered (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The mail, the same each time it is tried. What is wrong with it is wrong for good.
pub(super) fn message(from: &Mailbox, mail: &MailRow) -> Result<Message, String> {
    let address: Address = mail.recipient.parse().map_err(|_| "the recipient is no mail address".to_owned())?;
    // Header values are cleaned where they are made; what was stored otherwise is refused rather than sent.
    if mail.subject.chars().any(char::is_control) {
        return Err("the subject has a control character".to_owned());
    }
    let written = Duration::from_millis(u64::try_from(mail.created_at.millis()).unwrap_or_default());
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, address))
        .subject(&mail.subject)
        .date(SystemTime::UNIX_EPOCH + written)
        .message_id(Some(format!("<{}.{:x}@{}>", mail.id, mail.created_at.millis(), from.email.domain())))
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN)
        .body(lines(&mail.body))
        .map_err(|error| error.to_string())
}

/// Lines that end in LF alone; the end of the last one comes with the end of the message.
fn lines(body: &str) -> String {
    let body = body.replace('\r', "");
    body.strip_suffix('\n').unwrap_or(&body).to_owned()
}

#[cfg(test)]
mod tests {
    use iap_core::{Time, ids::MailId};

    use super::*;

    fn mail(recipient: &str, subject: &str, body: &str) -> MailRow {
        MailRow {
            id: MailId(40),
            recipient: recipient.to_owned(),
            subject: subject.to_owned(),
            body: body.to_owned(),
            kind: "confirm".to_owned(),
            attempts: 1,
            created_at: Time(1_700_000_000_000),
        }
    }

    fn from() -> Mailbox {
        "IAP <iap@example.com>".parse().unwrap()
    }

    #[test]
    fn a_mail_is_the_same_each_time() {
        let row = mail("a@b.example", "Hello", "One\nTwo\n");
        let bytes = message(&from(), &row).unwrap().formatted();
        assert_eq!(bytes, message(&from(), &row).unwrap().formatted());
        let text = String::from_utf8(bytes).unwrap();
        for line in [
            "From: IAP <iap@example.com>\r\n",
            "To: a@b.example\r\n",
            "Subject: Hello\r\n",
            "Message-ID: <mail_18.18bcfe56800@example.com>\r\n",
            "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "\r\n\r\nOne\r\nTwo",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
    }

    #[test]
    fn nothing_adds_a_header() {
        for recipient in
            ["a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "A <a@b.example>", "nobody", ""]
        {
            assert!(message(&from(), &mail(recipient, "s", "b")).is_err(), "{recipient:?}");
        }
        assert!(message(&from(), &mail("a@b.example", "s\r\nBcc: c@d.example", "b")).is_err());
        assert!(message(&from(), &mail("a@b.example", "s\nBcc: c@d.example", "b")).is_err());
    }

    #[test]
    fn letters_beyond_ascii_are_encoded() {
        let text =
            message(&from(), &mail("a@b.example", "Crédits épuisés", "Bientôt vide: 2 €\n")).unwrap().formatted();
        assert!(text.is_ascii(), "{}", String::from_utf8_lossy(&text));
        assert!(String::from_utf8_lossy(&text).contains("Subject: =?utf-8?b?"));
    }
}

//! A message that was taken, and what it must be to be taken (RFC 5322).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::decode;

/// Headers that must be there, each once.
const ONCE: [&str; 5] = ["From", "To", "Subject", "Date", "Message-ID"];

/// A mail.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Number here.
    pub(super) id: u64,
    /// Sender of the envelope.
    pub(super) from: String,
    /// Recipients of the envelope.
    pub(super) to: Vec<String>,
    /// Names and decoded values, in their order.
    pub(super) headers: Vec<(String, String)>,
    /// Decoded.
    pub(super) subject: String,
    /// Decoded.
    pub(super) body: String,
    /// As it came.
    pub(super) raw: Vec<u8>,
    /// When it came.
    pub(super) received: Timestamp,
}

impl Message {
    /// Reads and checks what was sent.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(from: String, to: Vec<String>, raw: Vec<u8>) -> Result<Self, String> {
        let end = raw
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .ok_or("there is no empty line after the headers")?;
        let head = std::str::from_utf8(&raw[..end]).ok().filter(|head| head.is_ascii());
        let head = head.ok_or("a header has other characters than ASCII")?;
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in head.split("\r\n") {
            if let (Some(folded), Some((_, value))) = (line.strip_prefix([' ', '\t']), headers.last_mut()) {
                value.push(' ');
                value.push_str(folded.trim_start());
                continue;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| format!("{line:?} is no header"))?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!("{name:?} is no name of a header"));
            }
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        for wanted in ONCE {
            let count = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).count();
            if count != 1 {
                return Err(format!("the header {wanted} stands there {count} times"));
            }
        }
        let header = |wanted: &str| {
            let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let message_id = header("Message-ID");
        if !(message_id.starts_with('<') && message_id.ends_with('>') && message_id.contains('@')) {
            return Err(format!("{message_id:?} is no Message-ID"));
        }
        if jiff::fmt::rfc2822::parse(&header("Date")).is_err() {
            return Err(format!("{:?} is no Date", header("Date")));
        }
        let encoding = header("Content-Transfer-Encoding");
        let body =
            decode::body(&encoding, &raw[end + 4..]).ok_or_else(|| format!("the body is not {encoding:?} of UTF-8"))?;
        let headers: Vec<_> = headers.into_iter().map(|(name, value)| (name, decode::words(&value))).collect();
        let subject = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Subject"));
        let subject = subject.map(|(_, value)| value.clone()).unwrap_or_default();
        Ok(Self { id: 0, from, to, headers, subject, body, raw, received: Timestamp::now() })
    }

    /// A header's decoded value.
    pub(super) fn header(&self, wanted: &str) -> &str {
        self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map_or("", |(_, value)| value)
    }

    /// As JSON.
    pub(super) fn view(&self) -> Value {
        json!({
            "id": self.id,
            "from": self.from,
            "to": self.to,
            "subject": self.subject,
            "body": self.body,
            "message_id": self.header("Message-ID"),
            "headers": self.headers,
            "bytes": self.raw.len(),
            "received": self.received.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "From: IAP <iap@x.example>\r\nTo: a@b.example\r\nSubject: =?utf-8?b?w6k=?=\r\n folded\r\n\
                        Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@x.example>\r\n\r\nHello\r\n";

    fn read(raw: &str) -> Result<Message, String> {
        Message::read("iap@x.example".to_owned(), vec!["a@b.example".to_owned()], raw.as_bytes().to_vec())
    }

    #[test]
    fn a_message_is_read() {
        let message = read(GOOD).unwrap();
        assert_eq!((message.subject.as_str(), message.body.as_str()), ("é folded", "Hello\n"));
        assert_eq!(message.header("message-id"), "<1@x.example>");
    }

    #[test]
    fn a_message_that_is_none_is_refused() {
        for (old, new) in [
            ("To: a@b.example\r\n", ""),
            ("To: a@b.example\r\n", "To: a@b.example\r\nTo: c@d.example\r\n"),
            ("<1@x.example>", "1"),
            ("Tue, 14 Nov 2023 22:13:20 +0000", "yesterday"),
            ("Subject: ", "Subject "),
            ("=?utf-8?b?w6k=?=", "é"),
            ("\r\n\r\n", "\r\n"),
            ("Hello", "é"),
        ] {
            assert!(read(&GOOD.replacen(old, new, 1)).is_err(), "{new}");
        }
    }
}

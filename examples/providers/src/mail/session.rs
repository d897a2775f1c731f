//! One SMTP session.

use std::{io, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use subtle::ConstantTimeEq as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    Server, faults,
    message::Message,
    reader::{BadLine, Lines},
};

/// Bytes of a command with its end; credentials are longer than other commands.
const COMMAND: usize = 2_048;
/// Bytes of a line of a message with its end.
const LINE: usize = 1_000;
/// Recipients of one message.
const RECIPIENTS: usize = 100;
/// Wrong commands before the server has enough.
const MISTAKES: u32 = 10;
/// How long the sender may be silent.
const SILENCE: Duration = Duration::from_secs(60);

struct Session<'a> {
    lines: Lines<TcpStream>,
    server: &'a Server,
    greeted: bool,
    authenticated: bool,
    from: Option<String>,
    to: Vec<String>,
}

/// Serves one connection to its end.
///
/// # Errors
/// When the connection breaks.
pub(super) async fn serve(stream: TcpStream, server: &Server) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let lines = Lines::new(stream);
    let mut session = Session { lines, server, greeted: false, authenticated: false, from: None, to: Vec::new() };
    server.inbox.connected();
    if let Some(code) = server.faults.get().greeting {
        return session.say(code, "the service is not available").await;
    }
    session.say(220, "mail.simulator ESMTP").await?;
    let mut mistakes = 0;
    while mistakes < MISTAKES {
        let line = match session.command().await? {
            Ok(line) => line,
            Err(BadLine::TooLong) => return session.say(500, "the line is too long").await,
            Err(BadLine::Bare) => return session.say(500, "a CR or LF stands by itself").await,
        };
        match session.obey(&line).await? {
            Next::Go => {}
            Next::Mistake => mistakes += 1,
            Next::End => return Ok(()),
        }
    }
    session.say(421, "too many mistakes").await
}

enum Next {
    Go,
    Mistake,
    End,
}

impl Session<'_> {
    async fn command(&mut self) -> io::Result<Result<String, BadLine>> {
        let line =
            tokio::time::timeout(SILENCE, self.lines.line(COMMAND)).await.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(line.map(|line| String::from_utf8_lossy(&line).into_owned()))
    }

    async fn say(&mut self, code: u16, text: &str) -> io::Result<()> {
        let slow = self.server.faults.get().slow_ms;
        tokio::time::sleep(Duration::from_millis(slow)).await;
        self.lines.get_mut().write_all(format!("{code} {text}\r\n").as_bytes()).await
    }

    async fn obey(&mut self, line: &str) -> io::Result<Next> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (code, text) = match verb.to_ascii_uppercase().as_str() {
            "EHLO" if !rest.trim().is_empty() => {
                self.greeted = true;
                self.reset();
                let features = format!(
                    "250-mail.simulator\r\n250-SIZE {}\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n",
                    self.server.options.most_bytes
                );
                self.lines.get_mut().write_all(features.as_bytes()).await?;
                (250, "AUTH PLAIN LOGIN")
            }
            "HELO" if !rest.trim().is_empty() => {
                self.greeted = true;
                self.reset();
                (250, "mail.simulator")
            }
            "EHLO" | "HELO" => (501, "5.5.4 say who you are"),
            "NOOP" => (250, "2.0.0 ok"),
            "RSET" => {
                self.reset();
                (250, "2.0.0 ok")
            }
            "QUIT" => {
                self.say(221, "2.0.0 bye").await?;
                return Ok(Next::End);
            }
            "VRFY" => (252, "2.5.2 send it and see"),
            "STARTTLS" => (454, "4.7.0 this simulator has no TLS; connect to it on loopback only"),
            _ if !self.greeted => (503, "5.5.1 say EHLO first"),
            "AUTH" => return self.auth(rest).await,
            _ if !self.authenticated => (530, "5.7.0 authentication required"),
            "MAIL" => self.mail(rest),
            "RCPT" => self.recipient(rest),
            "DATA" => return self.data().await,
            _ => (502, "5.5.1 there is no such command"),
        };
        self.say(code, text).await?;
        Ok(if code < 500 { Next::Go } else { Next::Mistake })
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn auth(&mut self, rest: &str) -> io::Result<Next> {
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        if self.authenticated || self.from.is_some() {
            self.say(503, "5.5.1 not now").await?;
            return Ok(Next::Mistake);
        }
        let credentials = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let given = if initial.is_empty() { self.ask("").await? } else { initial.to_owned() };
                decoded(&given).and_then(|text| {
                    let mut parts = text.split('\0').skip(1).map(str::to_owned);
                    Some((parts.next()?, parts.next()?))
                })
            }
            "LOGIN" => {
                let user = if initial.is_empty() { self.ask("VXNlcm5hbWU6").await? } else { initial.to_owned() };
                let password = self.ask("UGFzc3dvcmQ6").await?;
                decoded(&user).zip(decoded(&password))
            }
            _ => {
                self.say(504, "5.5.4 PLAIN or LOGIN").await?;
                return Ok(Next::Mistake);
            }
        };
        let Some((user, password)) = credentials else {
            self.say(501, "5.5.2 that is not base64 of credentials").await?;
            return Ok(Next::Mistake);
        };
        let options = &self.server.options;
        let known = bool::from(user.as_bytes().ct_eq(options.user.as_bytes()))
            && bool::from(password.as_bytes().ct_eq(options.password.as_bytes()));
        if let Some(code) = self.server.faults.get().auth {
            self.server.faults.hit();
            self.say(code, "5.7.8 these credentials are not taken").await?;
            return Ok(Next::Mistake);
        }
        if !known {
            self.say(535, "5.7.8 these credentials are wrong").await?;
            return Ok(Next::Mistake);
        }
        self.authenticated = true;
        self.say(235, "2.7.0 welcome").await?;
        Ok(Next::Go)
    }

    async fn ask(&mut self, question: &str) -> io::Result<String> {
        self.say(334, question).await?;
        Ok(self.command().await?.unwrap_or_default())
    }

    fn mail(&mut self, rest: &str) -> (u16, &'static str) {
        if self.from.is_some() {
            return (503, "5.5.1 a message is begun already");
        }
        let Some((address, parameters)) = path(rest, "FROM:") else {
            return (501, "5.5.4 write MAIL FROM:<address>");
        };
        for parameter in parameters.split_ascii_whitespace() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.to_ascii_uppercase().as_str() {
                "SIZE" if value.parse().is_ok_and(|size: usize| size <= self.server.options.most_bytes) => {}
                "SIZE" => return (552, "5.3.4 the message is too large"),
                "BODY" => {}
                _ => return (555, "5.5.4 a parameter is not known"),
            }
        }
        self.from = Some(address);
        (250, "2.1.0 ok")
    }

    fn recipient(&mut self, rest: &str) -> (u16, &'static str) {
        if self.from.is_none() {
            return (503, "5.5.1 say MAIL first");
        }
        let Some((address, _)) = path(rest, "TO:").filter(|(address, _)| is_address(address)) else {
            return (501, "5.1.3 write RCPT TO:<address>");
        };
        if RECIPIENTS <= self.to.len() {
            return (452, "4.5.3 too many recipients");
        }
        let failure = match self.server.faults.get().recipient {
            Some(code) => {
                self.server.faults.hit();
                Some((code, "the fault that was asked for"))
            }
            None => faults::of_address(&address),
        };
        if let Some(failure) = failure {
            self.server.inbox.refused();
            return failure;
        }
        self.to.push(address);
        (250, "2.1.5 ok")
    }

    async fn data(&mut self) -> io::Result<Next> {
        let Some(from) = self.from.clone().filter(|_| !self.to.is_empty()) else {
            self.say(503, "5.5.1 say MAIL and RCPT first").await?;
            return Ok(Next::Mistake);
        };
        let faults = self.server.faults.get();
        self.say(354, "end with a dot on a line of its own").await?;
        if faults.drop_in_data {
            self.server.faults.hit();
            // Something of it is there, so that the sender is in the middle of it.
            let mut some = [0; 16];
            self.lines.get_mut().read_exact(&mut some).await?;
            return Ok(Next::End);
        }
        let raw = match self.content().await? {
            Ok(raw) => raw,
            Err((code, why)) => {
                self.server.inbox.refused();
                self.say(code, why).await?;
                return Ok(Next::End);
            }
        };
        let to = std::mem::take(&mut self.to);
        self.reset();
        if let Some(code) = faults.data {
            self.server.faults.hit();
            self.server.inbox.refused();
            self.say(code, "the fault that was asked for").await?;
            return Ok(Next::Go);
        }
        match Message::read(from, to, raw) {
            Ok(message) => {
                tracing::info!("Took a mail to {}: {}", message.to.join(", "), message.subject);
                let id = self.server.inbox.take(message);
                if faults.drop_after_data {
                    self.server.faults.hit();
                    return Ok(Next::End);
                }
                if faults.hang_after_data {
                    self.server.faults.hit();
                    tokio::time::sleep(self.server.options.hang).await;
                    return Ok(Next::End);
                }
                self.say(250, &format!("2.0.0 taken as {id}")).await?;
            }
            Err(why) => {
                self.server.inbox.refused();
                self.say(554, &format!("5.6.0 {why}")).await?;
            }
        }
        Ok(Next::Go)
    }

    /// What is sent up to the dot, with its line endings.
    async fn content(&mut self) -> io::Result<Result<Vec<u8>, (u16, &'static str)>> {
        let most = self.server.options.most_bytes;
        let mut raw = Vec::new();
        loop {
            let line = tokio::time::timeout(SILENCE, self.lines.line(LINE + 1)).await;
            match line.map_err(|_| io::ErrorKind::TimedOut)?? {
                Ok(line) if line == b"." => return Ok(Ok(raw)),
                Ok(line) => {
                    let stuffed = line.strip_prefix(b".").unwrap_or(&line);
                    if LINE < stuffed.len() + 2 {
                        return Ok(Err((500, "5.6.0 a line has more than 998 bytes")));
                    }
                    if most < raw.len() + stuffed.len() + 2 {
                        return Ok(Err((552, "5.3.4 the message is too large")));
                    }
                    raw.extend_from_slice(stuffed);
                    raw.extend_from_slice(b"\r\n");
                }
                Err(BadLine::TooLong) => return Ok(Err((500, "5.6.0 a line has more than 998 bytes"))),
                Err(BadLine::Bare) => return Ok(Err((554, "5.6.0 a CR or LF stands by itself in the message"))),
            }
        }
    }
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(text.trim()).ok()?).ok()
}

/// The address in `FROM:<address> parameters`, and the parameters.
fn path<'a>(rest: &'a str, word: &str) -> Option<(String, &'a str)> {
    let head = rest.get(..word.len())?;
    if !head.eq_ignore_ascii_case(word) {
        return None;
    }
    let (address, parameters) = rest[word.len()..].trim_start().strip_prefix('<')?.split_once('>')?;
    Some((address.to_owned(), parameters))
}

/// One address, and nothing that could be read as more.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let fine =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic() && !"<>(),;:\\\"[]".contains(c));
    fine(local) && !local.contains('@') && fine(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_their_brackets() {
        assert_eq!(path("FROM:<a@b.example> SIZE=5", "FROM:"), Some(("a@b.example".to_owned(), " SIZE=5")));
        assert_eq!(path("to:<a@b.example>", "TO:"), Some(("a@b.example".to_owned(), "")));
        assert_eq!(path("TO:a@b.example", "TO:"), None);
        assert!(is_address("a.b+c@d.example"));
        for wrong in ["", "a", "a@", "@b", "a@b@c", "a b@c", "a,b@c", "é@b"] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }
}

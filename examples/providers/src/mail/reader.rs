//! Lines as RFC 5321 wants them: ended by CR LF, of bounded length, with no CR or LF by itself.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Why there is no line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadLine {
    /// It is longer than allowed.
    TooLong,
    /// A CR or LF stands by itself: where one server sees an end of line another does not, mail is smuggled.
    Bare,
}

/// Reads lines.
pub(super) struct Lines<R> {
    stream: R,
    buffer: Vec<u8>,
    /// Where the unread part begins.
    at: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(stream: R) -> Self {
        Self { stream, buffer: Vec::new(), at: 0 }
    }

    async fn byte(&mut self) -> io::Result<u8> {
        if self.at == self.buffer.len() {
            self.buffer.resize(8 << 10, 0);
            let read = self.stream.read(&mut self.buffer).await?;
            self.buffer.truncate(read);
            self.at = 0;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.at += 1;
        Ok(self.buffer[self.at - 1])
    }

    /// A line without its end, of at most `most` bytes with it.
    ///
    /// # Errors
    /// When the connection ends.
    pub(super) async fn line(&mut self, most: usize) -> io::Result<Result<Vec<u8>, BadLine>> {
        let mut line = Vec::new();
        loop {
            match self.byte().await? {
                b'\r' => {
                    return Ok(if self.byte().await? == b'\n' { Ok(line) } else { Err(BadLine::Bare) });
                }
                b'\n' => return Ok(Err(BadLine::Bare)),
                _ if most <= line.len() + 2 => return Ok(Err(BadLine::TooLong)),
                byte => line.push(byte),
            }
        }
    }

    pub(super) fn get_mut(&mut self) -> &mut R {
        &mut self.stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_cr_lf_ends_a_line() {
        let mut lines = Lines::new(&b"one\r\n\r\ntwo\nthree\r\n"[..]);
        assert_eq!(lines.line(100).await.unwrap(), Ok(b"one".to_vec()));
        assert_eq!(lines.line(100).await.unwrap(), Ok(Vec::new()));
        assert_eq!(lines.line(100).await.unwrap(), Err(BadLine::Bare));
        assert_eq!(Lines::new(&b"a\rb\r\n"[..]).line(100).await.unwrap(), Err(BadLine::Bare));
        assert_eq!(Lines::new(&b"1234\r\n"[..]).line(6).await.unwrap(), Ok(b"1234".to_vec()));
        assert_eq!(Lines::new(&b"12345\r\n"[..]).line(6).await.unwrap(), Err(BadLine::TooLong));
        assert!(Lines::new(&b"no end"[..]).line(100).await.is_err());
    }
}

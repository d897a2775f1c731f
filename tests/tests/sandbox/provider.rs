//! A provider that misbehaves.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A provider that misbehaves by path, on a thread for each connection.
pub struct Server {
    pub port: u16,
    seen: Arc<Mutex<Vec<Option<String>>>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let server = Self { port, seen: seen.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), seen) = (stream, seen.clone()) else { return };
                // A client that goes away is no failure of the test.
                std::thread::spawn(move || serve(stream, &seen).ok());
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub fn last_authorization(&self) -> Option<String> {
        self.seen.lock().unwrap().last().cloned().flatten()
    }
}

fn serve(mut stream: std::net::TcpStream, seen: &Mutex<Vec<Option<String>>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let authorization = head.lines().find_map(|line| line.strip_prefix("authorization: ")).map(str::to_owned);
    seen.lock().unwrap().push(authorization.clone());
    let mut respond = |status: &str, body: &str| {
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    match path.as_str() {
        "/base/redirect" => respond("302 Found\r\nlocation: /ok", ""),
        "/echo-authorization" => respond("200 OK", &format!("you sent {}", authorization.unwrap_or_default())),
        "/echo-base64" => {
            respond("200 OK", &STANDARD.encode(format!("{{\"you sent\": \"{}\"}}", authorization.unwrap_or_default())))
        }
        "/echo-hex" => respond("200 OK", &hex::encode(authorization.unwrap_or_default())),
        "/echo-in-a-header" => {
            respond(&format!("401 No\r\nwww-authenticate: {}", authorization.unwrap_or_default()), "")
        }
        "/compressed" => respond("200 OK\r\ncontent-encoding: gzip", "not really"),
        "/silent" => {
            std::thread::sleep(Duration::from_secs(30));
            Ok(())
        }
        "/endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                stream.write_all(&[b'x'; 4096])?;
            }
        }
        _ => respond("200 OK", "ok"),
    }
}

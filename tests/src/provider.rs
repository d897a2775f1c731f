//! A provider of a guest: HTTP over a socket of its own, one request a connection, answers as a test says.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Starts one; its base URL. `answer` gets method and path and gives the status line's end, such as `200 OK`; none hangs up
/// without a word.
///
/// # Panics
///
/// No port is free.
pub async fn start<A, F>(answer: A) -> String
where
    A: Fn(String, String) -> F + Clone + Send + 'static,
    F: Future<Output = Option<&'static str>> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it has one"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move { drop(serve(stream, answer).await) });
        }
    });
    url
}

async fn serve<A, F>(mut stream: TcpStream, answer: A) -> std::io::Result<()>
where
    A: Fn(String, String) -> F,
    F: Future<Output = Option<&'static str>>,
{
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            read => head.extend_from_slice(&buffer[..read]),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let Some(status) = answer(method, path).await else { return Ok(()) };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    stream.write_all(answer.as_bytes()).await
}

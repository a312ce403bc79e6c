//! How much anybody can send before they are known: a form of its size, where there is a form.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::plain::Visitor;
use crate::served::open;

/// Sends a form of so many bytes: the status, and what the page says.
fn sent(path: &str, bytes: usize) -> (u16, String) {
    let form = format!("text={}", "a".repeat(bytes - "text=".len()));
    let answer = Visitor::of(&open()).ask("POST", path, &form);
    (answer.status, answer.html())
}

#[test]
fn a_form_is_as_long_as_its_page_needs_and_no_longer() {
    let (form, draft) = (64 << 10, 4 << 20);
    for (path, most) in [
        ("/sign-in", form),
        ("/sign-out", form),
        ("/reports", form),
        ("/verify", form),
        ("/nowhere", form),
        ("/standards/draft", draft),
    ] {
        assert_ne!(sent(path, most).0, 413, "{path}");
        let (status, page) = sent(path, most + 1);
        assert_eq!(status, 413, "{path}");
        assert!(page.contains(&format!("表单超过 {most} 字节")), "{path}: {page}");
    }
}

#[test]
fn what_comes_with_a_request_that_has_no_form_is_not_waited_for() {
    let host = open().strip_prefix("http://").unwrap().to_owned();
    for (method, path, status) in
        [("GET", "/verify", "200"), ("GET", "/standards/draft", "200"), ("PUT", "/standards/draft", "405")]
    {
        let mut socket = TcpStream::connect(&host).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 1000\r\n\r\ntext="
        );
        socket.write_all(head.as_bytes()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let begun = Instant::now();
        // The head is enough: whether the rest is waited for is seen in the time.
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(answer, format!("HTTP/1.1 {status}"), "{method} {path}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{method} {path}: {:?}", begun.elapsed());
    }
}

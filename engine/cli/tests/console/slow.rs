//! Whoever sends slowly on purpose is closed in time, and keeps nobody from being answered.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::plain::Visitor;
use crate::served::open;

/// Sends `head` at once and then a byte a second until the other side has closed: how long that took, and what it said.
fn drip(head: &str) -> (Duration, String) {
    let console = open();
    let mut socket = TcpStream::connect(console.strip_prefix("http://").unwrap()).unwrap();
    socket.write_all(head.as_bytes()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let begun = Instant::now();
    let mut said = Vec::new();
    while begun.elapsed() < Duration::from_secs(90) {
        // Reading waits for the second.
        let mut bytes = [0; 4096];
        match socket.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => said.extend(&bytes[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if socket.write_all(b"a").is_err() {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    (begun.elapsed(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_head_a_form_and_a_silence_that_do_not_end_are_ended() {
    let host = open().strip_prefix("http://").unwrap().to_owned();
    let head = "GET /verify HTTP/1.1\r\nX-Slow: ".to_owned();
    let form = format!(
        "POST /standards/draft HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 1000\r\n\r\ntext="
    );
    // The first two letters of another protocol, after which nothing more is known.
    let other = "PR".to_owned();
    let slow = [head, form, other].map(|head| std::thread::spawn(move || drip(&head)));
    let silent = std::thread::spawn(move || {
        let mut socket = TcpStream::connect(&host).unwrap();
        socket.write_all(format!("GET /verify HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).unwrap();
        let begun = Instant::now();
        let mut said = Vec::new();
        // Kept open between requests, and asked nothing more.
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket.read_to_end(&mut said).unwrap();
        (begun.elapsed(), String::from_utf8_lossy(&said).into_owned())
    });
    // Others are answered meanwhile, and soon.
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(Visitor::of(&open()).get("/verify").status, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let [head, form, other] = slow.map(|slow| slow.join().unwrap());
    let within = |took: Duration, least: u64, most: u64| {
        (Duration::from_secs(least)..Duration::from_secs(most)).contains(&took)
    };
    assert!(within(head.0, 9, 20), "{head:?}");
    assert!(within(other.0, 0, 20), "{other:?}");
    assert!(within(form.0, 28, 45), "{form:?}");
    assert!(form.1.starts_with("HTTP/1.1 408 ") && form.1.contains("表单未能在时限内传完"), "{form:?}");
    let silent = silent.join().unwrap();
    assert!(within(silent.0, 9, 20) && silent.1.starts_with("HTTP/1.1 200 "), "{silent:?}");
}

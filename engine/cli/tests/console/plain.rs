//! Pages as they are sent, without a browser.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub(crate) fn html(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Somebody who keeps cookies.
pub(crate) struct Visitor {
    console: String,
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    pub(crate) fn of(console: &str) -> Visitor {
        Visitor { console: console.to_owned(), cookies: BTreeMap::new() }
    }

    /// Opens a page and follows where it leads.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// Sends the form of a page, with its secret, to an address.
    pub(crate) fn send(&mut self, page: &str, to: &str, fields: &[(&str, &str)]) -> Answer {
        let html = self.get(page).html();
        let mut form = String::new();
        let hidden = ["form", "request_id"].map(|name| (name, value(&html, name)));
        let hidden = hidden.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        for (name, value) in hidden.chain(fields.iter().copied()) {
            form.push_str(&format!("{name}={}&", encoded(value)));
        }
        self.ask("POST", to, &form)
    }

    /// Asks, and follows where it leads.
    pub(crate) fn ask(&mut self, method: &str, path: &str, form: &str) -> Answer {
        let host = self.console.strip_prefix("http://").unwrap();
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            cookies.join("; "),
            form.len()
        );
        let mut socket = TcpStream::connect(host).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).unwrap();
        let answer = parse(&bytes);
        for (name, value) in &answer.headers {
            if let Some((name, value)) = value
                .split(';')
                .next()
                .and_then(|cookie| cookie.split_once('='))
                .filter(|_| name == "set-cookie")
            {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        match answer.header("location").map(str::to_owned) {
            Some(to) if (300..400).contains(&answer.status) => self.get(&to),
            Some(_) | None => answer,
        }
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let answer = Answer { status, headers, body: bytes[end + 4..].to_vec() };
    assert!(answer.header("transfer-encoding").is_none(), "pages are sent whole");
    answer
}

/// The value of a hidden field.
fn value(html: &str, name: &str) -> Option<String> {
    let (_, rest) = html.split_once(&format!("name=\"{name}\" value=\""))?;
    Some(rest.split('"').next()?.to_owned())
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// What a page says to people, a text a line: neither markup nor what is set as code, but what is read out.
pub(crate) fn texts(html: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        texts.push(text.to_owned());
        let end = tag.find('>').expect("a tag that ends") + 1;
        let (tag, after) = tag.split_at(end);
        rest = after;
        for attribute in ["aria-label", "placeholder", "title", "alt"] {
            if let Some((_, value)) = tag.split_once(&format!(" {attribute}=\"")) {
                texts.push(value.split('"').next().unwrap().to_owned());
            }
        }
        let name: String = tag[1..].chars().take_while(char::is_ascii_alphanumeric).collect();
        let is_code = tag.contains("class=\"code\"") || ["code", "pre", "script", "style"].contains(&&*name);
        if is_code {
            let close = format!("</{name}>");
            rest = &rest[rest.find(&close).expect("an end of what is code")..];
        }
    }
    texts.push(rest.to_owned());
    texts.iter().map(|text| plain(text)).filter(|text| !text.is_empty()).collect()
}

fn plain(text: &str) -> String {
    let named = [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ];
    let text = named.iter().fold(text.to_owned(), |text, (name, character)| text.replace(name, character));
    text.trim().to_owned()
}

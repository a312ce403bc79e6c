//! The address of a database, which may hold a password and therefore is never shown as it was given.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How an address of a server begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may be silent before it is asked whether it lives.
const SILENCE: Duration = Duration::from_secs(30);

/// Where a database is and who asks.
#[derive(Clone)]
pub struct Address {
    pub(super) config: Config,
    /// Certificates of the authorities that may vouch for the server, PEM.
    pub(super) authorities: Option<PathBuf>,
    /// User, hosts and database: everything but the password.
    shown: String,
}

/// Why a text is no address. Does not repeat the text: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address of the database: {problem}; expected `postgres://USER:PASSWORD@HOST:PORT/DATABASE`")]
pub struct AddressError {
    problem: &'static str,
}

impl Address {
    /// Whether a text is meant as the address of a server, not as a path.
    pub fn is_meant_by(text: &str) -> bool {
        SCHEMES.iter().any(|scheme| text.starts_with(scheme))
    }

    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE`.
    ///
    /// # Errors
    /// [`AddressError`]; also where the server is beyond this machine and no authority is named that vouches for it.
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        let wrong = |problem| AddressError { problem };
        if !Address::is_meant_by(text) {
            return Err(wrong("it does not begin with `postgres://`"));
        }
        let (text, authorities) = take_authorities(text);
        let mut config: Config =
            text.parse().map_err(|_| wrong("it is malformed, or names an option nobody knows"))?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host"));
        }
        let Some(user) = config.get_user() else { return Err(wrong("it names no user")) };
        let Some(database) = config.get_dbname() else { return Err(wrong("it names no database")) };
        let ports = config.get_ports();
        let port = |n: usize| ports.get(n).or(ports.first()).copied().unwrap_or(5432);
        let hosts: Vec<String> = config
            .get_hosts()
            .iter()
            .enumerate()
            .map(|(n, host)| match host {
                Host::Tcp(host) => format!("{host}:{}", port(n)),
                #[cfg(unix)]
                Host::Unix(folder) => format!("{}:{}", folder.display(), port(n)),
            })
            .collect();
        let shown = format!("postgres://{user}@{}/{database}", hosts.join(","));
        let local = config.get_hosts().iter().all(is_local);
        match (config.get_ssl_mode(), &authorities) {
            // What is asked for is what is done: an attempt in the clear after one that failed would not be.
            (_, Some(_)) => config.ssl_mode(SslMode::Require),
            (SslMode::Disable | SslMode::Prefer, None) if local => config.ssl_mode(SslMode::Disable),
            _ => {
                return Err(wrong(
                    "the server is beyond this machine, or TLS is required, and no authority is named that vouches for \
                     it: add `?sslrootcert=FILE`",
                ));
            }
        };
        if config.get_application_name().is_none() {
            config.application_name("hengxin");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        config.keepalives_idle(SILENCE);
        config.tcp_user_timeout(SILENCE);
        Ok(Address { config, authorities, shown })
    }
}

/// The text without its `sslrootcert`, and that.
fn take_authorities(text: &str) -> (String, Option<PathBuf>) {
    let Some((base, options)) = text.split_once('?') else { return (text.to_owned(), None) };
    let mut authorities = None;
    let mut rest = Vec::new();
    for option in options.split('&').filter(|option| !option.is_empty()) {
        match option.strip_prefix("sslrootcert=") {
            Some(path) => authorities = Some(PathBuf::from(unescape(path))),
            // Certificates are verified in every mode, so the stricter names of libpq mean what `require` means here.
            None if matches!(option, "sslmode=verify-full" | "sslmode=verify-ca") => {
                rest.push("sslmode=require");
            }
            None => rest.push(option),
        }
    }
    let text = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    (text, authorities)
}

/// `%2F` → `/`. What is no such escape stays.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%')
            .then(|| after.get(..2).and_then(|two| u8::from_str_radix(str::from_utf8(two).ok()?, 16).ok()))
            .flatten();
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_local(host: &Host) -> bool {
    match host {
        #[cfg(unix)]
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let address = Address::parse("postgres://ledger:s%65cret@127.0.0.1:5433/credit").expect("an address");
        for shown in [address.to_string(), format!("{address:?}")] {
            assert_eq!(shown, "postgres://ledger@127.0.0.1:5433/credit");
        }
    }

    #[test]
    fn a_text_that_is_no_address_is_refused_without_being_repeated() {
        for (text, problem) in [
            ("mysql://ledger:hidden@host/credit", "does not begin"),
            ("postgres://ledger:hidden@127.0.0.1:port/credit", "malformed"),
            ("postgres://ledger:hidden@127.0.0.1/credit?colour=red", "malformed"),
            ("postgres:///credit?user=a&password=hidden", "no host"),
            ("postgres://127.0.0.1/credit", "no user"),
            ("postgres://ledger:hidden@127.0.0.1", "no database"),
        ] {
            let told = Address::parse(text).expect_err(text).to_string();
            assert!(told.contains(problem) && !told.contains("hidden"), "{text}: {told}");
        }
    }

    #[test]
    fn beyond_this_machine_somebody_must_vouch_for_the_server() {
        let parse = |rest: &str| Address::parse(&format!("postgres://a@{rest}"));
        for refused in [
            "db.example/c",
            "10.0.0.1/c?sslmode=disable",
            "localhost/c?sslmode=require",
            "localhost,10.0.0.1/c",
        ] {
            let told = parse(refused).expect_err(refused).to_string();
            assert!(told.contains("sslrootcert"), "{refused}: {told}");
        }
        let address = parse("db.example/c?sslmode=verify-full&sslrootcert=/a%20b.pem").expect("vouched for");
        assert_eq!(address.authorities, Some(PathBuf::from("/a b.pem")));
        for local in ["localhost/c", "[::1]/c", "%2Frun%2Fpostgresql/c", "127.0.0.1/c?sslmode=disable"] {
            parse(local).expect(local);
        }
    }
}

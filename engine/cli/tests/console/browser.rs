//! A browser, and what people do with it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

/// One browser at a time: two cores are no crowd.
static TURN: Mutex<()> = Mutex::new(());

/// How long an element is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

struct Driver(Child, tempfile::TempDir);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        // A browser outlives a driver that is killed, which is what a journey that fails leaves.
        let _ = Command::new("pkill").arg("-f").arg(self.1.path()).status();
    }
}

/// Whether pages may run scripts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    Runs,
    Off,
}

/// Gives a browser to a journey. Says aloud when there is none.
pub(crate) fn browse(script: Script, journey: impl AsyncFnOnce(&Browser)) {
    if ["chromium", "chromedriver"].iter().any(|program| !there(program)) {
        assert!(
            std::env::var_os("HENGXIN_NEED_BROWSER").is_none(),
            "no chromium or chromedriver on this machine"
        );
        eprintln!("NOT RUN: no chromium or chromedriver on this machine (Debian: chromium chromium-driver)");
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // Now and then it cannot have the port it chose.
    let (driver, port) = (0..5).find_map(|_| driver()).expect("a driver with a port");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(driver.1.path(), script))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser");
        let browser = Browser { client };
        browser.client.set_window_size(1280, 1000).await.unwrap();
        journey(&browser).await;
        browser.client.close().await.unwrap();
    });
}

fn driver() -> Option<(Driver, String)> {
    let mut child = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let driver = Driver(child, tempfile::tempdir().unwrap());
    let port = lines.find_map(|line| {
        let line = line.unwrap();
        let (_, port) = line.split_once("successfully on port ")?;
        Some(port.trim_end_matches('.').to_owned())
    })?;
    // Nobody reads the rest, and the driver must not wait for that.
    std::thread::spawn(move || lines.for_each(drop));
    Some((driver, port))
}

fn there(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

fn capabilities(profile: &Path, script: Script) -> fantoccini::wd::Capabilities {
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        &format!("--user-data-dir={}", profile.display()),
    ];
    // 2 is "blocked" in the settings of Chromium.
    let javascript = if script == Script::Off { 2 } else { 1 };
    let options = json!({
        "args": arguments,
        "prefs": {"profile.managed_default_content_settings.javascript": javascript},
    });
    let capabilities = json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
    capabilities.as_object().unwrap().clone()
}

/// See the module.
pub(crate) struct Browser {
    pub(crate) client: Client,
}

impl Browser {
    pub(crate) async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// The one element, waited for. A page that gives way to the next refuses to be searched; then it is searched again.
    pub(crate) async fn see(&self, css: &str) -> Element {
        let begun = Instant::now();
        loop {
            match self.client.find(Locator::Css(css)).await {
                Ok(found) => return found,
                Err(error) if begun.elapsed() > PATIENCE => {
                    panic!("no `{css}`: {error}\n{}", self.text().await)
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// The text of the one element, which may be replaced between being found and being read.
    pub(crate) async fn read(&self, css: &str) -> String {
        let begun = Instant::now();
        loop {
            match self.see(css).await.text().await {
                Ok(text) => return text,
                Err(error) if begun.elapsed() > PATIENCE => panic!("`{css}` cannot be read: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// All the text there is to see.
    pub(crate) async fn text(&self) -> String {
        self.client.find(Locator::Css("body")).await.unwrap().text().await.unwrap()
    }

    /// The page says this.
    pub(crate) async fn expect(&self, said: &str) {
        let begun = Instant::now();
        let mut text = String::new();
        while begun.elapsed() < PATIENCE {
            // A page that is about to give way to the next has no text to read.
            if let Ok(body) = self.client.find(Locator::Css("body")).await {
                text = body.text().await.unwrap_or_default();
            }
            if text.contains(said) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("`{said}` in:\n{text}");
    }

    pub(crate) async fn click(&self, css: &str) {
        self.see(css).await.click().await.unwrap();
    }

    /// Follows the link with this text.
    pub(crate) async fn follow(&self, text: &str) {
        let link = self.client.wait().at_most(PATIENCE).for_element(Locator::LinkText(text)).await;
        match link {
            Ok(link) => link.click().await.unwrap(),
            Err(error) => panic!("no link `{text}`: {error}\n{}", self.text().await),
        }
    }

    pub(crate) async fn write(&self, css: &str, text: &str) {
        let field = self.see(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub(crate) async fn path(&self) -> String {
        let address = self.client.current_url().await.unwrap();
        address.path().to_owned()
    }

    /// Presses keys where the focus is.
    pub(crate) async fn press(&self, key: Key) {
        let focus = self.client.active_element().await.unwrap();
        focus.send_keys(&char::from(key).to_string()).await.unwrap();
    }

    /// Moves the focus on with the tabulator until it stands on this text.
    pub(crate) async fn tab_to(&self, text: &str) {
        for _ in 0..80 {
            self.press(Key::Tab).await;
            let focus = self.client.active_element().await.unwrap();
            if focus.text().await.unwrap().contains(text) {
                return;
            }
        }
        panic!("the focus never came to `{text}`");
    }

    /// Keeps a picture of the page when pictures are wanted.
    pub(crate) async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("HENGXIN_SCREENSHOTS") else { return };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), self.client.screenshot().await.unwrap()).unwrap();
    }
}

//! How far a long command has come, for whoever waits at a terminal.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is quick needs no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// A bar on standard error that appears after two seconds, and only on a terminal. It is gone when this is dropped.
pub struct Progress {
    bar: ProgressBar,
    /// Dropped with this: the thread that shows the bar then ends.
    _done: Option<Sender<()>>,
}

impl Progress {
    /// Nothing to be seen.
    pub fn none() -> Progress {
        Progress { bar: ProgressBar::hidden(), _done: None }
    }

    /// Something that takes `extent` steps.
    pub fn new(what: String, extent: u64) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(extent), ProgressDrawTarget::hidden());
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {wide_bar} {percent:>3}%  {per_sec}, {eta} left")
        {
            bar.set_style(style);
        }
        bar.set_message(what);
        let (done, wait) = channel::<()>();
        let shown = bar.clone();
        // Without a thread to wait in there is no bar; the work itself does not need one.
        let started = std::thread::Builder::new().name("hengxin-progress".to_owned()).spawn(move || {
            if wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(Duration::from_millis(200));
                // Ends when the sender is dropped.
                let _ = wait.recv();
            }
            shown.finish_and_clear();
        });
        Progress { bar, _done: started.is_ok().then_some(done) }
    }

    /// How far it has come.
    pub fn at(&self, step: u64) {
        self.bar.set_position(step);
    }

    /// How far it has come, of how far it turned out to be.
    pub fn of(&self, step: u64, extent: u64) {
        self.bar.set_length(extent);
        self.bar.set_position(step);
    }

    /// What follows gives no sign of how far it has come.
    pub fn endless(&self, what: String) {
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}") {
            self.bar.set_style(style);
        }
        self.bar.set_message(what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

//! How a command fails, and what its exit code says about it.

use std::process::ExitCode;

/// A failed command.
pub enum Failure {
    /// The caller's: arguments, codes, files, documents. Exit code 2.
    Input(String),
    /// Already shown in full; only the exit code is left to say. Exit code 2.
    Shown,
    /// The system's, or the data folder's. Exit code 1.
    System(anyhow::Error),
}

impl Failure {
    /// Prints it, with its causes.
    pub fn report(&self) {
        match self {
            Failure::Input(message) => eprintln!("hengxin: {message}"),
            Failure::Shown => {}
            Failure::System(problem) => {
                // Some causes are told within the message already; none is told twice.
                let mut told = String::new();
                for cause in problem.chain().map(ToString::to_string) {
                    if !told.contains(&cause) {
                        told = if told.is_empty() { cause } else { format!("{told}: {cause}") };
                    }
                }
                eprintln!("hengxin: {told}");
            }
        }
    }

    /// What went wrong, in one line.
    pub fn text(&self) -> String {
        match self {
            Failure::Input(message) => message.clone(),
            Failure::Shown => "bad input".to_owned(),
            Failure::System(problem) => format!("{problem:#}"),
        }
    }

    /// 2 for bad input, 1 for everything else.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Input(_) | Failure::Shown => ExitCode::from(2),
            Failure::System(_) => ExitCode::from(1),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(problem: anyhow::Error) -> Failure {
        Failure::System(problem)
    }
}

impl From<std::io::Error> for Failure {
    fn from(problem: std::io::Error) -> Failure {
        Failure::System(anyhow::Error::new(problem))
    }
}

//! The process that plays a container: its signals, its end, its exit code.

use std::io::{ErrorKind, IsTerminal as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::CliError;
use crate::output;

/// Runs a command to its end and returns its exit code: 127 when it cannot be found, 126 when it cannot be started, 128 and
/// the signal's number when a signal ended it, as shells do.
pub(crate) async fn run(mut command: Command) -> Result<ExitCode, CliError> {
    // Before the child exists, so that no signal is lost between.
    let signals = Signals::listen()?;
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let (code, fix) = match error.kind() {
                ErrorKind::NotFound => (127, "is it installed on this machine, and in PATH?"),
                _ => (126, "is it executable by this user?"),
            };
            let failed = CliError::undecided("IRSA-X024", format!("`{program}` cannot be started: {error}"));
            output::error(&failed.with_fix(fix));
            return Ok(ExitCode::from(code));
        }
    };
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let mut forwarding = tokio::spawn(signals.forward(pid));
    let ended = tokio::select! {
        ended = child.wait() => ended,
        // Forwarding never ends by itself.
        _ = &mut forwarding => child.wait().await,
    };
    forwarding.abort();
    ended.map(exit_code).map_err(|error| {
        CliError::undecided("IRSA-X024", format!("the end of `{program}` cannot be waited for: {error}"))
    })
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// What is passed on.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
    user_1: tokio::signal::unix::Signal,
    user_2: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self, CliError> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                CliError::undecided("IRSA-X009", format!("signals cannot be handled: {error}"))
            })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
            interrupt: listen(SignalKind::interrupt())?,
            quit: listen(SignalKind::quit())?,
            user_1: listen(SignalKind::user_defined1())?,
            user_2: listen(SignalKind::user_defined2())?,
        })
    }

    async fn forward(mut self, child: Option<Pid>) {
        // A terminal sends these to the whole foreground group, the child included.
        let from_terminal = std::io::stdin().is_terminal();
        loop {
            let signal = tokio::select! {
                _ = self.terminate.recv() => Signal::TERM,
                _ = self.hang_up.recv() => Signal::HUP,
                _ = self.interrupt.recv() => if from_terminal { continue } else { Signal::INT },
                _ = self.quit.recv() => if from_terminal { continue } else { Signal::QUIT },
                _ = self.user_1.recv() => Signal::USR1,
                _ = self.user_2.recv() => Signal::USR2,
            };
            if let Some(child) = child {
                let _ = kill_process(child, signal);
            }
        }
    }
}

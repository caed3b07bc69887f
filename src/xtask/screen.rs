//! A screen that nobody sees, for a browser that has no headless mode.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// An X server without hardware; it ends when this is dropped.
pub(crate) struct Screen {
    server: Child,
    /// What `DISPLAY` is for programs that draw on it.
    pub display: String,
}

impl Screen {
    /// Starts Xvfb on a number that is free.
    pub(crate) fn start() -> Result<Screen> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "1280x800x24"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("Xvfb cannot be started: install the package `xvfb`")?;
        let output = server.stdout.take().context("Xvfb has no output")?;
        let mut screen = Screen { server, display: String::new() };
        let mut number = String::new();
        BufReader::new(output).read_line(&mut number).context("Xvfb told no number")?;
        screen.display = format!(":{}", number.trim());
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

//! Runs tools: one line per step with a heartbeat, the whole output in `target/xtask-logs`, a deadline for each.
//!
//! It is not a build system: what has to run is decided by the caller.

use std::fs;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};

use crate::tree;

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Lines of a failed tool's output that are shown at once; the rest is in its log file.
const SHOWN_LINES: usize = 120;
/// Seconds between two heartbeat lines where the output is not a terminal.
const HEARTBEAT_SECONDS: u64 = 20;
/// A step that says nothing about its deadline gets this one.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// Shows every tool's output as it comes.
pub(crate) fn set_verbose() {
    VERBOSE.store(true, Ordering::Relaxed);
}

fn verbose() -> bool {
    VERBOSE.load(Ordering::Relaxed) || std::env::var_os("VERBOSE").is_some_and(|value| value != "0")
}

/// The reading of the wall clock that times steps.
#[expect(clippy::disallowed_methods, reason = "steps of a developer command are timed by the machine's own clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What a finished step said.
pub(crate) struct Output {
    /// Standard output and standard error, interleaved by line.
    pub text: String,
    /// The tool exited with code 0, before its deadline.
    pub ok: bool,
    /// How long it took.
    pub seconds: f64,
}

/// One tool to run, named by a sentence without its full stop.
pub(crate) struct Step {
    title: String,
    command: Command,
    deadline: Duration,
}

impl Step {
    /// A step that runs `program` at the root of the repository.
    pub(crate) fn new(title: impl Into<String>, program: &str) -> Step {
        let mut command = Command::new(program);
        command.current_dir(tree::root());
        Step { title: title.into(), command, deadline: DEADLINE }
    }

    /// A step that runs the cargo that runs us.
    pub(crate) fn cargo(title: impl Into<String>) -> Step {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| String::from("cargo"));
        Step::new(title, &cargo)
    }

    /// Adds arguments.
    pub(crate) fn args<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(mut self, arguments: I) -> Step {
        self.command.args(arguments);
        self
    }

    /// Adds one argument.
    pub(crate) fn arg(self, argument: impl AsRef<std::ffi::OsStr>) -> Step {
        self.args([argument])
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Step {
        self.command.env(name, value);
        self
    }

    /// Runs in a directory other than the root.
    pub(crate) fn dir(mut self, directory: impl AsRef<std::path::Path>) -> Step {
        self.command.current_dir(directory);
        self
    }

    /// Stops the tool, and everything it started, after so many minutes.
    pub(crate) fn minutes(mut self, minutes: u64) -> Step {
        self.deadline = Duration::from_secs(minutes * 60);
        self
    }

    /// Runs to the end; a failure is an error that shows the end of the output.
    pub(crate) fn run(self) -> Result<Output> {
        let title = self.title.clone();
        let output = self.finish()?;
        if !output.ok {
            bail!("{title}: failed (its output is above)");
        }
        Ok(output)
    }

    /// Runs to the end; a failure is shown, and is part of the answer.
    pub(crate) fn finish(mut self) -> Result<Output> {
        let program = self.command.get_program().to_string_lossy().into_owned();
        let started = now();
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.command.spawn().with_context(|| format!("{}: cannot start `{program}`", self.title))?;
        let mut progress = Progress::start(&self.title);
        let (text, ok) = follow(child, self.deadline, &mut progress)?;
        let seconds = started.elapsed().as_secs_f64();
        progress.finish(ok, seconds);
        let log = write_log(&self.title, &text)?;
        if !ok {
            show_end(&text, &log);
        }
        Ok(Output { text, ok, seconds })
    }
}

/// Reads the tool's output to its end; kills the tool's process group at the deadline.
fn follow(mut child: Child, deadline: Duration, progress: &mut Progress) -> Result<(String, bool)> {
    let started = now();
    let (sender, lines) = channel();
    if let Some(stdout) = child.stdout.take() {
        pump(stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        pump(stderr, sender);
    }
    let mut text = String::new();
    let in_time = collect(&lines, deadline, started, &mut text, progress);
    if !in_time {
        text.push_str(&format!("\n(stopped: it took longer than {} minutes)\n", deadline.as_secs() / 60));
        stop_tree(&child);
    }
    let status = child.wait()?;
    Ok((text, in_time && status.success()))
}

/// Collects lines until both pipes close or the deadline passes; answers whether it was in time.
fn collect(
    lines: &Receiver<String>,
    deadline: Duration,
    started: Instant,
    text: &mut String,
    progress: &mut Progress,
) -> bool {
    loop {
        match lines.recv_timeout(Duration::from_millis(250)) {
            Ok(line) => {
                progress.line(&line);
                text.push_str(&line);
                text.push('\n');
            }
            Err(RecvTimeoutError::Disconnected) => return true,
            Err(RecvTimeoutError::Timeout) => progress.beat(),
        }
        if started.elapsed() > deadline {
            return false;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a tool's two pipes must be drained at the same time")]
fn pump(pipe: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut bytes = Vec::new();
        while matches!(reader.read_until(b'\n', &mut bytes), Ok(count) if count > 0) {
            let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            bytes.clear();
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

/// Ends the tool and everything it started. They share our process group, so that Ctrl+C reaches all of them; after
/// a deadline they are found by their parents.
fn stop_tree(child: &Child) {
    let mut ids = vec![child.id().to_string()];
    let mut next = 0;
    while let Some(parent) = ids.get(next).cloned() {
        let children = capture("ps", &["-o", "pid=", "--ppid", &parent]).unwrap_or_default();
        ids.extend(children.split_whitespace().map(str::to_owned));
        next += 1;
    }
    // Some may have ended by themselves meanwhile; then there is nothing to stop.
    let _ = Command::new("kill").arg("-KILL").args(&ids).stderr(Stdio::null()).status();
}

fn write_log(title: &str, text: &str) -> Result<String> {
    let name: String = title.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let directory = tree::root().join("target/xtask-logs");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join(format!("{name}.log")), text)?;
    Ok(format!("target/xtask-logs/{name}.log"))
}

/// Words at which a failed tool begins to tell why.
const TELLING: [&str; 6] = ["error: ", "error[", "FAILED", "panicked at", "not ok ", "Error: "];
/// Lines shown from each of them on.
const TELLING_LINES: usize = 12;

/// Shows what tells of the failure, or else the end of the output.
fn show_end(text: &str, log: &str) {
    if !verbose() {
        for line in telling_lines(text) {
            println!("    {line}");
        }
    }
    println!("    (all of it: {log})");
}

fn telling_lines(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let mut shown = Vec::new();
    let mut left = 0;
    for line in &lines {
        if TELLING.iter().any(|word| line.contains(word)) {
            left = TELLING_LINES;
        }
        if left > 0 {
            left -= 1;
            shown.push(*line);
        }
    }
    if shown.is_empty() {
        shown = lines;
    }
    let first = shown.len().saturating_sub(SHOWN_LINES);
    shown.split_off(first)
}

/// The one line that shows how a step goes.
struct Progress {
    title: String,
    started: Instant,
    last_beat: Instant,
    last_line: String,
    terminal: bool,
}

impl Progress {
    fn start(title: &str) -> Progress {
        let terminal = std::io::stdout().is_terminal() && !verbose();
        if !terminal {
            println!("▸ {title} …");
        }
        Progress { title: title.to_owned(), started: now(), last_beat: now(), last_line: String::new(), terminal }
    }

    fn line(&mut self, line: &str) {
        if verbose() {
            println!("    {line}");
        }
        if !line.trim().is_empty() {
            self.last_line = line.trim().chars().filter(|c| !c.is_control()).take(70).collect();
        }
        self.beat();
    }

    fn beat(&mut self) {
        let seconds = self.started.elapsed().as_secs();
        if self.terminal && self.last_beat.elapsed().as_millis() > 100 {
            print!("\r\x1b[2K▸ {} … {seconds} s  \x1b[2m{}\x1b[0m", self.title, self.last_line);
            let _ = std::io::stdout().flush();
            self.last_beat = now();
        } else if !self.terminal && !verbose() && self.last_beat.elapsed().as_secs() >= HEARTBEAT_SECONDS {
            println!("  … {} s  {}", seconds, self.last_line);
            self.last_beat = now();
        }
    }

    fn finish(&self, ok: bool, seconds: f64) {
        let mark = if ok { "✓" } else { "✗" };
        let clear = if self.terminal { "\r\x1b[2K" } else { "" };
        println!("{clear}{mark} {} ({seconds:.1} s)", self.title);
    }
}

/// Runs a program quietly: its standard output, or nothing if it is missing or fails.
pub(crate) fn capture(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(tree::root()).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where a program is found on PATH.
pub(crate) fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

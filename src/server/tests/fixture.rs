//! A server process on a database of its own, and a client of the core that speaks to it.
//!
//! Nothing here judges.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tidewell_core::base::SeededRng;
use tidewell_core::collections::{json, Value};
use tidewell_core::sync::client::memory::MemoryClient;
use tidewell_core::sync::client::Config;
use tidewell_core::sync::message::Page;
use tidewell_core::sync::{Action, Client, Mutation, Op, Outcome, PullAnswer, PushAnswer, PushRequest, Subscription};

use crate::cluster::{self, Cluster};

/// Where a server lives: a folder, and a database in it or in PostgreSQL.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) database: String,
}

impl Home {
    pub(crate) fn on(database: &str) -> Self {
        Self { folder: TempDir::new().unwrap(), database: database.to_owned() }
    }

    pub(crate) fn on_sqlite() -> Self {
        Self::on("tidewell.db")
    }

    pub(crate) fn on_postgres() -> Self {
        Self::on(&Cluster::shared().database())
    }

    /// Writes the file of settings, which [`Home::program`] then names.
    pub(crate) fn settings(&self, text: &str) {
        std::fs::write(self.folder.path().join("server.toml"), text).unwrap();
    }

    /// The program, with these arguments.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidewell-server"));
        command.current_dir(self.folder.path()).args(arguments).args(["--database", &self.database]);
        if self.folder.path().join("server.toml").exists() {
            command.args(["--config", "server.toml"]);
        }
        if self.database.starts_with("postgres") {
            // `backup` and `restore` look for PostgreSQL's own programs.
            let path = std::env::var_os("PATH").unwrap_or_default();
            // A test may put one of its own before them.
            let own = [self.folder.path().to_owned(), cluster::programs()];
            let folders = own.into_iter().chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(folders).unwrap());
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The program that serves: this one, or another that takes the same flags, by the words of `TIDEWELL_SERVER`.
    fn serving(&self, arguments: &[&str]) -> Command {
        let Some(line) = other_program() else { return self.program(arguments) };
        let mut words = line.split(' ');
        let mut command = Command::new(words.next().unwrap());
        command.current_dir(self.folder.path()).args(words).args(arguments).stdout(Stdio::piped());
        if self.folder.path().join("server.toml").exists() {
            command.args(["--config", "server.toml"]);
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.program(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    pub(crate) fn token(&self, tenant: &str, user: &str) -> String {
        self.run(&["token", "--tenant", tenant, "--user", user]).unwrap()
    }

    pub(crate) fn start(&self) -> Server {
        Server::start(self, &[])
    }
}

fn other_program() -> Option<String> {
    std::env::var("TIDEWELL_SERVER").ok()
}

/// The same on both databases, at the same time; another program has one of its own.
pub(crate) fn on_both(test: impl Fn(&Home) + Sync) {
    if other_program().is_some() {
        return test(&Home::on_sqlite());
    }
    std::thread::scope(|scope| {
        scope.spawn(|| test(&Home::on_sqlite()));
        scope.spawn(|| test(&Home::on_postgres()));
    });
}

#[expect(clippy::disallowed_methods, reason = "real processes are waited for in real time")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut all = vec!["--listen", "127.0.0.1:0"];
        all.extend(arguments);
        let log = std::fs::File::options().create(true).append(true).open(home.folder.path().join("log")).unwrap();
        let mut child = home.serving(&all).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url =
            line.split_whitespace().find_map(|word| word.strip_suffix(',').filter(|word| word.starts_with("http")));
        Self { url: url.unwrap_or_else(|| panic!("the server says {line:?}")).to_owned(), child }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be dead already.
        let _dead = self.child.kill().is_err();
        let _waited = self.child.wait().is_ok();
    }
}

pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(20))).build().into()
}

/// Status and body of a POST.
pub(crate) fn post(url: &str, token: &str, body: &[u8], encoding: Option<&str>) -> Result<(u16, Vec<u8>), String> {
    let mut request = agent().post(url).header("authorization", &format!("Bearer {token}"));
    if let Some(encoding) = encoding {
        request = request.header("content-encoding", encoding);
    }
    let mut response = request.send(body).map_err(|error| error.to_string())?;
    let body = response.body_mut().read_to_vec().map_err(|error| error.to_string())?;
    Ok((response.status().as_u16(), body))
}

pub(crate) fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

pub(crate) fn create(id: &str) -> Op {
    Op::new("notes", id, Action::Create(value(&format!(r#"{{"id":"{id}","n":0}}"#))))
}

pub(crate) fn update(id: &str, text: &str) -> Op {
    Op::update("notes", id, value(text)).unwrap()
}

/// A client on a profile in memory.
pub(crate) struct Device {
    pub(crate) store: MemoryClient,
    pub(crate) client: Client,
    pub(crate) rng: SeededRng,
    pub(crate) token: String,
    /// Answers to pushes that arrived.
    pub(crate) answers: u64,
}

impl Device {
    pub(crate) fn new(seed: u64, token: &str) -> Self {
        Self::with(seed, token, 100, 20)
    }

    pub(crate) fn with(seed: u64, token: &str, page: usize, batch: usize) -> Self {
        Self::on(MemoryClient::default(), seed, token, page, batch)
    }

    /// A copy of its profile, which goes on by itself.
    pub(crate) fn twin(&self, seed: u64) -> Self {
        Self::on(self.store.clone(), seed, &self.token, 100, 20)
    }

    fn on(mut store: MemoryClient, seed: u64, token: &str, page: usize, batch: usize) -> Self {
        let rng = SeededRng::new(seed);
        let all = Subscription { collection: "notes".into(), filter: value("{}") };
        let config = Config { subscriptions: vec![all], schema: 1, page, batch, retained: 10_000 };
        let client = Client::open(&mut store, config, &rng).unwrap();
        Self { store, client, rng, token: token.to_owned(), answers: 0 }
    }

    pub(crate) fn mutate(&mut self, ops: Vec<Op>) {
        self.client.mutate(&mut self.store, &self.rng, ops, Vec::new()).unwrap();
    }

    /// One push, if there is anything to push.
    pub(crate) fn push(&mut self, url: &str) -> Result<(), String> {
        let Some(request) = self.client.push_request() else { return Ok(()) };
        let (status, body) = post(&format!("{url}/v1/push"), &self.token, &request.to_json(), None)?;
        let answer = PushAnswer::parse(&body).map_err(|error| format!("{status}: {error:?}"))?;
        self.answers += 1;
        self.client
            .on_push(&mut self.store, &self.rng, &request, answer)
            .map(drop)
            .map_err(|error| format!("{error:?}"))
    }

    /// One page.
    pub(crate) fn pull(&mut self, url: &str) -> Result<bool, String> {
        let request = self.client.pull_request();
        let (status, body) = post(&format!("{url}/v1/pull"), &self.token, &request.to_json(), None)?;
        let answer = PullAnswer::parse(&body).map_err(|error| format!("{status}: {error:?}"))?;
        let more = matches!(&answer, PullAnswer::Page(page) if page.more);
        let taken = self.client.on_pull(&mut self.store, &self.rng, &request, answer);
        taken.map(|_| more).map_err(|error| format!("{error:?}"))
    }

    /// Pushes and pulls until nothing is left to do.
    pub(crate) fn sync(&mut self, url: &str) {
        for _ in 0..1000 {
            self.push(url).unwrap();
            let more = self.pull(url).unwrap();
            if !more && self.client.is_settled() && self.client.version().is_some() {
                return;
            }
        }
        panic!("the device does not settle");
    }

    pub(crate) fn view(&self, id: &str) -> Option<Value> {
        self.client.view(&self.store, "notes", id).unwrap()
    }

    pub(crate) fn number(&self, id: &str) -> f64 {
        match self.view(id).as_ref().and_then(|document| document.field("n")) {
            Some(Value::Number(number)) => *number,
            other => panic!("{id} holds {other:?}"),
        }
    }
}

/// What a pull with these words answers.
pub(crate) fn page(server: &Server, token: &str, replica: &str, cursor: Option<&str>) -> Page {
    let cursor = cursor.map_or("null".to_owned(), |cursor| format!("\"{cursor}\""));
    let body = format!(r#"{{"v":1,"replica":"{replica}","cursor":{cursor},"subscriptions":[{{"c":"notes"}}]}}"#);
    let (status, answer) = post(&format!("{}/v1/pull", server.url), token, body.as_bytes(), None).unwrap();
    match PullAnswer::parse(&answer) {
        Ok(PullAnswer::Page(page)) => page,
        other => panic!("{status}: {other:?}"),
    }
}

/// The outcomes of a push of these mutations.
pub(crate) fn outcomes(server: &Server, token: &str, replica: &str, mutations: Vec<Mutation>) -> Vec<Outcome> {
    let mutations = mutations.into_iter().map(Into::into).collect();
    let request = PushRequest { replica: replica.into(), epoch: None, mutations };
    let (status, answer) = post(&format!("{}/v1/push", server.url), token, &request.to_json(), None).unwrap();
    match PushAnswer::parse(&answer) {
        Ok(PushAnswer::Results { results, .. }) => results.into_iter().map(|handled| handled.outcome).collect(),
        other => panic!("{status}: {other:?}"),
    }
}

/// What a live stream says until this is in it.
pub(crate) fn heard(stream: &mut impl Read, end: &str) -> String {
    let (mut text, mut bytes) = (String::new(), [0; 256]);
    while !text.contains(end) {
        let length = stream.read(&mut bytes).unwrap();
        assert!(length > 0, "the stream ended with {text:?}");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    text
}

/// A connection on which anything may be said.
pub(crate) fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// What the server says until it closes the connection.
pub(crate) fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // It may be cut off.
    let _cut = stream.read_to_end(&mut bytes).is_err();
    String::from_utf8_lossy(&bytes).into_owned()
}

//! A real PostgreSQL server on a free port, stopped by its process id when dropped.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jam::store::PostgresOptions;
use tempfile::TempDir;

use super::redis_server::free_port;

/// Who owns the server and everything in it.
pub const USER: &str = "jam";
pub const PASSWORD: &str = "of-the-server";

const PATIENCE: Duration = Duration::from_secs(30);

/// What is lost when the machine goes down is of no interest here.
const IN_A_HURRY: [&str; 3] = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];

pub struct PostgresServer {
    process: Child,
    port: u16,
    settings: Vec<String>,
    folder: TempDir,
}

impl PostgresServer {
    pub fn start() -> Self {
        Self::start_with(&IN_A_HURRY)
    }

    /// With these settings alone, as `fsync=off`.
    pub fn start_with(settings: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), settings)
    }

    /// In a folder that holds what the settings speak of.
    pub fn start_in(folder: TempDir, settings: &[&str]) -> Self {
        initialize(folder.path());
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        // Between the look for a free port and the server's start somebody else may take it.
        for _ in 0..10 {
            let port = free_port();
            if let Some(process) = launch(port, &settings, folder.path()) {
                return Self { process, port, settings, folder };
            }
        }
        panic!("PostgreSQL with {settings:?} did not start on any of ten ports");
    }

    pub fn url(&self) -> String {
        self.url_for(USER, PASSWORD)
    }

    pub fn url_for(&self, user: &str, password: &str) -> String {
        format!("postgresql://{user}:{password}@127.0.0.1:{}/postgres", self.port)
    }

    pub fn options(&self) -> PostgresOptions {
        PostgresOptions::new(self.url())
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that has the server's socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the statements answer, a row a line.
    pub fn query(&self, statements: &str) -> String {
        let mut psql = tool("psql");
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command", statements]);
        psql.args(["--set", "ON_ERROR_STOP=1", &self.url()]);
        let done = psql.stdin(Stdio::null()).output().expect("psql can be run");
        assert!(done.status.success(), "{statements}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("text").trim().to_owned()
    }

    /// Kills all of the server as `kill -9` does; its port stays reserved for `restart`.
    pub fn kill(&mut self) {
        // Its parts first, as they would outlive it for a while.
        self.signal("-STOP");
        for part in self.parts() {
            signal("-KILL", &part);
        }
        self.process.kill().expect("the server was running");
        self.process.wait().expect("a killed process ends");
    }

    /// Starts the server again on its old port, with what its folder holds.
    pub fn restart(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(process) = launch(self.port, &self.settings, self.folder.path()) {
                self.process = process;
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL did not start again on port {}", self.port);
    }

    /// Stops the server from answering, while its connections stay open.
    pub fn pause(&self) {
        self.signal("-STOP");
        self.parts().iter().for_each(|part| signal("-STOP", part));
    }

    /// Lets it answer again.
    pub fn resume(&self) {
        self.parts().iter().for_each(|part| signal("-CONT", part));
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        signal(name, &self.process.id().to_string());
    }

    /// The processes that serve one connection each, and some more.
    fn parts(&self) -> Vec<String> {
        let parts = Command::new("pgrep").args(["-P", &self.process.id().to_string()]).output();
        let parts = parts.expect("pgrep can be run: install procps").stdout;
        String::from_utf8(parts).expect("numbers").lines().map(str::to_owned).collect()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            // It takes its parts with it; a paused one is killed as it is.
            self.resume();
            self.signal("-QUIT");
        }
        let _ = self.process.wait();
    }
}

fn signal(name: &str, process: &str) {
    // One that serves a connection may have ended by itself.
    let _ = Command::new("kill").args([name, process]).stderr(Stdio::null()).status();
}

/// Makes an empty database in the folder, whose superuser has to give a password over the network.
fn initialize(folder: &Path) {
    let passwords = folder.join("passwords");
    std::fs::write(&passwords, PASSWORD).expect("a file can be written");
    if let Some(user) = somebody() {
        for path in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path()) {
            chown(path, Some(user), None).expect("root may give files away");
        }
        chown(folder, Some(user), None).expect("root may give files away");
    }
    let made = tool("initdb")
        .args(["--no-sync", "--encoding", "UTF8", "--locale", "C", "--username", USER])
        .args(["--auth", "scram-sha-256", "--pwfile"])
        .arg(&passwords)
        .arg(folder.join("data"))
        .current_dir(folder)
        .output()
        .expect("initdb can be run");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn launch(port: u16, settings: &[String], folder: &Path) -> Option<Child> {
    let mut server = tool("postgres");
    server.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string()]);
    server.args(["-c", "listen_addresses=127.0.0.1", "-c"]);
    server.arg(format!("unix_socket_directories={}", folder.display()));
    for setting in settings {
        server.args(["-c", setting]);
    }
    server.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = server.spawn().expect("PostgreSQL can be run");
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if process.try_wait().expect("a child has a state").is_some() {
            return None;
        }
        // The last line says how far it is.
        let state = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
        let is_of_this_one = state.lines().next() == Some(process.id().to_string().as_str());
        if is_of_this_one && state.trim_end().ends_with("ready") {
            return Some(process);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = process.kill();
    let _ = process.wait();
    None
}

/// One of the server's programs, run as somebody whom it agrees with: not as root.
fn tool(name: &str) -> Command {
    let mut command = Command::new(programs().join(name));
    if let Some(user) = somebody() {
        command.uid(user).gid(user);
    }
    command
}

/// Where a user has no rights: `nobody`, if this is root.
fn somebody() -> Option<u32> {
    let id = Command::new("id").arg("-u").output().expect("id can be run").stdout;
    (id == b"0\n").then_some(65_534)
}

/// Beside `JAM_POSTGRES_SERVER`, else where packages put them, else on the `PATH`.
fn programs() -> PathBuf {
    if let Some(named) = std::env::var_os("JAM_POSTGRES_SERVER").filter(|named| !named.is_empty()) {
        return PathBuf::from(named).parent().expect("the program lies in a folder").to_owned();
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut packages: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    packages.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = packages.into_iter().rev().chain(std::env::split_paths(&path));
    let mut found =
        found.filter(|folder| ["postgres", "initdb"].iter().all(|name| folder.join(name).is_file()));
    found.next().expect("no PostgreSQL server: install PostgreSQL 12 or later, or name its program \"postgres\" in JAM_POSTGRES_SERVER")
}

//! A real `redis-server` on a free port, stopped by its process id when dropped.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What has a server keep its data in memory only.
pub const NOTHING_ON_DISK: [&str; 4] = ["--save", "", "--appendonly", "no"];

pub struct RedisServer {
    process: Child,
    port: u16,
    arguments: Vec<String>,
    folder: TempDir,
}

impl RedisServer {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// `arguments` are given to the server after Jam's own, as `--requirepass secret`.
    pub fn start_with(arguments: &[&str]) -> Self {
        let arguments = [&NOTHING_ON_DISK[..], arguments].concat();
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), free_port, &arguments)
    }

    /// With these arguments alone, in a folder that holds what they speak of, on a port that `choose` finds.
    pub fn start_in(folder: TempDir, choose: fn() -> u16, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        // Between the look for a free port and the server's start somebody else may take it.
        for _ in 0..10 {
            let port = choose();
            if let Some(process) = launch(port, &arguments, folder.path()) {
                return Self { process, port, arguments, folder };
            }
        }
        panic!("redis-server {arguments:?} did not start on any of ten ports");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that the server runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// One command, and its answer as a value of Rust.
    pub fn query<T: redis::FromRedisValue>(&self, parts: &[&str]) -> redis::RedisResult<T> {
        query(&self.url(), parts)
    }

    /// The same of a server that asks for a password.
    pub fn query_as<T: redis::FromRedisValue>(
        &self,
        password: &str,
        parts: &[&str],
    ) -> redis::RedisResult<T> {
        query(&format!("redis://:{password}@127.0.0.1:{}/", self.port), parts)
    }

    /// Kills the server as `kill -9` does; its port stays reserved for `restart`.
    pub fn kill(&mut self) {
        self.process.kill().expect("the server was running");
        self.process.wait().expect("a killed process ends");
    }

    /// Starts the server again on its old port, with what its folder holds.
    pub fn restart(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if let Some(process) = launch(self.port, &self.arguments, self.folder.path()) {
                self.process = process;
                return;
            }
        }
        panic!("redis-server did not start again on port {}", self.port);
    }

    /// Stops the server from answering, while its connections stay open.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it answer again.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// One command by a connection of its own, and the answer's first kilobyte as the server sent it.
    pub fn command(&self, parts: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out can be set");
        let mut request = format!("*{}\r\n", parts.len());
        for part in parts {
            request.push_str(&format!("${}\r\n{part}\r\n", part.len()));
        }
        stream.write_all(request.as_bytes()).expect("the server reads");
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).expect("the server answers");
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }
}

fn query<T: redis::FromRedisValue>(url: &str, parts: &[&str]) -> redis::RedisResult<T> {
    let timeout = Duration::from_secs(10);
    let mut connection = redis::Client::open(url)?.get_connection_with_timeout(timeout)?;
    connection.set_read_timeout(Some(timeout))?;
    redis::cmd(parts[0]).arg(&parts[1..]).query(&mut connection)
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Arguments that name a file, as `sentinel.conf`, stand first; it lies in the folder.
fn launch(port: u16, arguments: &[String], folder: &Path) -> Option<Child> {
    let files = arguments.iter().take_while(|argument| !argument.starts_with("--")).count();
    let mut process = Command::new(executable())
        .current_dir(folder)
        .args(&arguments[..files])
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .arg("--dir")
        .arg(folder)
        .args(&arguments[files..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server can be run");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if process.try_wait().expect("a child has a state").is_some() {
            return None;
        }
        if TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
            return Some(process);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = process.kill();
    let _ = process.wait();
    None
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// `JAM_REDIS_SERVER`, else from `PATH`, else from the project's own tools.
fn executable() -> PathBuf {
    if let Some(named) = std::env::var_os("JAM_REDIS_SERVER").filter(|named| !named.is_empty()) {
        return named.into();
    }
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/redis");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend([tools.clone(), tools.join("bin"), tools.join("src")]);
    let mut files =
        folders.iter().flat_map(|folder| ["redis-server", "valkey-server"].map(|name| folder.join(name)));
    let found = files.find(|file| file.is_file());
    found.expect("no redis-server: install Redis 6.2 or later, or name its server in JAM_REDIS_SERVER")
}

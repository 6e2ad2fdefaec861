//! A primary, a replica and three sentinels that watch over them.

use std::time::{Duration, Instant};

use jam::store::{RedisOptions, RedisSentinel, RedisServers};

use super::redis_server::{RedisServer, free_port};

/// How the sentinels call the primary.
pub const MASTER: &str = "mymaster";

/// What the servers ask for, and what the sentinels ask for.
pub const PASSWORD: &str = "of-the-servers";
pub const SENTINEL_PASSWORD: &str = "of-the-sentinels";

const PATIENCE: Duration = Duration::from_secs(30);

/// Some of the sentinels' periods in milliseconds, much shortened, as the tests wait for them.
const HASTE: [&str; 4] = ["ask-period", "100", "election-timeout", "1000"];

/// How soon they hear of each other, and of a replica. Only at first: a sentinel that hears less than four of these
/// of a planned fail-over takes the new primary for a replica gone astray.
const HASTE_AT_FIRST: [&str; 4] = ["publish-period", "100", "info-period", "100"];
const USUAL: [&str; 4] = ["publish-period", "2000", "info-period", "1000"];

pub struct SentinelServers {
    pub servers: Vec<RedisServer>,
    pub sentinels: Vec<RedisServer>,
}

impl SentinelServers {
    pub fn start() -> Self {
        let login = ["--requirepass", PASSWORD, "--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0"];
        let primary = RedisServer::start_with(&login);
        let following = format!("127.0.0.1 {}", primary.port());
        let replica = RedisServer::start_with(&[&login[..], &["--replicaof", &following]].concat());
        let sentinels = (0..3).map(|_| sentinel(primary.port())).collect();
        let all = Self { servers: vec![primary, replica], sentinels };
        all.wait("replica that follows, and sentinels that know each other", || {
            let is_complete = |sentinel: &RedisServer| {
                let quorum =
                    sentinel.query_as::<String>(SENTINEL_PASSWORD, &["SENTINEL", "CKQUORUM", MASTER]);
                quorum.is_ok_and(|text| text.starts_with("OK 3")) && follower_of(sentinel)
            };
            all.sentinels.iter().all(is_complete)
        });
        // A replica may say that it follows before it gets what is written.
        all.servers[0].query_as::<()>(PASSWORD, &["SET", "ready", "1"]).unwrap();
        all.wait("replica that gets what is written", || {
            all.servers[1].query_as::<bool>(PASSWORD, &["EXISTS", "ready"]).is_ok_and(|exists| exists)
        });
        all.servers[0].query_as::<()>(PASSWORD, &["DEL", "ready"]).unwrap();
        all.sentinels.iter().for_each(|sentinel| hasten(sentinel, &USUAL));
        all
    }

    pub fn options(&self) -> RedisOptions {
        let url =
            |sentinel: &RedisServer| format!("redis://:{PASSWORD}@127.0.0.1:{}/0", sentinel.port()).into();
        RedisOptions {
            servers: RedisServers::Sentinel(RedisSentinel {
                urls: self.sentinels.iter().map(url).collect(),
                master: MASTER.to_owned(),
                username: None,
                password: Some(SENTINEL_PASSWORD.into()),
            }),
            ..RedisOptions::default()
        }
    }

    /// The place in `servers` of the one that the sentinels take for the primary.
    pub fn primary(&self) -> usize {
        let named = || -> Option<u16> {
            let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER];
            let address = self.sentinels[0].query_as::<Vec<String>>(SENTINEL_PASSWORD, &ask).ok()?;
            address.get(1)?.parse().ok()
        };
        let port = named().expect("the sentinels know a primary");
        self.servers.iter().position(|server| server.port() == port).expect("it is one of these")
    }

    /// Waits until the sentinels know a replica that follows.
    pub fn wait_for_replica(&self) {
        self.wait("replica that follows", || self.sentinels.iter().all(follower_of));
    }

    /// Waits until everything that the primary has acknowledged is at the replica, and has it acknowledge no more
    /// writes. From here on a fail-over loses nothing.
    pub fn settle(&self, primary: usize) {
        let primary = &self.servers[primary];
        let pause = ["CLIENT", "PAUSE", "60000", "WRITE"];
        primary.query_as::<()>(PASSWORD, &pause).expect("a primary can be paused");
        self.wait("replica that has everything", || {
            let state: String = primary.query_as(PASSWORD, &["INFO", "replication"]).expect("it answers");
            let after = |text: &str| {
                let rest = state.split(text).nth(1)?;
                rest.split(|character: char| !character.is_ascii_digit()).next()?.parse::<u64>().ok()
            };
            after("master_repl_offset:").is_some() && after("master_repl_offset:") == after(",offset=")
        });
    }

    pub fn wait(&self, what: &str, is_there: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_there() {
            assert!(Instant::now() < deadline, "there is no {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn sentinel(primary: u16) -> RedisServer {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = format!(
        "sentinel monitor {MASTER} 127.0.0.1 {primary} 2\n\
         sentinel auth-pass {MASTER} {PASSWORD}\n\
         sentinel down-after-milliseconds {MASTER} 400\n\
         sentinel failover-timeout {MASTER} 3000\n\
         sentinel sentinel-pass {SENTINEL_PASSWORD}\n\
         requirepass {SENTINEL_PASSWORD}\n"
    );
    std::fs::write(folder.path().join("sentinel.conf"), settings).expect("the folder can be written to");
    let sentinel = RedisServer::start_in(folder, free_port, &["sentinel.conf", "--sentinel"]);
    hasten(&sentinel, &HASTE);
    hasten(&sentinel, &HASTE_AT_FIRST);
    sentinel
}

/// Older servers take their time instead.
fn hasten(sentinel: &RedisServer, periods: &[&str]) {
    let _ = sentinel.query_as::<()>(SENTINEL_PASSWORD, &[&["SENTINEL", "DEBUG"], periods].concat());
}

fn follower_of(sentinel: &RedisServer) -> bool {
    type Replicas = Vec<std::collections::HashMap<String, String>>;
    let replicas: redis::RedisResult<Replicas> =
        sentinel.query_as(SENTINEL_PASSWORD, &["SENTINEL", "REPLICAS", MASTER]);
    let follows = |replica: &std::collections::HashMap<String, String>| {
        replica.get("master-link-status").is_some_and(|status| status == "ok")
            && replica.get("flags").is_some_and(|flags| flags == "slave")
    };
    replicas.is_ok_and(|replicas| replicas.iter().any(follows))
}

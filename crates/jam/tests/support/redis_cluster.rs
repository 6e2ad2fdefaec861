//! A cluster of three primaries, of which the first has a replica.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use jam::store::{RedisOptions, RedisServers};

use super::redis_server::RedisServer;

const PATIENCE: Duration = Duration::from_secs(30);

const SLOTS: u16 = 16_384;

/// What the servers ask for.
pub const PASSWORD: &str = "of-the-cluster";

pub struct RedisCluster {
    /// Three primaries, then the replica of the first.
    pub servers: Vec<RedisServer>,
}

impl RedisCluster {
    pub fn start() -> Self {
        let cluster = Self { servers: (0..4).map(|_| node()).collect() };
        cluster.join();
        cluster
    }

    /// One more server, which has no slots.
    pub fn add_server(&mut self) -> usize {
        self.servers.push(node());
        self.meet(self.servers.len() - 1);
        self.wait("server more", |cluster| cluster.everybody_knows(cluster.servers.len()));
        self.servers.len() - 1
    }

    pub fn options(&self) -> RedisOptions {
        // One of them is enough: it tells of the others.
        let url = format!("redis://:{PASSWORD}@127.0.0.1:{}", self.servers[0].port());
        RedisOptions { servers: RedisServers::Cluster(vec![url.into()]), ..RedisOptions::default() }
    }

    /// Begins to move a slot: its keys are still where they were.
    pub fn begin_to_move_slot(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        self.ask(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &self.id(from)]);
        self.ask(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &self.id(to)]);
    }

    /// Moves a slot with all its keys, a few keys at a time.
    pub fn move_slot(&self, slot: u16, from: usize, to: usize) {
        self.begin_to_move_slot(slot, from, to);
        let (slot, target) = (slot.to_string(), self.id(to));
        let port = self.servers[to].port().to_string();
        loop {
            let keys: Vec<String> = self.query(from, &["CLUSTER", "GETKEYSINSLOT", &slot, "3"]).unwrap();
            if keys.is_empty() {
                break;
            }
            let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "AUTH", PASSWORD, "KEYS"];
            migrate.extend(keys.iter().map(String::as_str));
            self.ask(from, &migrate);
            std::thread::sleep(Duration::from_millis(2));
        }
        for place in [to, from] {
            self.ask(place, &["CLUSTER", "SETSLOT", &slot, "NODE", &target]);
        }
    }

    /// The slots of the first primary begin here, those of the second end before there.
    pub fn slots_of(place: u16) -> std::ops::Range<u16> {
        let third = SLOTS / 3 + 1;
        place * third..SLOTS.min((place + 1) * third)
    }

    pub fn query<T: redis::FromRedisValue>(&self, place: usize, parts: &[&str]) -> redis::RedisResult<T> {
        self.servers[place].query_as(PASSWORD, parts)
    }

    pub fn wait(&self, what: &str, is_there: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_there(self) {
            assert!(Instant::now() < deadline, "there is no {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn join(&self) {
        for place in 0..3 {
            let slots: Vec<String> = Self::slots_of(place).map(|slot| slot.to_string()).collect();
            let mut command = vec!["CLUSTER", "ADDSLOTS"];
            command.extend(slots.iter().map(String::as_str));
            self.ask(place.into(), &command);
            self.ask(place.into(), &["CLUSTER", "SET-CONFIG-EPOCH", &(place + 1).to_string()]);
        }
        for place in 1..self.servers.len() {
            self.meet(place);
        }
        self.wait("cluster that knows itself", |cluster| cluster.everybody_knows(4));
        self.ask(3, &["CLUSTER", "REPLICATE", &self.id(0)]);
        self.wait("cluster that is up", |cluster| {
            cluster.everybody_knows(4)
                && (0..4).all(|place| cluster.has_replica(place))
                && cluster
                    .info(3, "replication")
                    .get("master_link_status")
                    .is_some_and(|status| status == "up")
        });
    }

    /// Whether a server knows of the replica.
    fn has_replica(&self, place: usize) -> bool {
        let nodes: String = self.query(place, &["CLUSTER", "NODES"]).unwrap_or_default();
        nodes.contains(&format!("slave {}", self.id(0)))
    }

    fn meet(&self, place: usize) {
        self.ask(place, &["CLUSTER", "MEET", "127.0.0.1", &self.servers[0].port().to_string()]);
    }

    /// Whether all servers say that all slots are served, by a cluster of so many.
    pub fn everybody_knows(&self, count: usize) -> bool {
        (0..self.servers.len()).all(|place| {
            let state: String = self.query(place, &["CLUSTER", "INFO"]).unwrap_or_default();
            state.contains("cluster_state:ok") && state.contains(&format!("cluster_known_nodes:{count}\r\n"))
        })
    }

    pub fn info(&self, place: usize, section: &str) -> HashMap<String, String> {
        let text: String = self.query(place, &["INFO", section]).unwrap_or_default();
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn id(&self, place: usize) -> String {
        self.query(place, &["CLUSTER", "MYID"]).unwrap()
    }

    pub fn ask(&self, place: usize, parts: &[&str]) {
        self.query::<redis::Value>(place, parts).unwrap();
    }
}

fn node() -> RedisServer {
    let arguments = [
        "--cluster-enabled",
        "yes",
        "--cluster-node-timeout",
        "1500",
        "--requirepass",
        PASSWORD,
        "--masterauth",
        PASSWORD,
        "--repl-diskless-sync-delay",
        "0",
        // A server that is killed comes back with what it has acknowledged.
        "--save",
        "",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ];
    RedisServer::start_in(tempfile::tempdir().unwrap(), free_port, &arguments)
}

/// A port such that the one ten thousand higher, over which the servers of a cluster talk, is free as well.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 8_000).unwrap();
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 8_000;
        if [port, port + 10_000].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            return port;
        }
    }
}

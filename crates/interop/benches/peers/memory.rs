//! How much memory a client of Redis takes for each task that waits for an answer, and for each connection that is idle.
//!
//! Each client is measured in a process of its own, by what the system gave it: in this one there is room left over from before.

use std::pin::Pin;
use std::process::Command;
use std::time::Duration;

use jam::aio::Jam;
use redis::AsyncCommands;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use tower_sessions_core::SessionStore;
use tower_sessions_redis_store::RedisStore;

use crate::redis_server::RedisServer;
use crate::sessions::{new_record, pool};

/// Has this program measure one client.
pub(crate) const ARGUMENT: &str = "--memory";

const CLIENTS: [&str; 3] = ["jam", "redis-rs", "tower-sessions"];
const TASKS: usize = 10_000;
const CONNECTIONS: usize = 200;

type Read = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// For each client the bytes of a waiting task and of an idle connection; nothing where the system does not tell.
pub(crate) fn of_all(server: &RedisServer) -> Value {
    if resident().is_none() {
        return json!({});
    }
    let program = std::env::current_exe().unwrap();
    let measured = CLIENTS.iter().map(|client| {
        let output = Command::new(&program).args([ARGUMENT, client, &server.url()]).output().unwrap();
        ((*client).to_owned(), serde_json::from_slice(&output.stdout).unwrap())
    });
    Value::Object(Map::from_iter(measured))
}

/// Both numbers of one client.
pub(crate) fn measure(client: &str, url: &str) -> Value {
    Runtime::new().unwrap().block_on(async {
        let read = opened(client, url).await;
        let idle = of_idle_connection(client, url).await;
        json!({"idle connection": idle, "waiting task": of_waiting_task(read, url).await})
    })
}

async fn of_idle_connection(client: &str, url: &str) -> f64 {
    let before = resident().unwrap();
    let mut open = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        open.push(opened(client, url).await);
    }
    (resident().unwrap() - before) / CONNECTIONS as f64
}

/// Holds the server still while so many tasks ask it.
async fn of_waiting_task(read: Read, url: &str) -> f64 {
    let information: String = redis::cmd("INFO")
        .arg("server")
        .query(&mut redis::Client::open(url).unwrap().get_connection().unwrap())
        .unwrap();
    let process = information.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap().trim();
    let signal = |name| assert!(Command::new("kill").args([name, process]).status().unwrap().success());
    let before = resident().unwrap();
    signal("-STOP");
    let waiting: Vec<_> = (0..TASKS).map(|_| tokio::spawn(read())).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let after = resident().unwrap();
    let all_wait = waiting.iter().all(|task| !task.is_finished());
    signal("-CONT");
    for task in waiting {
        task.await.unwrap();
    }
    assert!(all_wait, "a task did not wait");
    (after - before) / TASKS as f64
}

/// A client with one connection that has been used, as a call that reads.
async fn opened(client: &str, url: &str) -> Read {
    let data = json!({"user_id": 1});
    let read: Read = match client {
        "jam" => {
            let keys = json!({"session_type": "redis", "redis_uri": url, "redis_response_timeout": 60});
            let jam = Jam::from_value(json!({"session": keys})).unwrap();
            let id = jam.session_create("user", &data).await.unwrap();
            Box::new(move || {
                let (jam, id) = (jam.clone(), id.clone());
                Box::pin(async move { drop(jam.session_get(&id).await.unwrap()) })
            })
        }
        "redis-rs" => {
            let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
            let client = redis::Client::open(url).unwrap();
            let plain = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
            Box::new(move || {
                let mut plain = plain.clone();
                Box::pin(async move { drop(plain.get::<_, Option<Vec<u8>>>("plain").await.unwrap()) })
            })
        }
        _ => {
            let store = RedisStore::new(pool(url, 1).await);
            let mut record = new_record(&data);
            store.create(&mut record).await.unwrap();
            let id = record.id;
            Box::new(move || {
                let store = store.clone();
                Box::pin(async move { drop(store.load(&id).await.unwrap()) })
            })
        }
    };
    read().await;
    read
}

/// The bytes of memory that this process has, where Linux tells it.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok().map(|kilobytes| kilobytes * 1024.0)
}

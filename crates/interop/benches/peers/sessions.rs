//! Sessions on Redis against other clients of the same server, with more and more tasks at the same time. redis-rs does no more than a
//! GET of the data, or a SET with an expiry; Jam hashes the id, keeps an index of each owner's sessions and reads the data.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use jam::aio::Jam;
use jam_interop::{Bench, Call, Load, Turn};
use redis::AsyncCommands;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use tokio::runtime::Runtime;
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};

use crate::memory;
use crate::redis_server::RedisServer;

/// For each number of tasks: the operations of a turn, and the turns of a round.
const LOADS: [(usize, usize, usize); 4] = [(1, 150, 5), (16, 1_600, 3), (256, 5_120, 2), (2_048, 8_192, 1)];

const LIFETIME: u64 = 3_600;
const OWNERS: usize = 1_000;

/// Seconds after which a client gives up: a busy machine is no reason to.
const PATIENCE: u64 = 60;

/// As many as the store's own example has.
const POOL: usize = 6;

type Operation = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Measures both operations under each load; then gives the memory that the clients take.
pub(crate) fn on_redis(bench: &mut Bench) -> Option<Value> {
    if !bench.wants("sessions") || bench.is_counting(2 * LOADS.len()) {
        return None;
    }
    let (server, runtime) = (RedisServer::start(), Runtime::new().unwrap());
    let [get, create] = runtime.block_on(operations(&server.url()));
    for (title, operations) in [("session_get", get), ("session_create", create)] {
        for (tasks, count, turns) in LOADS {
            let contestants = operations.iter().map(|(name, operation)| {
                let turn = || in_tasks(&runtime, operation, tasks, count);
                (*name, Box::new(turn) as Call<'_, Turn>)
            });
            bench.load("sessions", Load { title, tasks, turns, contestants: contestants.collect() });
        }
    }
    Some(memory::of_all(&server))
}

/// What reads and what creates, by client.
async fn operations(url: &str) -> [Vec<(&'static str, Operation)>; 2] {
    let data = json!({"user_id": 1, "role": "admin"});
    let text = data.to_string().into_bytes();
    let keys = json!({
        "session_type": "redis", "redis_uri": url, "default_ttl": LIFETIME, "redis_response_timeout": PATIENCE,
    });
    let jam = Jam::from_value(json!({"session": keys})).unwrap();
    let session_id: Arc<str> = jam.session_create("user", &data).await.unwrap().into();
    let client = redis::Client::open(url).unwrap();
    let patience = redis::AsyncConnectionConfig::new()
        .set_response_timeout(Some(std::time::Duration::from_secs(PATIENCE)));
    let mut plain = client.get_multiplexed_async_connection_with_config(&patience).await.unwrap();
    let () = plain.set("plain", &text).await.unwrap();
    let pool = pool(url, POOL).await;
    let store = RedisStore::new(pool);
    let mut record = new_record(&data);
    store.create(&mut record).await.unwrap();
    let id = record.id;

    let (jam_, plain_, store_) = (jam.clone(), plain.clone(), store.clone());
    let get: Vec<(_, Operation)> = vec![
        (
            "jam",
            operation(move || {
                let (jam, id) = (jam_.clone(), Arc::clone(&session_id));
                async move { assert!(jam.session_get(&id).await.unwrap().is_some()) }
            }),
        ),
        (
            "redis-rs",
            operation(move || {
                let mut plain = plain_.clone();
                async move { assert!(plain.get::<_, Option<Vec<u8>>>("plain").await.unwrap().is_some()) }
            }),
        ),
        (
            "tower-sessions",
            operation(move || {
                let store = store_.clone();
                async move { assert!(store.load(&id).await.unwrap().is_some()) }
            }),
        ),
    ];
    let owner = AtomicUsize::new(0);
    let (for_jam, for_tower) = (data.clone(), data);
    let create: Vec<(_, Operation)> = vec![
        (
            "jam",
            operation(move || {
                let (jam, data) = (jam.clone(), for_jam.clone());
                let owner = format!("user {}", owner.fetch_add(1, Ordering::Relaxed) % OWNERS);
                async move { drop(jam.session_create(&owner, &data).await.unwrap()) }
            }),
        ),
        (
            "redis-rs",
            operation(move || {
                let (mut plain, text, id) = (plain.clone(), text.clone(), Id::default().to_string());
                async move { plain.set_ex(id, text, LIFETIME).await.unwrap() }
            }),
        ),
        (
            "tower-sessions",
            operation(move || {
                let (store, mut record) = (store.clone(), new_record(&for_tower));
                async move { store.create(&mut record).await.unwrap() }
            }),
        ),
    ];
    [get, create]
}

/// The connections of tower-sessions' store.
pub(crate) async fn pool(url: &str, connections: usize) -> Pool {
    let pool = Pool::new(Config::from_url(url).unwrap(), None, None, None, connections).unwrap();
    pool.init().await.unwrap();
    pool
}

/// A session as tower-sessions has it.
pub(crate) fn new_record(data: &Value) -> Record {
    let data = data.as_object().unwrap().clone().into_iter().collect();
    let expiry_date = OffsetDateTime::now_utc() + Duration::seconds(LIFETIME as i64);
    Record { id: Id::default(), data, expiry_date }
}

fn operation<F: Future<Output = ()> + Send + 'static>(
    call: impl Fn() -> F + Send + Sync + 'static,
) -> Operation {
    Arc::new(move || Box::pin(call()))
}

/// Does the operation `count` times in so many tasks.
fn in_tasks(runtime: &Runtime, operation: &Operation, tasks: usize, count: usize) -> Turn {
    let each = count / tasks;
    runtime.block_on(async {
        let start = Instant::now();
        let working: Vec<_> = (0..tasks)
            .map(|_| {
                let operation = Arc::clone(operation);
                tokio::spawn(async move {
                    let mut latencies = Vec::with_capacity(each);
                    for _ in 0..each {
                        let start = Instant::now();
                        operation().await;
                        latencies.push(start.elapsed().as_secs_f64());
                    }
                    latencies
                })
            })
            .collect();
        let mut latencies = Vec::with_capacity(count);
        for task in working {
            latencies.extend(task.await.unwrap());
        }
        Turn { seconds: start.elapsed().as_secs_f64() / count as f64, latencies }
    })
}

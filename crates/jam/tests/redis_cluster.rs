//! The Redis stores in a cluster: where keys go, and what becomes of them while slots move and servers fail.

#![allow(clippy::unwrap_used)] // a check that cannot go on fails

mod support;

use std::sync::Arc;
use std::time::Duration;

use jam::StoreError;
use jam::store::{AsyncStore, Key, Lifetime, RedisOptions, RedisServers, Renamed};
use support::load::Load;
use support::redis_cluster::{PASSWORD, RedisCluster};
use support::redis_server::RedisServer;
use support::redis_stores::{FOREVER, PATIENCE, faces, hurried, key, now, refusal, store_error};

fn owned(owner: &str, id: &str) -> Key {
    Key { group: Some(owner.to_owned()), id: id.to_owned() }
}

/// The slot of an owner, and which of the three primaries has it at first.
fn place_of(cluster: &RedisCluster, owner: &str) -> (u16, usize) {
    let slot: u16 = cluster.query(0, &["CLUSTER", "KEYSLOT", &format!("{{{owner}}}")]).unwrap();
    let place = (0..3).find(|place| RedisCluster::slots_of(*place).contains(&slot)).unwrap();
    (slot, place.into())
}

/// Owners such that each of the three primaries has one.
fn one_owner_each(cluster: &RedisCluster) -> [String; 3] {
    [0, 1, 2].map(|place| {
        let mut owners = (0..).map(|number| format!("owner{number}"));
        owners.find(|owner| place_of(cluster, owner).1 == place).unwrap()
    })
}

async fn until_it_works(store: &dyn AsyncStore, key: &Key) {
    let attempts = async {
        while store.put(key, b"v", FOREVER, now()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, attempts).await.expect("the store recovers by itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_one_command_to_the_server_that_has_the_key() {
    let cluster = RedisCluster::start();
    let calls = |command: &str| -> u64 {
        let calls_at = |place| -> u64 {
            let statistics: String = cluster.query(place, &["INFO", "commandstats"]).unwrap();
            let calls = statistics.split(&format!("cmdstat_{command}:calls=")).nth(1).unwrap_or("0,");
            calls.split(',').next().unwrap().parse().unwrap()
        };
        (0..3).map(calls_at).sum()
    };
    for (number, store) in faces(&cluster.options()).into_iter().enumerate() {
        let owners = one_owner_each(&cluster);
        for owner in &owners {
            // Now the servers, and their scripts, are known.
            store.put(&owned(owner, "first"), b"v", FOREVER, now()).await.unwrap();
            store.touch(&owned(owner, "first"), now()).await.unwrap();
            store.list(owner, now()).await.unwrap();
        }
        let (scripts, reads) = (calls("evalsha"), calls("get"));
        for owner in &owners {
            let (one, other) = (owned(owner, &format!("{number}a")), owned(owner, &format!("{number}b")));
            store.insert(&one, b"v", b"", FOREVER, now()).await.unwrap();
            store.put(&other, b"v", FOREVER, now()).await.unwrap();
            store.delete(&other, now()).await.unwrap();
            assert_eq!(store.rename(&one, &other, None, now()).await.unwrap(), Renamed::Moved);
            assert!(store.get(&other, now()).await.unwrap().is_some());
            assert_eq!(store.list(owner, now()).await.unwrap().len(), 2 + number);
        }
        // The script of a renaming comes along with the first one.
        let with_code = calls("eval");
        assert_eq!(calls("evalsha"), scripts + 15);
        assert_eq!(calls("get"), reads + 3);
        assert!(with_code <= 30);
    }
    for place in 0..3 {
        let errors = cluster.info(place, "errorstats");
        assert!(!errors.contains_key("errorstat_MOVED"), "{errors:?}");
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 10)]
async fn slots_that_move_under_load_lose_nothing() {
    let mut cluster = RedisCluster::start();
    let newcomer = cluster.add_server();
    let load = Load::start(&faces(&cluster.options()));
    load.goes_on(200).await;
    // The slots of some of the writers' owners: to another server, to one that has none yet, and back.
    for owner in 0..12 {
        let (slot, from) = place_of(&cluster, &format!("owner{owner}"));
        let to = if owner % 2 == 0 { newcomer } else { (from + 1) % 3 };
        tokio::task::block_in_place(|| cluster.move_slot(slot, from, to));
        load.goes_on(20).await;
        // Not the first one, for a server that gives its last slot away becomes a replica.
        if owner % 3 == 1 {
            tokio::task::block_in_place(|| cluster.move_slot(slot, to, from));
        }
    }
    load.goes_on(200).await;
    let toll = load.stop().await;
    assert_eq!((toll.lost, toll.failed), (0, 0), "{toll:?}");
}

// attack 62, 64
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_cleared_while_its_slot_moves_stays_cleared() {
    let cluster = RedisCluster::start();
    let (slot, from) = place_of(&cluster, "g");
    let mut here = from;
    for store in faces(&cluster.options()) {
        for round in 0..3 {
            for id in 0..60 {
                store.put(&key(&id.to_string()), b"v", FOREVER, now()).await.unwrap();
            }
            let there = (here + 1) % 3;
            let (cleared, listed) = std::thread::scope(|threads| {
                let moving = threads.spawn(|| cluster.move_slot(slot, here, there));
                let runtime = tokio::runtime::Handle::current();
                let seen = tokio::task::block_in_place(|| {
                    runtime.block_on(async {
                        tokio::time::sleep(Duration::from_millis(10 * round)).await;
                        (store.clear("g", None, now()).await, store.list("g", now()).await)
                    })
                });
                moving.join().unwrap();
                seen
            });
            cleared.unwrap();
            assert_eq!(listed.unwrap(), [], "round {round}");
            for place in 0..3 {
                let left: Vec<String> = cluster.query(place, &["KEYS", "*"]).unwrap();
                assert!(left.iter().all(|name| !name.contains("{g}")), "{left:?}");
            }
            here = there;
        }
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 10)]
async fn a_fail_over_that_is_asked_for_loses_nothing() {
    let cluster = RedisCluster::start();
    let load = Load::start(&faces(&cluster.options()));
    load.goes_on(300).await;
    // A replica that is told to take over waits until it has everything.
    cluster.ask(3, &["CLUSTER", "FAILOVER"]);
    cluster.wait("replica that has taken over", |cluster| {
        cluster.info(3, "replication").get("role").is_some_and(|role| role == "master")
    });
    load.goes_on(300).await;
    let toll = load.stop().await;
    assert_eq!(toll.lost, 0, "{toll:?}");
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 10)]
async fn a_server_that_is_killed_comes_back_with_what_it_has_acknowledged() {
    let mut cluster = RedisCluster::start();
    let load = Load::start(&faces(&hurried(cluster.options())));
    load.goes_on(300).await;
    // It has no replica, and writes to its disk before it acknowledges.
    cluster.servers[2].kill();
    tokio::time::sleep(Duration::from_millis(300)).await;
    cluster.servers[2].restart();
    cluster.wait("cluster that is up again", |cluster| cluster.everybody_knows(4));
    load.goes_on(300).await;
    let toll = load.stop().await;
    assert_eq!(toll.lost, 0, "{toll:?}");
    assert!(toll.failed > 0, "{toll:?}");
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_replaced_and_does_not_hold_up_the_others() {
    let cluster = RedisCluster::start();
    let [paused, healthy, _] = one_owner_each(&cluster);
    let options = RedisOptions {
        // Others than the one that hangs are named, and it first.
        servers: RedisServers::Cluster(
            cluster
                .servers
                .iter()
                .map(|server| format!("redis://:{PASSWORD}@127.0.0.1:{}", server.port()).into())
                .collect(),
        ),
        ..hurried(cluster.options())
    };
    let stores = faces(&options);
    for store in &stores {
        store.put(&owned(&paused, "a"), b"v", FOREVER, now()).await.unwrap();
        store.put(&owned(&healthy, "a"), b"v", FOREVER, now()).await.unwrap();
    }
    // A server that hangs loses what its replica does not have.
    cluster.wait("replica that has everything", |cluster| {
        let keys = |place: usize| cluster.query::<u64>(place, &["DBSIZE"]).unwrap();
        keys(0) == keys(3)
    });
    cluster.servers[0].pause();
    for store in &stores {
        let failed = tokio::time::timeout(PATIENCE, store.get(&owned(&paused, "a"), now())).await.unwrap();
        assert!(matches!(store_error(failed), StoreError::TimedOut(_) | StoreError::Unavailable(_)));
        assert!(store.get(&owned(&healthy, "a"), now()).await.unwrap().is_some());
    }
    // A new store, too, finds its way around it; but for a moment, in which the cluster takes itself for down.
    for store in faces(&options) {
        until_it_works(&*store, &owned(&healthy, "b")).await;
    }
    // Its replica takes over.
    for store in &stores {
        until_it_works(&**store, &owned(&paused, "b")).await;
        assert!(store.get(&owned(&paused, "a"), now()).await.unwrap().is_some());
    }
    cluster.servers[0].resume();
    cluster.wait("old primary that follows", |cluster| {
        cluster.info(0, "replication").get("role").is_some_and(|role| role == "slave")
    });
    for store in &stores {
        until_it_works(&**store, &owned(&paused, "b")).await;
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_refuses_in_clear_words_and_the_others_do_not() {
    let cluster = RedisCluster::start();
    let [full, other, _] = one_owner_each(&cluster);
    for store in faces(&cluster.options()) {
        store.put(&owned(&full, "a"), b"v", FOREVER, now()).await.unwrap();
        cluster.ask(0, &["CONFIG", "SET", "maxmemory", "1"]);
        let reason = refusal(store.put(&owned(&full, "b"), b"v", FOREVER, now()).await);
        assert!(reason.contains("OOM") && reason.contains("maxmemory"), "{reason}");
        let many = [(owned(&other, "b"), vec![], FOREVER), (owned(&full, "b"), vec![], FOREVER)];
        let reason = refusal(store.put_many(&many, now()).await);
        assert!(reason.contains("OOM"), "{reason}");
        store.put(&owned(&other, "a"), b"v", FOREVER, now()).await.unwrap();
        assert!(store.get(&owned(&full, "a"), now()).await.unwrap().is_some());
        cluster.ask(0, &["CONFIG", "SET", "maxmemory", "0"]);
        store.put(&owned(&full, "b"), b"v", FOREVER, now()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_values_find_their_servers_whatever_happens_meanwhile() {
    let cluster = RedisCluster::start();
    let day = Lifetime { idle: Some(Duration::from_secs(86_400)), deadline: None };
    for (number, store) in faces(&cluster.options()).into_iter().enumerate() {
        let entries: Vec<_> = (0..300)
            .map(|id| {
                let id = format!("{number}-{id}");
                let group = (id.len() % 2 == 0).then(|| format!("owner{}", id.len()));
                (Key { group, id: id.clone() }, id.into_bytes(), day)
            })
            .collect();
        store.put_many(&entries, now()).await.unwrap();
        for place in 0..3 {
            cluster.ask(place, &["SCRIPT", "FLUSH"]);
        }
        // The store does not know yet.
        let (slot, from) = place_of(&cluster, &entries[0].0.id);
        cluster.move_slot(slot, from, (from + 1) % 3);
        store.put_many(&entries, now()).await.unwrap();
        for (key, value, _) in &entries {
            assert_eq!(store.get(key, now()).await.unwrap().as_ref(), Some(value));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_answer_what_is_read_and_the_primary_what_they_do_not_have() {
    let mut cluster = RedisCluster::start();
    let [owner, ..] = one_owner_each(&cluster);
    let calls_of_get = |cluster: &RedisCluster, place: usize| -> u64 {
        let statistics = cluster.info(place, "commandstats");
        let calls = statistics.get("cmdstat_get").and_then(|get| get.strip_prefix("calls=")).unwrap_or("0,");
        calls.split(',').next().unwrap().parse().unwrap()
    };
    // A replica is told of once it has got something.
    cluster.ask(0, &["SET", &format!("{{{owner}}}"), "v"]);
    cluster.wait("replica that is told of", |cluster| {
        let slots: redis::Value = cluster.query(0, &["CLUSTER", "SLOTS"]).unwrap();
        format!("{slots:?}").contains(&cluster.servers[3].port().to_string())
    });
    let options = RedisOptions { read_from_replicas: true, ..hurried(cluster.options()) };
    let stores = faces(&options);
    for (number, store) in stores.iter().enumerate() {
        let (at_primary, at_replica) = (calls_of_get(&cluster, 0), calls_of_get(&cluster, 3));
        for id in 0..50 {
            let key = owned(&owner, &format!("{number}-{id}"));
            store.put(&key, b"v", FOREVER, now()).await.unwrap();
            // Whether or not the replica has it yet.
            assert!(store.get(&key, now()).await.unwrap().is_some());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        for id in 0..50 {
            let key = owned(&owner, &format!("{number}-{id}"));
            assert!(store.get(&key, now()).await.unwrap().is_some());
        }
        assert!(calls_of_get(&cluster, 3) >= at_replica + 90);
        assert!(calls_of_get(&cluster, 0) <= at_primary + 60);
    }
    cluster.servers[3].kill();
    for store in &stores {
        for _ in 0..3 {
            assert!(store.get(&owned(&owner, "0-0"), now()).await.unwrap().is_some(), "the primary is there");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_taken_for_a_cluster_and_a_cluster_for_one_server_are_told_apart() {
    let server = RedisServer::start();
    let options =
        RedisOptions { servers: RedisServers::Cluster(vec![server.url().into()]), ..RedisOptions::default() };
    for store in faces(&options) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("no cluster"), "{reason}");
    }
    let cluster = RedisCluster::start();
    let url = format!("redis://:{PASSWORD}@127.0.0.1:{}/1", cluster.servers[0].port());
    let options =
        RedisOptions { servers: RedisServers::Cluster(vec![url.into()]), ..RedisOptions::default() };
    for store in faces(&options) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("no databases"), "{reason}");
    }
    let [_, owner, _] = one_owner_each(&cluster);
    let url = format!("redis://:{PASSWORD}@127.0.0.1:{}", cluster.servers[0].port());
    let options = RedisOptions { servers: RedisServers::Single(url.into()), ..RedisOptions::default() };
    for store in faces(&options) {
        let reason = refusal(store.get(&owned(&owner, "a"), now()).await);
        assert!(reason.contains("cluster"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_needs_the_rights_in_the_guide() {
    let cluster = RedisCluster::start();
    let guide = include_str!("../../../docs/redis.md");
    let rights = guide.split("ACL SETUSER jam on >PASSWORD ").nth(1).unwrap().lines().next().unwrap();
    assert!(
        guide.contains("in a cluster `+cluster|slots +asking`, and `+readonly` if replicas are read from")
    );
    let more = ["+cluster|slots", "+asking", "+readonly"];
    for place in 0..4 {
        let user = ["ACL", "SETUSER", "jam", "on", ">opensesame"].into_iter();
        let command: Vec<&str> = user.chain(rights.split_whitespace()).chain(more).collect();
        cluster.ask(place, &command);
    }
    let url = format!("redis://jam:opensesame@127.0.0.1:{}", cluster.servers[0].port());
    let options = RedisOptions {
        servers: RedisServers::Cluster(vec![url.into()]),
        read_from_replicas: true,
        ..RedisOptions::default()
    };
    for (number, store) in faces(&options).into_iter().enumerate() {
        let owner = format!("owner{number}");
        let (one, other) = (owned(&owner, "a"), owned(&owner, "b"));
        store.put_many(&[(one.clone(), vec![], FOREVER)], now()).await.unwrap();
        let (slot, from) = place_of(&cluster, &owner);
        tokio::task::block_in_place(|| cluster.move_slot(slot, from, (from + 1) % 3));
        assert_eq!(store.rename(&one, &other, None, now()).await.unwrap(), Renamed::Moved);
        assert!(store.touch(&other, now()).await.unwrap().is_some());
        assert_eq!(store.clear(&owner, None, now()).await.unwrap(), 1);
    }
}

// attack 61
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_reads_never_shift_the_answers_of_others() {
    let cluster = RedisCluster::start();
    let store = support::redis_stores::awaited(&cluster.options());
    let owner = |number: u64| owned(&format!("owner{number}"), &number.to_string());
    for number in 0..100 {
        store.put(&owner(number), number.to_string().repeat(50).as_bytes(), FOREVER, now()).await.unwrap();
    }
    for round in 0..10 {
        let readers: Vec<_> = (0..100)
            .map(|number| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let key = owner(number);
                    if number % 3 == 0 {
                        let patience = Duration::from_micros(number * round);
                        let _ = tokio::time::timeout(patience, store.get(&key, now())).await;
                        return;
                    }
                    let read = store.get(&key, now()).await.unwrap();
                    assert_eq!(read, Some(key.id.repeat(50).into_bytes()));
                })
            })
            .collect();
        for reader in readers {
            reader.await.unwrap();
        }
    }
}

//! Writers that go on whatever happens, and what became of that which they were told is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jam::store::{AsyncStore, Key};
use tokio::task::JoinHandle;

use super::redis_stores::{FOREVER, PATIENCE, now, store_error};

/// Owners enough to have keys in every part of a cluster.
const GROUPS: u64 = 48;

/// Writers per store.
const WRITERS: u64 = 4;

/// Writers that insert one value after another.
pub struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    writers: Vec<JoinHandle<(Vec<Key>, u64)>>,
    stores: Vec<Arc<dyn AsyncStore>>,
}

/// What the writers have seen.
#[derive(Debug)]
pub struct Toll {
    /// Writes that the store has said are done.
    pub acknowledged: usize,
    /// Writes that have failed, each with an error of the store.
    pub failed: u64,
    /// Acknowledged writes that are not there.
    pub lost: usize,
}

impl Load {
    /// Each store has writers of its own. A blocking store needs threads to block, so the runtime must have many.
    pub fn start(stores: &[Arc<dyn AsyncStore>]) -> Self {
        let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let mut writers = Vec::new();
        for (place, store) in stores.iter().enumerate() {
            for writer in 0..WRITERS {
                let name = format!("{place}-{writer}");
                writers.push(tokio::spawn(write(
                    Arc::clone(store),
                    name,
                    Arc::clone(&stop),
                    Arc::clone(&acknowledged),
                )));
            }
        }
        Self { stop, acknowledged, writers, stores: stores.to_vec() }
    }

    /// Waits until so many more writes are acknowledged.
    pub async fn goes_on(&self, more: u64) {
        let goal = self.acknowledged.load(Ordering::Relaxed) + more;
        let going = async {
            while self.acknowledged.load(Ordering::Relaxed) < goal {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, going).await.expect("writes are acknowledged again");
    }

    /// Stops the writers and looks for everything that they were told is done.
    pub async fn stop(mut self) -> Toll {
        self.stop.store(true, Ordering::Relaxed);
        let mut toll = Toll { acknowledged: 0, failed: 0, lost: 0 };
        for writer in std::mem::take(&mut self.writers) {
            let (written, failed) = writer.await.expect("a writer meets errors of the store only");
            toll.acknowledged += written.len();
            toll.failed += failed;
            for key in &written {
                let found = self.stores[0].get(key, now()).await.expect("everything is up again");
                toll.lost += usize::from(found.as_deref() != Some(key.id.as_bytes()));
            }
        }
        toll
    }
}

impl Drop for Load {
    /// A test that fails does not leave writers behind, for which its runtime would wait.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn write(
    store: Arc<dyn AsyncStore>,
    name: String,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
) -> (Vec<Key>, u64) {
    let (mut written, mut failed) = (Vec::new(), 0);
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let key = Key { group: Some(format!("owner{}", number % GROUPS)), id: format!("{name}-{number}") };
        let inserting = store.insert(&key, key.id.as_bytes(), b"", FOREVER, now());
        match tokio::time::timeout(PATIENCE, inserting).await.expect("a call ends within its time-outs") {
            Ok(true) => {
                written.push(key);
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            // It would have been written before: sent twice.
            Ok(false) => panic!("a write was done twice"),
            error => {
                store_error(error);
                failed += 1;
            }
        }
        // The servers and those that watch over them need some of the machine, too.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (written, failed)
}

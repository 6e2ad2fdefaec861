//! A blocking store behind the awaited trait, called in place: every check is written once for both faces.

use std::future::ready;
use std::sync::Arc;

use jam::Timestamp;
use jam::store::{AsyncStore, Entry, Exchange, Found, Key, Lifetime, Renamed, Replaced, Store, StoreFuture};

pub struct Blocking(pub Arc<dyn Store>);

impl AsyncStore for Blocking {
    fn get<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(ready(self.0.get(key, now)))
    }

    fn touch<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, Option<Found>> {
        Box::pin(ready(self.0.touch(key, now)))
    }

    fn put<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        life: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        Box::pin(ready(self.0.put(key, value, life, now)))
    }

    fn put_many<'a>(
        &'a self,
        entries: &'a [(Key, Vec<u8>, Lifetime)],
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        Box::pin(ready(self.0.put_many(entries, now)))
    }

    fn insert<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        note: &'a [u8],
        life: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.0.insert(key, value, note, life, now)))
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        expected: Option<&'a [u8]>,
        now: Timestamp,
    ) -> StoreFuture<'a, Replaced> {
        Box::pin(ready(self.0.replace(key, value, expected, now)))
    }

    fn rename<'a>(
        &'a self,
        from: &'a Key,
        to: &'a Key,
        exchange: Option<&'a Exchange>,
        now: Timestamp,
    ) -> StoreFuture<'a, Renamed> {
        Box::pin(ready(self.0.rename(from, to, exchange, now)))
    }

    fn delete<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.0.delete(key, now)))
    }

    fn clear<'a>(&'a self, group: &'a str, keep: Option<&'a str>, now: Timestamp) -> StoreFuture<'a, u64> {
        Box::pin(ready(self.0.clear(group, keep, now)))
    }

    fn list<'a>(&'a self, group: &'a str, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        Box::pin(ready(self.0.list(group, now)))
    }

    fn close(&self) {
        self.0.close();
    }
}

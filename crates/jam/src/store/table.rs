//! The rules of expiry, creation and exchange over a map in memory: what every method of a [`super::Store`] does,
//! without locks and files. The memory store and the JSON store both keep their values in it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Entry, Exchange, Found, Key, Lifetime, Renamed, Replaced};
use crate::Timestamp;

/// How many expired values one write removes at most: more than it can add, so that garbage shrinks, and few
/// enough that no single write pays for all of it.
const SWEPT_PER_WRITE: usize = 8;

/// A value with what decides about its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) value: Vec<u8>,
    pub(super) note: Vec<u8>,
    pub(super) created: Timestamp,
    pub(super) last_used: Timestamp,
    pub(super) lifetime: Lifetime,
}

impl Record {
    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.lifetime.expires(self.last_used)
    }

    pub(super) fn touch_is_due(&self, now: Timestamp) -> bool {
        self.lifetime.touch_is_due(self.last_used, now)
    }

    pub(super) fn found(&self) -> Found {
        Found {
            value: self.value.clone(),
            note: self.note.clone(),
            created: self.created,
            expires: self.expires(),
        }
    }

    fn is_live(&self, now: Timestamp) -> bool {
        self.expires().is_none_or(|expires| now < expires)
    }
}

/// The place of a value in the queue of expiry; the number tells apart what expires in one millisecond.
type Place = (Timestamp, u64);

#[derive(Clone, Debug)]
struct Slot {
    record: Record,
    /// Where the queue holds this value. A touch moves the expiry and not the place: the sweep that meets the
    /// place too early puts it where it belongs.
    place: Option<Place>,
}

type Slots = HashMap<Arc<str>, Slot>;

/// A map of keys to values that forgets what is expired.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// The values by group. A group without values has no entry.
    groups: HashMap<Arc<str>, Slots>,
    /// The values without a group.
    alone: Slots,
    queue: BTreeMap<Place, (Option<Arc<str>>, Arc<str>)>,
    next_number: u64,
}

impl Table {
    pub(super) fn get(&self, key: &Key, now: Timestamp) -> Option<&Record> {
        let slot = self.slots(key.group.as_deref())?.get(key.id.as_str())?;
        slot.record.is_live(now).then_some(&slot.record)
    }

    pub(super) fn touch(&mut self, key: &Key, now: Timestamp) -> Option<&Record> {
        let record = self.live(key, now)?;
        if record.touch_is_due(now) {
            record.last_used = now;
        }
        Some(record)
    }

    pub(super) fn put(&mut self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) {
        self.sweep(now);
        let created = self.get(key, now).map_or(now, |record| record.created);
        let (value, note) = (value.to_vec(), Vec::new());
        self.restore(key, Record { value, note, created, last_used: now, lifetime });
    }

    pub(super) fn insert(
        &mut self,
        key: &Key,
        value: &[u8],
        note: &[u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> bool {
        self.sweep(now);
        let absent = self.get(key, now).is_none();
        if absent {
            let (value, note) = (value.to_vec(), note.to_vec());
            self.restore(key, Record { value, note, created: now, last_used: now, lifetime });
        }
        absent
    }

    pub(super) fn replace(
        &mut self,
        key: &Key,
        value: &[u8],
        expected: Option<&[u8]>,
        now: Timestamp,
    ) -> Replaced {
        self.sweep(now);
        let Some(record) = self.live(key, now) else { return Replaced::Missing };
        if expected.is_some_and(|expected| !record.value.starts_with(expected)) {
            return Replaced::Conflict;
        }
        record.value = value.to_vec();
        record.last_used = now;
        Replaced::Done
    }

    pub(super) fn rename(
        &mut self,
        from: &Key,
        to: &Key,
        exchange: Option<&Exchange>,
        now: Timestamp,
    ) -> Renamed {
        self.sweep(now);
        let Some(record) = self.get(from, now) else { return Renamed::Missing };
        let was_changed = exchange.is_some_and(|exchange| !record.value.starts_with(&exchange.expected));
        if was_changed || self.get(to, now).is_some() {
            return Renamed::Conflict;
        }
        let Some(mut record) = self.remove(from) else { return Renamed::Missing };
        if let Some(exchange) = exchange {
            record.value.clone_from(&exchange.replacement);
            record.note.clone_from(&exchange.note);
        }
        record.last_used = now;
        self.restore(to, record);
        Renamed::Moved
    }

    pub(super) fn delete(&mut self, key: &Key, now: Timestamp) -> bool {
        self.remove(key).is_some_and(|record| record.is_live(now))
    }

    pub(super) fn clear(&mut self, group: &str, keep: Option<&str>, now: Timestamp) -> u64 {
        let mut slots = self.groups.remove(group).unwrap_or_default();
        if let Some((id, slot)) = keep.and_then(|keep| slots.remove_entry(keep)) {
            self.groups.insert(Arc::from(group), Slots::from([(id, slot)]));
        }
        let mut live = 0;
        for slot in slots.values() {
            if let Some(place) = slot.place {
                self.queue.remove(&place);
            }
            live += u64::from(slot.record.is_live(now));
        }
        live
    }

    pub(super) fn list(&self, group: &str, now: Timestamp) -> Vec<Entry> {
        let slots = self.slots(Some(group)).into_iter().flatten();
        let live = slots.filter(|(_, slot)| slot.record.is_live(now));
        let mut entries: Vec<Entry> = live
            .map(|(id, Slot { record, .. })| Entry {
                id: id.to_string(),
                note: record.note.clone(),
                created: record.created,
                last_used: Some(record.last_used),
                expires: record.expires(),
            })
            .collect();
        entries.sort_unstable_by(|left, right| (left.created, &left.id).cmp(&(right.created, &right.id)));
        entries
    }

    /// Puts a record back as it is, in place of what the key holds.
    pub(super) fn restore(&mut self, key: &Key, record: Record) {
        self.remove(key);
        let (group, id): (Option<Arc<str>>, Arc<str>) =
            (key.group.as_deref().map(Arc::from), Arc::from(key.id.as_str()));
        let place = record.expires().map(|expires| self.queue_up(expires, group.clone(), Arc::clone(&id)));
        let slots = match group {
            Some(group) => self.groups.entry(group).or_default(),
            None => &mut self.alone,
        };
        slots.insert(id, Slot { record, place });
    }

    /// All values of the map with their group and id, in no order, live or not.
    pub(super) fn records(&self) -> impl Iterator<Item = (Option<&str>, &str, &Record)> {
        let grouped = self.groups.iter().flat_map(|(group, slots)| {
            slots.iter().map(move |(id, slot)| (Some(&**group), &**id, &slot.record))
        });
        grouped.chain(self.alone.iter().map(|(id, slot)| (None, &**id, &slot.record)))
    }

    /// Removes everything that is expired.
    pub(super) fn purge(&mut self, now: Timestamp) {
        while self.sweep_one(now) {}
    }

    fn slots(&self, group: Option<&str>) -> Option<&Slots> {
        match group {
            Some(group) => self.groups.get(group),
            None => Some(&self.alone),
        }
    }

    fn slot_mut(&mut self, group: Option<&str>, id: &str) -> Option<&mut Slot> {
        match group {
            Some(group) => self.groups.get_mut(group)?.get_mut(id),
            None => self.alone.get_mut(id),
        }
    }

    fn live(&mut self, key: &Key, now: Timestamp) -> Option<&mut Record> {
        let slot = self.slot_mut(key.group.as_deref(), &key.id)?;
        slot.record.is_live(now).then_some(&mut slot.record)
    }

    fn remove(&mut self, key: &Key) -> Option<Record> {
        let slot = self.take(key.group.as_deref(), &key.id)?;
        if let Some(place) = slot.place {
            self.queue.remove(&place);
        }
        Some(slot.record)
    }

    /// Takes a value out of its group, and the group away with its last value.
    fn take(&mut self, group: Option<&str>, id: &str) -> Option<Slot> {
        let Some(group) = group else { return self.alone.remove(id) };
        let slots = self.groups.get_mut(group)?;
        let slot = slots.remove(id);
        if slots.is_empty() {
            self.groups.remove(group);
        }
        slot
    }

    fn queue_up(&mut self, expires: Timestamp, group: Option<Arc<str>>, id: Arc<str>) -> Place {
        let place = (expires, self.next_number);
        self.next_number = self.next_number.wrapping_add(1);
        self.queue.insert(place, (group, id));
        place
    }

    /// Removes a few of the expired values, the longest expired first.
    fn sweep(&mut self, now: Timestamp) {
        let mut left = SWEPT_PER_WRITE;
        while left > 0 && self.sweep_one(now) {
            left -= 1;
        }
    }

    fn sweep_one(&mut self, now: Timestamp) -> bool {
        let Some(first) = self.queue.first_entry().filter(|first| first.key().0 <= now) else { return false };
        let (group, id) = first.remove();
        self.settle(group, id, now);
        true
    }

    /// Decides about a value whose place in the queue has come: it goes, or was touched and queues up again.
    fn settle(&mut self, group: Option<Arc<str>>, id: Arc<str>, now: Timestamp) {
        let Some(slot) = self.slot_mut(group.as_deref(), &id) else { return };
        slot.place = None;
        if !slot.record.is_live(now) {
            self.take(group.as_deref(), &id);
        } else if let Some(expires) = slot.record.expires() {
            let place = self.queue_up(expires, group.clone(), Arc::clone(&id));
            if let Some(slot) = self.slot_mut(group.as_deref(), &id) {
                slot.place = Some(place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: Lifetime = Lifetime { idle: Some(Duration::from_secs(60)), deadline: None };

    fn key(number: u32) -> Key {
        Key { group: Some(format!("g{}", number % 7)), id: number.to_string() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn writes_remove_what_has_expired() {
        let mut table = Table::default();
        for number in 0..1_000 {
            table.put(&key(number), b"v", MINUTE, at(0));
        }
        assert_eq!(table.records().count(), 1_000);
        for number in 0..125 {
            table.put(&key(0), b"v", MINUTE, at(60 + number));
        }
        assert_eq!(table.records().count(), 1);
        assert_eq!(table.groups.len(), 1, "groups without values have no entry");
    }

    #[test]
    fn the_sweep_spares_what_was_touched() {
        let mut table = Table::default();
        table.put(&key(1), b"v", MINUTE, at(0));
        assert!(table.touch(&key(1), at(50)).is_some());
        table.put(&key(2), b"v", MINUTE, at(70));
        assert!(table.get(&key(1), at(109)).is_some());
        table.put(&key(2), b"v", MINUTE, at(110));
        assert_eq!(table.records().count(), 1);
    }

    #[test]
    fn the_queue_holds_one_place_for_each_value_that_expires() {
        let mut table = Table::default();
        for round in 0..100 {
            for number in 0..10 {
                table.put(&key(number), b"v", MINUTE, at(0));
                table.touch(&key(number), at(1));
                table.replace(&key(number), b"w", None, at(2));
                if (number + round) % 2 == 0 {
                    table.delete(&key(number), at(2));
                } else {
                    table.rename(&key(number), &key(number + 70), None, at(3));
                    table.rename(&key(number + 70), &key(number), None, at(3));
                }
            }
        }
        table.put(&key(100), b"v", Lifetime::default(), at(3));
        assert_eq!(table.queue.len(), table.records().count() - 1);
        for group in 0..7 {
            table.clear(&format!("g{group}"), None, at(3));
        }
        assert_eq!((table.queue.len(), table.records().count()), (0, 0));
    }
}

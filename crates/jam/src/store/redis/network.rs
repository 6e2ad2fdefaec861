//! Which servers there are, which of them has a key, and what a face keeps for each of them.

use std::time::{Duration, Instant};

use super::servers::{Address, Role, Servers, Target};

/// The slots of a cluster.
const SLOTS: usize = 16_384;

/// What stands in the place of a server for a slot that none has.
const NOBODY: u16 = u16::MAX;

/// So long no replica is asked after one has failed.
const REST: Duration = Duration::from_secs(1);

/// So long a layout is good for reading from replicas, as no error tells of those that have joined.
const GOOD_FOR: Duration = Duration::from_secs(60);

/// Which slots are where, as a server of the cluster tells it.
pub(super) struct Layout {
    pub(super) ranges: Vec<Range>,
    pub(super) told_by: Address,
}

/// Slots that lie next to each other and have the same servers.
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) primary: Address,
    pub(super) replicas: Vec<Address>,
}

/// The slot of a key: what stands between the first brace and the next closing one decides, if that is anything (Redis
/// Cluster specification, "Hash tags").
pub(super) fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|start| {
        let rest = &key[start + 1..];
        let length = rest.iter().position(|byte| *byte == b'}')?;
        (length > 0).then(|| &rest[..length])
    });
    crc16(tag.unwrap_or(key)) % SLOTS as u16
}

/// CRC-16/XMODEM, as the specification's appendix A has it. A module of the client has it too, but does not give it out.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// The servers that are known, with what is kept for each: connections.
pub(super) struct Network<T> {
    make: fn(&Target) -> T,
    servers: Vec<Known<T>>,
    /// For each slot the place of its primary in `servers`. Empty where the first server has all keys.
    slots: Vec<u16>,
    /// When the layout was taken over, and who has told it.
    arranged: Option<Instant>,
    told_by: Option<Address>,
}

struct Known<T> {
    target: Target,
    kept: T,
    /// Something went wrong there: who has its slots must be asked before it is used again.
    doubted: bool,
    /// The places of its replicas in `servers`, and whose turn it is.
    replicas: Vec<usize>,
    turn: usize,
    /// No replica is asked before then.
    resting_until: Option<Instant>,
}

impl<T> Network<T> {
    /// What is known before anything was asked.
    pub(super) fn new(servers: &Servers, make: fn(&Target) -> T) -> Self {
        let seeds = servers.seeds();
        let slots = if seeds.is_empty() { Vec::new() } else { vec![NOBODY; SLOTS] };
        let mut network = Self { make, servers: Vec::new(), slots, arranged: None, told_by: None };
        if seeds.is_empty() {
            let primary = network.place_of(&Target::Role(Role::Primary));
            if servers.read_from_replicas() {
                network.servers[primary].replicas = vec![network.place_of(&Target::Role(Role::Replica))];
            }
        }
        for seed in seeds {
            network.place_of(&Target::Node(seed.clone()));
        }
        network
    }

    /// The primary of a slot. `None`: the layout of the cluster must be asked for first.
    pub(super) fn primary(&mut self, slot: Option<u16>) -> Option<(&Target, &mut T)> {
        let place = self.primary_place(slot)?;
        let primary = self.servers.get_mut(place)?;
        (slot.is_none() || !primary.doubted).then_some((&primary.target, &mut primary.kept))
    }

    /// One of the slot's replicas, each in its turn; `None`: the primary is to be asked.
    pub(super) fn replica(&mut self, slot: Option<u16>) -> Option<(&Target, &T)> {
        let is_old = self.arranged.is_some_and(|arranged| arranged.elapsed() > GOOD_FOR);
        let primary = self.primary_place(slot)?;
        let primary = self.servers.get_mut(primary)?;
        if is_old {
            primary.doubted = true;
            return None;
        }
        if primary.resting_until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        primary.turn = primary.turn.wrapping_add(1);
        let replica = *primary.replicas.get(primary.turn.checked_rem(primary.replicas.len())?)?;
        self.servers.get(replica).map(|replica| (&replica.target, &replica.kept))
    }

    /// A replica of the slot has failed: for a while none is asked, and then perhaps others.
    pub(super) fn rest(&mut self, slot: Option<u16>) {
        if let Some(primary) = self.primary_place(slot).and_then(|place| self.servers.get_mut(place)) {
            primary.resting_until = Some(Instant::now() + REST);
            primary.doubted = true;
        }
    }

    /// What is kept for a server, if it is still one of these.
    pub(super) fn known(&mut self, target: &Target) -> Option<&mut T> {
        self.servers.iter_mut().find(|server| server.target == *target).map(|server| &mut server.kept)
    }

    /// What is kept for a server, which need not be known yet.
    pub(super) fn at(&mut self, target: &Target) -> &mut T {
        let place = self.place_of(target);
        &mut self.servers[place].kept
    }

    /// Starts anew with a server.
    pub(super) fn renew(&mut self, target: &Target) -> &T {
        let place = self.place_of(target);
        self.servers[place].kept = (self.make)(target);
        &self.servers[place].kept
    }

    /// Starts anew with a server at which something went wrong.
    pub(super) fn doubt(&mut self, target: &Target) {
        self.renew(target);
        let place = self.place_of(target);
        self.servers[place].doubted = true;
    }

    /// A server has told that a slot is at another one.
    pub(super) fn moved(&mut self, slot: u16, address: Address) {
        let place = self.place_of(&Target::Node(address));
        if let (Some(slot), Ok(place)) = (self.slots.get_mut(usize::from(slot)), u16::try_from(place)) {
            *slot = place;
        }
    }

    /// Takes over a layout. What is kept for servers that are in it stays.
    pub(super) fn arrange(&mut self, layout: &Layout) {
        self.arranged = Some(Instant::now());
        self.told_by = Some(layout.told_by.clone());
        let mut before = std::mem::take(&mut self.servers);
        self.slots = vec![NOBODY; SLOTS];
        for range in &layout.ranges {
            let primary = self.take_over(&range.primary, &mut before);
            let replicas =
                range.replicas.iter().map(|replica| self.take_over(replica, &mut before)).collect();
            self.servers[primary].replicas = replicas;
            let slots = self.slots.get_mut(usize::from(range.first)..=usize::from(range.last));
            if let (Some(slots), Ok(primary)) = (slots, u16::try_from(primary)) {
                slots.fill(primary);
            }
        }
    }

    /// The servers to be asked for the layout of a cluster, the best first: that which told it the last time, as others
    /// may hang; then those at which nothing went wrong.
    pub(super) fn witnesses(&self, servers: &Servers) -> Vec<Address> {
        let rank = |server: &&Known<T>| match &server.target {
            _ if server.doubted => 2,
            Target::Node(address) if self.told_by.as_ref() == Some(address) => 0,
            _ => 1,
        };
        let mut known: Vec<&Known<T>> = self.servers.iter().collect();
        known.sort_by_key(rank);
        let known = known.into_iter().filter_map(|server| match &server.target {
            Target::Node(address) => Some(address),
            Target::Role(_) => None,
        });
        let mut witnesses: Vec<Address> = Vec::new();
        for address in known.chain(servers.seeds()) {
            if !witnesses.contains(address) {
                witnesses.push(address.clone());
            }
        }
        witnesses
    }

    fn primary_place(&self, slot: Option<u16>) -> Option<usize> {
        match slot {
            Some(slot) => self.slots.get(usize::from(slot)).map(|place| usize::from(*place)),
            None => Some(0),
        }
    }

    fn place_of(&mut self, target: &Target) -> usize {
        let known = self.servers.iter().position(|server| server.target == *target);
        known.unwrap_or_else(|| {
            self.servers.push(Known {
                target: target.clone(),
                kept: (self.make)(target),
                doubted: false,
                replicas: Vec::new(),
                turn: 0,
                resting_until: None,
            });
            self.servers.len() - 1
        })
    }

    fn take_over(&mut self, address: &Address, before: &mut Vec<Known<T>>) -> usize {
        let target = Target::Node(address.clone());
        if let Some(place) = before.iter().position(|server| server.target == target) {
            let known = before.swap_remove(place);
            self.servers.push(Known { doubted: false, replicas: Vec::new(), ..known });
            return self.servers.len() - 1;
        }
        self.place_of(&target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        // The check value of CRC-16/XMODEM, and the examples of the specification.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"{user1000}.followers"));
        assert_eq!(slot_of(b"foo{}{bar}"), crc16(b"foo{}{bar}") % 16_384);
        assert_eq!(slot_of(b"foo{{bar}}zap"), slot_of(b"{bar"));
        assert_eq!(slot_of(b"foo{bar}{zap}"), slot_of(b"bar"));
        assert_eq!(slot_of(b""), 0);
    }
}

//! How many threads share a few connections: a thread takes a seat, with or without a connection in it, and gives it up
//! again. Who finds none waits in a line.

use std::collections::VecDeque;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::process;

/// A connection, if one was made for this seat.
type Seat<C> = Option<Box<C>>;

pub(super) struct Seats<C> {
    count: usize,
    state: Mutex<State<C>>,
}

struct State<C> {
    generation: u64,
    /// Those with the connections that were used last are at the end.
    free: VecDeque<Seat<C>>,
    /// Only those who wait have the other end, and all that is sent is sent under the lock.
    waiting: VecDeque<Sender<Seat<C>>>,
}

impl<C> State<C> {
    fn new(count: usize) -> Self {
        let free = (0..count).map(|_| None).collect();
        Self { generation: process::generation(), free, waiting: VecDeque::new() }
    }
}

/// A seat that is taken; it is given up when this is dropped.
pub(super) struct Taken<'a, C> {
    seats: &'a Seats<C>,
    generation: u64,
    /// The connection, to be left here if it is good for others.
    pub(super) connection: Seat<C>,
}

impl<C> Seats<C> {
    pub(super) fn new(count: usize) -> Self {
        Self { count, state: Mutex::new(State::new(count)) }
    }

    /// Takes a seat, one with a connection if there is one; `None`: others have kept all of them until then.
    pub(super) fn take(&self, until: Instant) -> Option<Taken<'_, C>> {
        let waiting = {
            let mut state = self.state();
            if let Some(seat) = state.free.pop_back() {
                return Some(self.taken(state.generation, seat));
            }
            let (sender, receiver) = channel();
            state.waiting.push_back(sender);
            (state.generation, receiver)
        };
        let (generation, receiver) = waiting;
        let left = until.saturating_duration_since(Instant::now());
        // One that comes at the last moment comes under the lock: it is here, or will never be.
        let seat = receiver.recv_timeout(left).ok().or_else(|| {
            let _state = self.state();
            receiver.try_recv().ok()
        });
        seat.map(|seat| self.taken(generation, seat))
    }

    /// Empties all seats that are free, and those that are taken when they are given up.
    pub(super) fn clear(&self) -> Vec<Box<C>> {
        self.state().free.iter_mut().filter_map(Option::take).collect()
    }

    fn taken(&self, generation: u64, connection: Seat<C>) -> Taken<'_, C> {
        Taken { seats: self, generation, connection }
    }

    fn give_up(&self, generation: u64, mut seat: Seat<C>) {
        let mut state = self.state();
        if state.generation != generation {
            return;
        }
        while let Some(first) = state.waiting.pop_front() {
            match first.send(seat) {
                Ok(()) => return,
                Err(unsent) => seat = unsent.0,
            }
        }
        match seat {
            Some(_) => state.free.push_back(seat),
            None => state.free.push_front(seat),
        }
    }

    fn state(&self) -> StateGuard<'_, C> {
        let busy = process::busy();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.generation != process::generation() {
            // They are the parent's. Closing a socket here leaves it open there, and nothing is said over it.
            *state = State::new(self.count);
        }
        StateGuard { state, _busy: busy }
    }
}

impl<C> Drop for Taken<'_, C> {
    fn drop(&mut self) {
        self.seats.give_up(self.generation, self.connection.take());
    }
}

/// The seats, locked, with forks held off.
struct StateGuard<'a, C> {
    state: MutexGuard<'a, State<C>>,
    _busy: process::Busy,
}

impl<C> std::ops::Deref for StateGuard<'_, C> {
    type Target = State<C>;

    fn deref(&self) -> &State<C> {
        &self.state
    }
}

impl<C> std::ops::DerefMut for StateGuard<'_, C> {
    fn deref_mut(&mut self) -> &mut State<C> {
        &mut self.state
    }
}

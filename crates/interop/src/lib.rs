//! Jam against other libraries: each reads what the other makes, and both are timed. The peers are dependencies of the tests
//! and benches alone; here is only what times them.
//!
//! A machine's speed drifts; a ratio of two times taken right after each other drifts far less. So every round times each
//! contestant in short turns, and ratios are taken within the round. `python/benches/measure.py` does the same for Python.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How many ratios the median is taken of.
pub const ROUNDS: usize = 9;

/// How often each contestant is timed in a round. The median counts.
const TURNS: usize = 61;

/// For how long a contestant runs in a turn: so short that other programs rarely get the processor within it.
const TURN: Duration = Duration::from_micros(500);

/// What is timed, called over and over.
pub type Contestant<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// A contestant: its name, and what it does. The result is kept from the optimizer.
pub fn contestant<'a, T>(name: &'static str, mut call: impl FnMut() -> T + 'a) -> Contestant<'a> {
    (name, Box::new(move || drop(black_box(call()))))
}

/// One operation, done by Jam and by its peers.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What is done.
    pub title: String,
    /// The seconds of one call, of each contestant in each round.
    pub seconds: BTreeMap<&'static str, Vec<f64>>,
    /// How many times as fast as a peer Jam is meant to be.
    pub target: BTreeMap<&'static str, f64>,
}

impl Comparison {
    /// Times the contestants in turn. Jam's is named `jam`.
    pub fn measure(title: impl Into<String>, mut contestants: Vec<Contestant<'_>>) -> Self {
        let counts: Vec<_> = contestants.iter_mut().map(|(_, call)| calls_per_turn(call)).collect();
        let mut seconds: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for _ in 0..ROUNDS {
            let mut turns = vec![Vec::new(); contestants.len()];
            for _ in 0..TURNS {
                for (((_, call), count), turns) in contestants.iter_mut().zip(&counts).zip(&mut turns) {
                    turns.push(time(call, *count).as_secs_f64() / f64::from(*count));
                }
            }
            for ((name, _), turns) in contestants.iter().zip(turns) {
                seconds.entry(*name).or_default().push(median(turns));
            }
        }
        Self { title: title.into(), seconds, target: BTreeMap::new() }
    }

    /// Sets how many times as fast as a peer Jam is meant to be.
    pub fn aim(mut self, peer: &'static str, factor: f64) -> Self {
        self.target.insert(peer, factor);
        self
    }

    /// How many times as fast as a peer Jam is: the median of the rounds.
    ///
    /// # Panics
    /// When there is no contestant of this name, or none named `jam`.
    pub fn ratio(&self, peer: &str) -> f64 {
        let rounds = self.seconds[peer].iter().zip(&self.seconds["jam"]);
        median(rounds.map(|(theirs, ours)| theirs / ours).collect())
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn time(call: &mut Box<dyn FnMut() + '_>, count: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        call();
    }
    start.elapsed()
}

fn calls_per_turn(call: &mut Box<dyn FnMut() + '_>) -> u32 {
    let mut count = 1;
    loop {
        // The shortest of several: the first call prepares things, and another program may have been on.
        let spent = (0..5).map(|_| time(call, count)).min().unwrap_or(TURN);
        if spent > TURN / 4 {
            return ((f64::from(count) * TURN.as_secs_f64() / spent.as_secs_f64()) as u32).max(1);
        }
        count *= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slower_peer_makes_a_ratio_above_one() {
        let spin = |turns: u64| move || (0..turns).fold(1_u64, |sum, turn| black_box(sum ^ turn));
        let comparison = Comparison::measure(
            "spinning",
            vec![contestant("jam", spin(1_000)), contestant("peer", spin(10_000))],
        );
        assert!(comparison.ratio("peer") > 1.0);
        assert!(comparison.seconds.values().all(|rounds| rounds.len() == ROUNDS));
    }
}

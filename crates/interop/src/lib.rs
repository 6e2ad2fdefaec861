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

/// What a contestant does in a turn, and what it gives.
pub type Call<'a, T> = Box<dyn FnMut() -> T + 'a>;

/// One operation to be measured: who does it, and how many times as fast as a peer Jam is meant to be.
pub struct Row<'a> {
    part: &'static str,
    title: String,
    contestants: Vec<(&'static str, Call<'a, ()>)>,
    aims: BTreeMap<&'static str, f64>,
    bytes: Option<usize>,
}

impl<'a> Row<'a> {
    /// `part` is one of those of the page, as `jwt`.
    pub fn new(part: &'static str, title: impl Into<String>) -> Self {
        Self { part, title: title.into(), contestants: Vec::new(), aims: BTreeMap::new(), bytes: None }
    }

    /// Adds who does it; Jam's name is `jam`. The result is kept from the optimizer.
    pub fn contestant<T>(mut self, name: &'static str, mut call: impl FnMut() -> T + 'a) -> Self {
        self.contestants.push((name, Box::new(move || drop(black_box(call())))));
        self
    }

    /// Sets how many times as fast as a peer Jam is meant to be; the peer `fastest` is whichever that is.
    pub fn aim(mut self, peer: &'static str, factor: f64) -> Self {
        self.aims.insert(peer, factor);
        self
    }

    /// How long the payload is, where the row is one of several that differ in that.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = Some(bytes);
        self
    }
}

/// One operation that many tasks do at the same time.
pub struct Load<'a> {
    /// What is done.
    pub title: &'static str,
    /// How many tasks do it.
    pub tasks: usize,
    /// How often each contestant has its turn in a round.
    pub turns: usize,
    /// Who does it. Jam's name is `jam`.
    pub contestants: Vec<(&'static str, Call<'a, Turn>)>,
}

/// What a contestant did in a turn.
pub struct Turn {
    /// For each operation.
    pub seconds: f64,
    /// How long each operation took, in seconds.
    pub latencies: Vec<f64>,
}

/// What was measured of a row.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The part of the page.
    pub part: &'static str,
    /// What was done.
    pub title: String,
    /// The seconds of one operation, of each contestant in each round.
    pub seconds: BTreeMap<&'static str, Vec<f64>>,
    /// How many times as fast as a peer Jam is meant to be.
    pub aims: BTreeMap<&'static str, f64>,
    /// How long the payload was.
    pub bytes: Option<usize>,
    /// How many tasks did it at the same time.
    pub tasks: Option<usize>,
    /// The seconds within which 99 of 100 operations of a contestant were done.
    pub p99: BTreeMap<&'static str, f64>,
}

impl Measured {
    /// How many times as fast as a peer Jam is: the median of the rounds.
    ///
    /// # Panics
    /// When there is no contestant of this name, or none named `jam`.
    pub fn ratio(&self, peer: &str) -> f64 {
        let rounds = self.seconds[peer].iter().zip(&self.seconds["jam"]);
        median(rounds.map(|(theirs, ours)| theirs / ours).collect())
    }

    fn peers(&self) -> impl Iterator<Item = &'static str> {
        self.seconds.keys().copied().filter(|name| *name != "jam")
    }
}

/// Measures rows and says how far it has come; how many there are it learns by being given all of them twice.
#[derive(Debug)]
pub struct Bench {
    parts: Vec<String>,
    total: usize,
    counting: bool,
    /// What was measured so far.
    pub measured: Vec<Measured>,
}

impl Bench {
    /// Has `rows` say what there is, and measures it. Without `parts`, everything is measured.
    pub fn run(parts: Vec<String>, rows: impl Fn(&mut Self)) -> Vec<Measured> {
        let mut bench = Self { parts, total: 0, counting: true, measured: Vec::new() };
        rows(&mut bench);
        bench.counting = false;
        rows(&mut bench);
        bench.measured
    }

    /// Whether rows of this part are to be measured.
    pub fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }

    /// Whether the rows are only counted so far; then so many are announced instead of being prepared.
    pub fn is_counting(&mut self, rows: usize) -> bool {
        self.total += if self.counting { rows } else { 0 };
        self.counting
    }

    /// Times the contestants of a row in turn.
    pub fn row(&mut self, row: Row<'_>) {
        if !self.wants(row.part) || self.is_counting(1) {
            return;
        }
        let Row { part, title, mut contestants, aims, bytes } = row;
        let counts: Vec<_> = contestants.iter_mut().map(|(_, call)| calls_per_turn(call)).collect();
        let turns = contestants.iter_mut().zip(counts);
        let mut turns: Vec<_> = turns
            .map(|((name, call), count)| (*name, move || time(call, count).as_secs_f64() / f64::from(count)))
            .collect();
        let seconds = in_rounds(TURNS, &mut turns);
        self.finish(Measured { part, title, seconds, aims, bytes, ..Measured::default() });
    }

    /// Times the contestants of a load in turn, each after a turn that does not count.
    pub fn load(&mut self, part: &'static str, load: Load<'_>) {
        let Load { title, tasks, turns, mut contestants } = load;
        let mut latencies: Vec<Vec<f64>> = vec![Vec::new(); contestants.len()];
        let timed = contestants.iter_mut().zip(&mut latencies);
        let mut timed: Vec<_> = timed
            .map(|((name, contestant), latencies)| {
                contestant();
                (*name, move || {
                    let turn = contestant();
                    latencies.extend(turn.latencies);
                    turn.seconds
                })
            })
            .collect();
        let seconds = in_rounds(turns, &mut timed);
        drop(timed);
        let names = contestants.iter().map(|(name, _)| *name);
        let p99 = names.zip(latencies.into_iter().map(|latencies| quantile(latencies, 0.99))).collect();
        let tasks = Some(tasks);
        self.finish(Measured { part, title: title.into(), seconds, tasks, p99, ..Measured::default() });
    }

    fn finish(&mut self, measured: Measured) {
        self.measured.push(measured);
        let (done, total, measured) =
            (self.measured.len(), self.total, &self.measured[self.measured.len() - 1]);
        let size = measured.bytes.map(|bytes| format!(", {bytes} bytes")).unwrap_or_default();
        let tasks = measured.tasks.map(|tasks| format!(", {tasks} tasks")).unwrap_or_default();
        let own = median(measured.seconds["jam"].clone()) * 1e6;
        let peers: String =
            measured.peers().map(|peer| format!(", {:.2}x {peer}", measured.ratio(peer))).collect();
        eprintln!("  Rust {done} of {total}: {}{size}{tasks}: {own:.2} us{peers}", measured.title);
    }
}

/// The median of a round's turns, of each contestant in each round.
fn in_rounds(
    turns: usize,
    contestants: &mut [(&'static str, impl FnMut() -> f64)],
) -> BTreeMap<&'static str, Vec<f64>> {
    let mut seconds: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let mut taken = vec![Vec::new(); contestants.len()];
        for _ in 0..turns {
            for ((_, turn), taken) in contestants.iter_mut().zip(&mut taken) {
                taken.push(turn());
            }
        }
        for ((name, _), taken) in contestants.iter().zip(taken) {
            seconds.entry(*name).or_default().push(median(taken));
        }
    }
    seconds
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The smallest of the numbers that at least such a part of them does not exceed.
fn quantile(mut numbers: Vec<f64>, part: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let rank = (numbers.len() as f64 * part).ceil() as usize;
    numbers[rank.clamp(1, numbers.len()) - 1]
}

fn time(call: &mut dyn FnMut(), count: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        call();
    }
    start.elapsed()
}

fn calls_per_turn(call: &mut dyn FnMut()) -> u32 {
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
        let measured = Bench::run(Vec::new(), |bench| {
            let row = Row::new("jwt", "spinning").contestant("jam", spin(1_000));
            bench.row(row.contestant("peer", spin(10_000)).aim("peer", 2.0));
        });
        assert!(measured[0].ratio("peer") > 1.0);
        assert!(measured[0].seconds.values().all(|rounds| rounds.len() == ROUNDS));
        assert_eq!(measured[0].aims["peer"], 2.0);
    }

    #[test]
    fn the_99th_percentile_is_that_of_all_turns() {
        let measured = Bench::run(Vec::new(), |bench| {
            if bench.is_counting(1) {
                return;
            }
            let latencies = (1..=200).map(f64::from).collect::<Vec<_>>();
            let turn = move || Turn { seconds: 1.0, latencies: latencies.clone() };
            let contestants: Vec<(_, Call<'_, Turn>)> = vec![("jam", Box::new(turn))];
            bench.load("sessions", Load { title: "counting", tasks: 4, turns: 1, contestants });
        });
        assert_eq!(measured[0].p99["jam"], 198.0);
        assert_eq!(measured[0].tasks, Some(4));
    }

    #[test]
    fn only_the_parts_that_are_asked_for_are_measured() {
        let measured = Bench::run(vec!["otp".into()], |bench| {
            bench.row(Row::new("jwt", "nothing").contestant("jam", || ()));
        });
        assert!(measured.is_empty());
    }
}

//! Events of the core on their way to Python's `logging`, logger "jam".
//!
//! An event may happen on a thread that must not wait for the GIL, or under a lock of the core. So it is only
//! queued, and logged at the next moment at which a thread holds the GIL and no lock: [`flush`].

use std::fmt::{self, Write};

use crossbeam_queue::ArrayQueue;
use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, span};

/// A queue of events that nobody fetches must not grow for ever; the oldest go first.
const CAPACITY: usize = 256;

static EVENTS: std::sync::LazyLock<ArrayQueue<(Level, String)>> =
    std::sync::LazyLock::new(|| ArrayQueue::new(CAPACITY));

/// Makes this queue the receiver of the core's events.
pub(crate) fn install() {
    // It fails only where one is set already: by an earlier import of this module.
    let _already_set = tracing::subscriber::set_global_default(Queue);
}

/// Hands what was queued to Python's `logging`. What goes wrong there is reported as unraisable, as logging does.
pub(crate) fn flush(py: Python<'_>) {
    while let Some((level, message)) = EVENTS.pop() {
        if let Err(failure) = emit(py, level, &message) {
            failure.write_unraisable(py, None);
        }
    }
}

fn emit(py: Python<'_>, level: Level, message: &str) -> PyResult<()> {
    let method = match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        _ => "debug",
    };
    let logger = py.import("logging")?.call_method1("getLogger", ("jam",))?;
    logger.call_method1(method, ("%s", message))?;
    Ok(())
}

struct Queue;

impl tracing::Subscriber for Queue {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && *metadata.level() <= Level::INFO
            && (metadata.target() == "jam" || metadata.target().starts_with("jam::"))
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::INFO)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        EVENTS.force_push((*event.metadata().level(), text.message + &text.fields));
    }

    // Spans are not enabled; these are never asked.
    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

/// The message of an event, and its other fields as ` name=value`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a `String` cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

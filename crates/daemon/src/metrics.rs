//! The meters as text in Prometheus' exposition format, version 0.0.4: counts, bytes and times. No
//! label holds a name, an id or an address.

use kitbag_rpc::Meters;
use std::fmt::Write;

/// What only the node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) packs: u64,
    pub(crate) notes: u64,
}

/// The whole page. What is not known just now is left out.
pub(crate) fn exposition(meters: &Meters, totals: Option<Totals>) -> String {
    let mut page = Page::default();
    page.gauge("up", "1 while the daemon answers", 1);
    page.gauge(
        "locked",
        "1 while the home is locked",
        u64::from(meters.engine.is_none()),
    );
    page.gauge(
        "uptime_seconds",
        "Seconds since the daemon started",
        meters.uptime_seconds,
    );
    page.head("requests_total", "counter", "Requests by how they ended");
    for (ended, count) in [
        ("answered", meters.requests_answered),
        ("refused", meters.requests_refused),
        ("faulted", meters.requests_faulted),
    ] {
        page.line(&format!("requests_total{{ended=\"{ended}\"}}"), count);
    }
    page.gauge("log_bytes", "Bytes of the log's files", meters.log_bytes);
    page.counter(
        "log_lines_dropped_total",
        "Lines that the log had no time for",
        meters.log_lines_dropped,
    );
    page.gauge(
        "database_bytes",
        "Bytes of the database",
        meters.database_bytes,
    );
    if let Some(totals) = totals {
        page.gauge("packs", "Packs on this device", totals.packs);
        page.gauge("notes", "Notes that this device shows", totals.notes);
    }
    let Some(engine) = &meters.engine else {
        return page.text;
    };
    page.gauge(
        "offline",
        "1 if the daemon was told to reach nobody",
        u64::from(engine.offline),
    );
    page.gauge(
        "database_failed",
        "1 while the database refuses to write after a write that failed",
        u64::from(engine.failed),
    );
    page.gauge(
        "damaged_lists",
        "Packs that cannot be read, and lists that could not and were begun anew",
        engine.damaged,
    );
    page.gauge("sessions", "Devices that are connected", engine.sessions);
    page.gauge(
        "steps_waiting",
        "Steps in the queue of the one thread that owns the database",
        engine.steps_waiting,
    );
    page.head(
        "step_duration_seconds",
        "histogram",
        "How long a step took, its commit included",
    );
    for (micros, count) in &engine.step_buckets {
        let bound = seconds(*micros);
        page.line(
            &format!("step_duration_seconds_bucket{{le=\"{bound}\"}}"),
            count,
        );
    }
    page.line("step_duration_seconds_bucket{le=\"+Inf\"}", engine.steps);
    page.line("step_duration_seconds_sum", seconds(engine.step_micros));
    page.line("step_duration_seconds_count", engine.steps);
    page.counter("faults_total", "Faults that were contained", engine.faults);
    page.counter(
        "frames_received_total",
        "Frames from peers",
        engine.frames_in,
    );
    page.counter(
        "bytes_received_total",
        "Bytes of frames from peers",
        engine.bytes_in,
    );
    page.counter("frames_sent_total", "Frames to peers", engine.frames_out);
    page.counter(
        "bytes_sent_total",
        "Bytes of frames to peers",
        engine.bytes_out,
    );
    page.counter(
        "slow_readers_total",
        "Connections cut since the other side reads too slowly",
        engine.slow_readers,
    );
    page.gauge(
        "index_notes",
        "Notes in the search index, when it was last brought up to date",
        engine.index_notes,
    );
    page.gauge(
        "index_bytes",
        "Bytes of the search index",
        engine.index_bytes,
    );
    page.counter(
        "index_drops_total",
        "How often the search index was found damaged and built anew",
        engine.index_drops,
    );
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "gauge", help);
        self.line(name, value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        self.line(name, value);
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(
            self.text,
            "# HELP kitbag_{name} {help}\n# TYPE kitbag_{name} {kind}"
        )
        .expect("a string takes all that is written");
    }

    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        writeln!(self.text, "kitbag_{name} {value}").expect("a string takes all that is written");
    }
}

/// Microseconds as seconds, exactly.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::EngineMeters;
    use std::collections::BTreeSet;

    #[test]
    fn seconds_are_exact() {
        for (micros, text) in [
            (0, "0"),
            (500, "0.0005"),
            (1_000_000, "1"),
            (10_000_000, "10"),
            (2_500_001, "2.500001"),
        ] {
            assert_eq!(seconds(micros), text);
        }
    }

    /// Goal: a scraper reads the page: each value has its type above it and is named once, a histogram
    /// ends in its total.
    #[test]
    fn every_line_has_its_type_and_is_named_once() {
        let engine = EngineMeters {
            steps: 3,
            step_micros: 1500,
            step_buckets: vec![(500, 1), (1000, 3)],
            ..EngineMeters::default()
        };
        let meters = Meters {
            engine: Some(engine),
            ..Meters::default()
        };
        let totals = Totals { packs: 2, notes: 5 };
        let page = exposition(&meters, Some(totals));
        let (mut typed, mut named) = (BTreeSet::new(), BTreeSet::new());
        for line in page.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["#", "HELP", ..] => {}
                ["#", "TYPE", name, kind] => {
                    assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
                    assert!(typed.insert(name.to_owned()), "{line}");
                }
                [series, value] => {
                    value.parse::<f64>().unwrap();
                    assert!(named.insert(series.to_owned()), "twice: {line}");
                    let name = series.split('{').next().unwrap();
                    let base = ["_bucket", "_sum", "_count"]
                        .iter()
                        .find_map(|end| name.strip_suffix(end))
                        .unwrap_or(name);
                    assert!(typed.contains(base), "no type: {line}");
                }
                _ => panic!("{line}"),
            }
        }
        assert!(page.contains("kitbag_packs 2\n"), "{page}");
        assert!(
            page.contains("kitbag_step_duration_seconds_bucket{le=\"0.0005\"} 1\n"),
            "{page}"
        );
        assert!(page.contains("_bucket{le=\"+Inf\"} 3\n"), "{page}");
        assert!(page.contains("_sum 0.0015\n"), "{page}");
    }

    #[test]
    fn a_locked_home_says_so_and_leaves_out_what_it_does_not_know() {
        let page = exposition(&Meters::default(), None);
        assert!(page.contains("kitbag_locked 1\n"), "{page}");
        assert!(
            !page.contains("kitbag_packs") && !page.contains("sessions"),
            "{page}"
        );
    }
}

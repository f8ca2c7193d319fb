//! What a long command waits for, on one line of the terminal that is gone when it ends.
//!
//! Only for a person who looks: not into a pipe, not with `--json`.

use crate::output::Output;
use crate::table::cut;
use kitbag_render::{Lines, escape};
use std::io::{self, Write};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

const TICK: Duration = Duration::from_millis(250);
/// News that took long is asked for less often: it must not hold up what it is about.
const NEWS_SHARE: u32 = 20;
/// From then on it is said how long it took so far.
const PATIENCE: Duration = Duration::from_secs(2);

/// Does the work, and shows meanwhile what it waits for: `first` at once, then what `news` says.
pub(crate) async fn during<T>(
    out: Output,
    first: &str,
    news: impl AsyncFn() -> Option<String>,
    work: impl Future<Output = T>,
) -> T {
    let done = until_ended(out, first, news, work).await;
    done.unwrap_or_else(|| std::process::exit(INTERRUPTED))
}

/// The same; nothing if it was ended from the keyboard.
pub(crate) async fn until_ended<T>(
    out: Output,
    first: &str,
    news: impl AsyncFn() -> Option<String>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let Some(watching) = out.watching() else {
        return tokio::select! {
            done = work => Some(done),
            _ = tokio::signal::ctrl_c() => None,
        };
    };
    let mut line = Line {
        to: io::stderr(),
        columns: watching.columns,
        redraws: watching.redraws,
        told: None,
    };
    line.tell(first);
    let done = tokio::select! {
        done = follow(&mut line, first, news, work) => Some(done),
        _ = tokio::signal::ctrl_c() => None,
    };
    line.end();
    done
}

/// How a command ends from the keyboard. As a shell counts: 128 and the number of the signal.
pub(crate) const INTERRUPTED: i32 = 130;

/// Nothing is known but that it goes on.
pub(crate) async fn no_news() -> Option<String> {
    None
}

async fn follow<T, W: Write>(
    line: &mut Line<W>,
    first: &str,
    news: impl AsyncFn() -> Option<String>,
    work: impl Future<Output = T>,
) -> T {
    let began = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = ticks.tick() => {}
        }
        // The work goes on while the news is fetched, and comes first.
        let asked = Instant::now();
        let told = tokio::select! {
            biased;
            done = &mut work => return done,
            told = news() => told,
        };
        ticks.reset_after(TICK.max(asked.elapsed() * NEWS_SHARE));
        let what = told.unwrap_or_else(|| first.to_owned());
        let took = began.elapsed();
        if took < PATIENCE {
            line.tell(&what);
        } else {
            line.tell(&format!("{what} {} s", took.as_secs()));
        }
    }
}

/// One line that is written over.
struct Line<W> {
    to: W,
    columns: usize,
    /// Whether the terminal can go back to the beginning of a line.
    redraws: bool,
    told: Option<String>,
}

impl<W: Write> Line<W> {
    /// Nobody may be listening any more; then there is nobody to tell that either.
    fn tell(&mut self, what: &str) {
        let what = cut(&escape(what, Lines::One), self.columns.saturating_sub(1));
        if self.told.as_ref() == Some(&what) {
            return;
        }
        if self.redraws {
            let _ = write!(self.to, "\r\x1b[K{what}");
        } else if self.told.is_none() {
            let _ = writeln!(self.to, "{what}");
        }
        let _ = self.to.flush();
        self.told = Some(what);
    }

    fn end(&mut self) {
        if self.redraws && self.told.is_some() {
            let _ = write!(self.to, "\r\x1b[K");
            let _ = self.to.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    fn line(redraws: bool) -> Line<Vec<u8>> {
        Line {
            to: vec![],
            columns: 30,
            redraws,
            told: None,
        }
    }

    async fn shown(mut line: Line<Vec<u8>>) -> String {
        line.tell("Dialling Ana…");
        let news = async || Some("Dialling Ana\x1b (laptop), who is far away…".to_owned());
        follow(
            &mut line,
            "Dialling Ana…",
            news,
            sleep(Duration::from_millis(600)),
        )
        .await;
        line.end();
        String::from_utf8(line.to).unwrap()
    }

    /// Goal: what is waited for stands there at once, follows the news, fits the line, obeys no escape
    /// in a name, and is gone in the end; a terminal that cannot redraw gets one line, once.
    #[tokio::test]
    async fn one_line_that_follows_the_news_and_goes() {
        let text = shown(line(true)).await;
        assert!(text.starts_with("\r\x1b[KDialling Ana…\r"), "{text:?}");
        assert!(
            text.contains("Dialling Ana\\u{1b} (laptop)") && text.ends_with("\r\x1b[K"),
            "{text:?}"
        );
        let widest = text
            .split("\x1b[K")
            .map(|line| line.trim_end_matches('\r').chars().count());
        assert!(widest.max().unwrap() < 30, "{text:?}");
        assert_eq!(
            text.matches("laptop").count(),
            1,
            "told once while nothing changes: {text:?}"
        );
        assert_eq!(shown(line(false)).await, "Dialling Ana…\n");
    }

    #[tokio::test]
    async fn work_that_is_done_at_once_asks_for_no_news() {
        let mut line = line(true);
        let news = async || -> Option<String> { panic!("nobody waits") };
        assert_eq!(follow(&mut line, "x", news, async { 7 }).await, 7);
    }
}

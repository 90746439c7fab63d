//! `cargo bench --bench redact`: what redaction of a mebibyte costs, against a bound. Exit code 1 if it is missed.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark: it reads the clock and prints"
)]

#[path = "../src/domain/redact/tests/pathological.rs"]
mod pathological;

use std::{process::ExitCode, time::Instant};

use pathological::pathological;
use swarmlock::domain::redact::redact;

/// The most for one text, in milliseconds.
const MOST: u128 = 100;

fn main() -> ExitCode {
    let mut texts = pathological(1 << 20);
    texts.push(("prose".to_owned(), "an ordinary sentence about src/auth.rs and its tests\n".repeat(20_000)));
    let mut took: Vec<_> = texts
        .iter()
        .map(|(what, text)| {
            let best = (0..3).map(|_| {
                let start = Instant::now();
                drop(redact(text).into_owned());
                start.elapsed()
            });
            (best.min().unwrap_or_default(), what)
        })
        .collect();
    took.sort();
    for (time, what) in took.iter().rev().take(10) {
        println!("{time:>10.1?}  {what:?}");
    }
    let prose = took.iter().find(|(_, what)| *what == "prose");
    println!("{:>10.1?}  prose without a secret", prose.map(|(time, _)| *time).unwrap_or_default());
    let missed = took.iter().filter(|(time, _)| time.as_millis() >= MOST).count();
    println!("{} texts of a mebibyte, {missed} not under {MOST} ms", took.len());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

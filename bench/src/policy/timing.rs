//! How long something takes, measured alike for us and for the engines of `bench/peers`.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Nanoseconds a call: the median of seven runs of about 150 ms each.
pub(crate) fn nanoseconds<T>(mut once: impl FnMut() -> T) -> f64 {
    let mut run = |times: u32| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(once());
        }
        start.elapsed()
    };
    let mut times = 1;
    while run(times) < Duration::from_millis(20) {
        times *= 2;
    }
    times *= 8;
    let mut runs: Vec<f64> = (0..7).map(|_| run(times).as_secs_f64() * 1e9 / f64::from(times)).collect();
    runs.sort_by(f64::total_cmp);
    runs.get(3).copied().unwrap_or(f64::NAN)
}

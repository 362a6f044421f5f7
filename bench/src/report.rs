//! The table, and the ratios of the same run.

use std::time::Duration;

use crate::load::Measured;

/// A line of the table.
pub(crate) struct Row {
    pub(crate) server: String,
    pub(crate) call: String,
    pub(crate) measured: Measured,
}

pub(crate) fn print_start(start: Duration, rss: f64) {
    println!(
        "irsa up, durable: exec to first answer {} ms (median of 5), idle {rss:.1} MiB resident",
        start.as_millis()
    );
}

pub(crate) fn print_table_head(connections: usize, seconds: u64) {
    println!(
        "\n{connections} connections, at most {seconds} s a line, one server at a time; CPU is the server's user and system time\n"
    );
    println!("| server | call | requests/s | p50 ms | p99 ms | CPU µs/request | RSS MiB | requests | bad |");
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|");
}

pub(crate) fn print_row(row: &Row) {
    let Row { server, call, measured } = row;
    println!(
        "| {server} | {call} | {:.0} | {:.2} | {:.2} | {:.1} | {:.1} | {} | {} |",
        measured.per_second,
        measured.p50.as_secs_f64() * 1_000.0,
        measured.p99.as_secs_f64() * 1_000.0,
        measured.cpu_micros,
        measured.rss_mib,
        measured.requests,
        measured.bad,
    );
}

/// How often our CPU time fits into a peer's, call by call.
pub(crate) fn ratios(rows: &[Row]) {
    println!("\nserver CPU per request, as a multiple of ours:");
    for ours in rows.iter().filter(|row| row.server == "irsa") {
        for other in rows.iter().filter(|row| row.server != "irsa" && row.call == ours.call) {
            println!(
                "  {:<28} {:<18} {:>7.2} ×",
                ours.call,
                other.server,
                other.measured.cpu_micros / ours.measured.cpu_micros
            );
        }
        let before =
            rows.iter().find(|row| row.server == "irsa" && format!("{}, after", row.call) == ours.call);
        if let Some(before) = before {
            let ratio = ours.measured.cpu_micros / before.measured.cpu_micros;
            println!("  {:<28} {:<18} {ratio:>7.2} × of before", ours.call, "irsa");
        }
    }
}

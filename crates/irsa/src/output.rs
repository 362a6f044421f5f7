//! Results on stdout, everything else on stderr; colour only on a terminal.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde::Serialize;

use crate::error::CliError;

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
}

/// Bold.
pub(crate) const STRONG: Style = Style::new().bold();
/// Green: allowed, done.
pub(crate) const GOOD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
/// Red: denied, failed.
pub(crate) const BAD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
/// Dim: detail.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Yellow: may go wrong.
pub(crate) const WARN: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));

/// Writes a result: `table` for people, `value` for machines.
pub(crate) fn result<T: Serialize>(
    format: Format,
    value: &T,
    table: impl FnOnce() -> String,
) -> Result<(), CliError> {
    let text = match format {
        Format::Table => table(),
        Format::Json => serde_json::to_string_pretty(value).map_err(unwritable)?,
        Format::Yaml => serde_saphyr::to_string(value).map_err(unwritable)?,
    };
    print(text.trim_end());
    Ok(())
}

/// A line of the result.
pub(crate) fn print(text: &str) {
    // A closed pipe (`irsa … | head`) ends the output, not the command.
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// Text that others wrote, without what steers a terminal: control characters, and those that turn the direction of text
/// around (Unicode TR 9 §2), as U+FFFD.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .map(|character| if steers(character) { char::REPLACEMENT_CHARACTER } else { character })
        .collect()
}

/// Whether a character moves the cursor, changes the terminal, or turns the direction of text around.
pub(crate) fn steers(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A line of progress.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Why a command failed.
pub(crate) fn error(error: &CliError) {
    note(&format!("{BAD}error{BAD:#} [{}]: {}", error.code, error.message));
    if let Some(fix) = &error.fix {
        note(&format!("  fix: {fix}"));
    }
    note(&format!("  {FAINT}more: irsa explain {}{FAINT:#}", error.code));
}

fn unwritable(error: impl std::fmt::Display) -> CliError {
    CliError::undecided("IRSA-X010", format!("the result could not be written: {error}"))
}

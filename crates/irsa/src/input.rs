//! Texts that a user names: a file, or `-` for standard input. None is read without a limit, whatever the file is.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Opens a file; `-` is standard input.
pub(crate) fn open(file: &Path) -> io::Result<Box<dyn Read>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    Ok(Box::new(File::open(file)?))
}

/// The text of a file, or of standard input for `-`; more than `most` bytes are an error.
pub(crate) fn read(file: &Path, most: usize) -> io::Result<String> {
    read_from(open(file)?, most)
}

/// All that a reader has; more than `most` bytes are an error.
pub(crate) fn read_from(reader: impl Read, most: usize) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take((most as u64).saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(io::Error::other(format!("it is larger than {}", size(most))));
    }
    String::from_utf8(bytes).map_err(|_invalid| io::Error::other("it is not UTF-8"))
}

fn size(bytes: usize) -> String {
    const KIB: usize = 1024;
    match bytes {
        _ if bytes.is_multiple_of(KIB * KIB) => format!("{} MiB", bytes / (KIB * KIB)),
        _ if bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_never_cut() {
        assert_eq!(read_from(&b"four"[..], 4).unwrap(), "four");
        let refused = |text: &[u8], most: usize| read_from(text, most).unwrap_err().to_string();
        assert_eq!(refused(b"fives", 4), "it is larger than 4 bytes");
        assert_eq!(refused(&[b' '; 2049], 2048), "it is larger than 2 KiB");
        assert_eq!(refused(&[0xff], 4), "it is not UTF-8");
        let endless = read_from(io::repeat(b' '), 1024 * 1024).unwrap_err().to_string();
        assert_eq!(endless, "it is larger than 1 MiB");
    }
}

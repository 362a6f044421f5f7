//! Lines in, lines out: in order, in bounded memory, as soon as they are there, on all processors.
//!
//! One thread reads blocks of whole lines and deals them to the workers in turn; answers are taken from the workers in the
//! same turn, so that nothing has to be sorted. Every channel is bounded. What `read` gives is dealt at once: whoever writes
//! a line and waits for its answer gets it.

use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// The longest line that is read, in bytes, without its end.
pub(super) const MAX_LINE: usize = 4 * 1024 * 1024;
/// How much is read at a time.
const BLOCK: usize = 256 * 1024;
/// More than this many workers wait for the reader.
const MAX_WORKERS: usize = 8;
/// How many blocks wait before a worker, and how many answers after it.
const WAITING: usize = 2;

/// What is told along a channel: a block of whole lines, or how the input ended.
enum Message {
    Block(Vec<u8>),
    End(io::Result<()>),
}

/// Gives every line of `input` to an answerer, which appends what is to be written for it. Blank lines are passed over, and a
/// byte order mark before the first. A line that is longer than [`MAX_LINE`] comes cut off one byte later.
pub(super) fn answer_lines<A>(
    input: impl Read + Send + 'static,
    output: &mut impl Write,
    answerer: impl Fn() -> A + Clone + Send + 'static,
) -> io::Result<()>
where
    A: FnMut(&[u8], &mut Vec<u8>) + 'static,
{
    let (mut blocks, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS) {
        let (to_worker, from_reader) = sync_channel(WAITING);
        let (to_writer, from_worker) = sync_channel(WAITING);
        let answerer = answerer.clone();
        thread::spawn(move || work(answerer(), &from_reader, &to_writer));
        blocks.push(to_worker);
        answers.push(from_worker);
    }
    // Not waited for: when the output is closed, it may still wait for input that nobody wants answered.
    thread::spawn(move || deal(input, &blocks));
    for from_worker in answers.iter().cycle() {
        match from_worker.recv() {
            Ok(Message::Block(text)) => {
                output.write_all(&text)?;
                output.flush()?;
            }
            Ok(Message::End(how)) => return how,
            Err(_) => return Err(io::Error::other("a worker stopped")),
        }
    }
    Ok(())
}

fn work(
    mut answer: impl FnMut(&[u8], &mut Vec<u8>),
    blocks: &Receiver<Message>,
    answers: &SyncSender<Message>,
) {
    for message in blocks {
        let message = match message {
            Message::Block(block) => {
                let mut text = Vec::with_capacity(block.len());
                each_line(&block, |line| answer(line, &mut text));
                Message::Block(text)
            }
            end @ Message::End(_) => end,
        };
        if answers.send(message).is_err() {
            return;
        }
    }
}

fn each_line(mut block: &[u8], mut line: impl FnMut(&[u8])) {
    while !block.is_empty() {
        let mut rest = block;
        // Never fails in memory.
        let length = rest.skip_until(b'\n').unwrap_or(block.len());
        let text = block.get(..length).unwrap_or_default().trim_ascii();
        if !text.is_empty() {
            line(text);
        }
        block = rest;
    }
}

fn deal(input: impl Read, workers: &[SyncSender<Message>]) {
    let mut turn = workers.iter().cycle();
    let mut send = |message| turn.next().is_some_and(|worker| worker.send(message).is_ok());
    let end = read_blocks(input, |block| send(Message::Block(block)));
    send(Message::End(end));
}

/// Cuts the input after the last line end of every read, until `take` wants no more.
fn read_blocks(mut input: impl Read, mut take: impl FnMut(Vec<u8>) -> bool) -> io::Result<()> {
    let mut buffer = vec![0; BLOCK];
    let mut pending = Vec::new();
    let mut is_first = true;
    loop {
        let length = match input.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let mut read = buffer.get(..length).unwrap_or_default();
        if length == 0 {
            if !pending.is_empty() {
                take(pending);
            }
            return Ok(());
        }
        if is_first && pending.is_empty() {
            read = read.strip_prefix("\u{feff}".as_bytes()).unwrap_or(read);
            is_first = false;
        }
        if let Some(end) = read.iter().position(|byte| *byte == b'\n').filter(|_| !pending.is_empty()) {
            let (first, rest) = read.split_at_checked(end + 1).unwrap_or((read, &[]));
            extend(&mut pending, first);
            if !pending.ends_with(b"\n") {
                pending.push(b'\n');
            }
            read = rest;
        }
        let whole = read.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (lines, rest) = read.split_at_checked(whole).unwrap_or((read, &[]));
        if whole > 0 || pending.ends_with(b"\n") {
            let mut block = std::mem::take(&mut pending);
            block.extend_from_slice(lines);
            if !take(block) {
                return Ok(());
            }
        }
        extend(&mut pending, rest);
    }
}

/// Adds to a line that has no end yet, up to one byte more than a line may have.
fn extend(line: &mut Vec<u8>, more: &[u8]) {
    let room = (MAX_LINE + 1).saturating_sub(line.len());
    line.extend_from_slice(more.get(..room).unwrap_or(more));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its pieces one a read.
    struct Pieces(Vec<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    fn lengths(pieces: &[&[u8]]) -> String {
        let input = Pieces(pieces.iter().map(|piece| piece.to_vec()).collect());
        let mut output = Vec::new();
        let answer =
            || |line: &[u8], out: &mut Vec<u8>| out.extend_from_slice(format!("{} ", line.len()).as_bytes());
        answer_lines(input, &mut output, answer).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        for (pieces, expected) in [
            (&[][..], ""),
            (&["a\nbb\nccc\n"][..], "1 2 3 "),
            (&["a\nbb\nccc"], "1 2 3 "),
            (&["a\n", "bb\n", "ccc\n"], "1 2 3 "),
            (&["a\nb", "b\ncc", "c"], "1 2 3 "),
            (&["a", "\n", "b", "b", "\n"], "1 2 "),
            (&["\u{feff}a\r\n\r\n  \n", "\n", "bb\r\n"], "1 2 "),
            (&["a", "b\nc\ndd", "d\n"], "2 1 3 "),
        ] {
            let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
            assert_eq!(lengths(&pieces), expected, "{pieces:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_whole() {
        let long = vec![b'x'; BLOCK];
        let mut pieces = vec![long.as_slice(); MAX_LINE / BLOCK + 3];
        pieces.push(b"\nbb\n");
        assert_eq!(lengths(&pieces), format!("{} 2 ", MAX_LINE + 1));
    }

    #[test]
    fn order_is_kept_over_many_blocks() {
        let texts: Vec<Vec<u8>> =
            (1..500_usize).map(|length| [vec![b'x'; length], vec![b'\n']].concat()).collect();
        let pieces: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let expected: String = (1..500).map(|length| format!("{length} ")).collect();
        assert_eq!(lengths(&pieces), expected);
    }

    #[test]
    fn failures_are_told() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let ignore = || |_: &[u8], _: &mut Vec<u8>| {};
        assert_eq!(answer_lines(Broken, &mut Vec::new(), ignore).unwrap_err().to_string(), "gone");
        let stop = || |_: &[u8], _: &mut Vec<u8>| panic!("a bug");
        let stopped = answer_lines(&b"x\n"[..], &mut Vec::new(), stop).unwrap_err();
        assert_eq!(stopped.to_string(), "a worker stopped");
    }
}

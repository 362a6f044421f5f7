use futures::stream;
use proptest::prelude::*;

use super::*;

fn body(pieces: &[Vec<u8>]) -> impl Stream<Item = Result<Bytes, BoxError>> + use<> {
    stream::iter(pieces.iter().map(|piece| Ok(Bytes::from(piece.clone()))).collect::<Vec<_>>())
}

async fn read(blobs: &Blobs, segments: &[Segment], range: Range<u64>) -> Vec<u8> {
    let pieces: Vec<Bytes> = blobs.read(segments, range, blobs.pin()).try_collect().await.unwrap();
    pieces.concat()
}

async fn names(blobs: &Blobs) -> usize {
    // Removal runs beside what asked for it.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    blobs.store.list(None).try_collect::<Vec<_>>().await.unwrap().len()
}

#[tokio::test]
async fn bodies_of_every_size_come_back() {
    let blobs = Blobs::in_memory();
    for size in [0, 1, MOST_INLINE, MOST_INLINE + 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7] {
        let all: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let pieces: Vec<Vec<u8>> = all.chunks(70_001).map(<[u8]>::to_vec).collect();
        let draft = blobs.receive(body(&pieces), true).await.unwrap();
        assert_eq!(draft.size, size as u64);
        assert_eq!(draft.segments().is_empty(), size <= MOST_INLINE, "{size}");
        let back = if size <= MOST_INLINE {
            draft.inline.to_vec()
        } else {
            read(&blobs, draft.segments(), 0..draft.size).await
        };
        assert!(back == all, "{size}");
    }
}

#[tokio::test]
async fn blobs_go_when_nobody_can_read_them() {
    let blobs = Blobs::in_memory();
    let draft = blobs.receive(body(&[vec![1; 100]]), false).await.unwrap();
    let segments = draft.segments().to_vec();
    draft.keep();
    let (early, reading) = (blobs.pin(), blobs.pin());
    blobs.discard(segments.clone());
    let late = blobs.pin();
    drop(early);
    assert_eq!(names(&blobs).await, 1, "a reader that was there before is still reading");
    assert_eq!(read(&blobs, &segments, 0..100).await.len(), 100);
    drop(reading);
    assert_eq!(names(&blobs).await, 0, "only a reader that came later is left");
    drop(late);
}

#[tokio::test]
async fn drafts_that_are_not_kept_leave_nothing() {
    let blobs = Blobs::in_memory();
    drop(blobs.receive(body(&[vec![1; 100]]), false).await.unwrap());
    let broken = stream::iter([Ok(Bytes::from(vec![0; CHUNK + 1])), Err(BoxError::from("broken"))]);
    assert!(blobs.receive(broken, true).await.is_err());
    assert_eq!(names(&blobs).await, 0);
}

#[test]
fn the_sweep_leaves_what_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let shard = folder.path().join("ab");
    std::fs::create_dir(&shard).unwrap();
    for name in ["ab01", "ab02", "ab03#1"] {
        std::fs::write(shard.join(name), name).unwrap();
    }
    sweep(folder.path(), &HashSet::from(["ab02".to_owned()])).unwrap();
    let left: Vec<_> = std::fs::read_dir(&shard).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["ab02"]);
}

proptest! {
    #[test]
    fn ranges_cross_segments(sizes in prop::collection::vec(1_usize..50, 1..6), from in 0_u64..300, length in 0_u64..300) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let blobs = Blobs::in_memory();
            let (mut all, mut segments) = (Vec::new(), Vec::new());
            for (number, size) in sizes.iter().enumerate() {
                let piece = vec![u8::try_from(number).unwrap(); *size];
                all.extend_from_slice(&piece);
                let draft = blobs.receive(body(&[piece]), false).await.unwrap();
                segments.extend_from_slice(draft.segments());
                draft.keep();
            }
            let total = all.len() as u64;
            let range = from.min(total)..(from + length).min(total);
            let expected = &all[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
            assert_eq!(read(&blobs, &segments, range).await, expected);
        });
    }
}

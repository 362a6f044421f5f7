use std::io::{Error, ErrorKind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;

use super::*;

/// A disk in memory that outlives the database on it, and is full when it is told to be.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<(Mutex<Vec<u8>>, AtomicBool)>);

impl Disk {
    fn set_full(&self, full: bool) {
        self.0.1.store(full, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), Error> {
        if self.0.1.load(Ordering::SeqCst) { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.0.0.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let start = usize::try_from(offset).unwrap();
        out.copy_from_slice(&self.0.0.lock().unwrap()[start..start + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.0.0.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.check()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.check()?;
        let start = usize::try_from(offset).unwrap();
        self.0.0.lock().unwrap()[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }

    fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

fn put(
    key: &'static str,
    body: &'static [u8],
) -> impl FnOnce(&mut Tables<'_>) -> Result<Vec<Segment>, StorageError> {
    move |tables| tables.put_object("b", key, &Object::default(), body)
}

fn body(index: &Index, key: &str) -> Option<Vec<u8>> {
    index.object("b", key, |record| Ok(decode_object(record)?.1.to_vec())).unwrap()
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_loses_nothing() {
    let disk = Disk::default();
    let on_it = disk.clone();
    let opener = move || Ok(Database::builder().create_with_backend(on_it.clone())?);
    let index = Index::with_opener(Box::new(opener)).unwrap();
    index.write(put("kept", b"old")).await.unwrap();
    disk.set_full(true);
    index.write(put("kept", b"new")).await.unwrap_err();
    index.write(put("other", b"new")).await.unwrap_err();
    disk.set_full(false);
    index.write(put("later", b"later")).await.unwrap();
    assert_eq!(body(&index, "later").as_deref(), Some(b"later".as_slice()));
    assert_eq!(body(&index, "kept").as_deref(), Some(b"old".as_slice()));
    assert_eq!(body(&index, "other"), None);
}

#[tokio::test]
async fn an_edit_that_refuses_changes_nothing_for_the_others() {
    let index = Index::open(None).unwrap();
    let refuse = |_: &mut Tables<'_>| Err::<(), _>(StorageError::Record("refused".to_owned()));
    let (first, refused, second) =
        tokio::join!(index.write(put("first", b"1")), index.write(refuse), index.write(put("second", b"2")));
    assert!(first.is_ok() && second.is_ok());
    assert!(matches!(refused, Err(StorageError::Record(_))));
    assert_eq!((body(&index, "first"), body(&index, "second")), (Some(b"1".to_vec()), Some(b"2".to_vec())));
}

#[tokio::test]
async fn uploads_of_a_bucket_are_its_own() {
    let index = Index::open(None).unwrap();
    let upload = Upload {
        initiated: 1,
        about: Default::default(),
        initiator: String::new(),
        algorithm: None,
        whole: true,
    };
    let written = upload.clone();
    index
        .write(move |tables| {
            for (bucket, key, id) in [("b", "k", "1"), ("b", "k", "2"), ("bb", "k", "3"), ("b", "kk", "4")] {
                tables.put_upload(bucket, key, id, &written)?;
            }
            Ok::<_, StorageError>(())
        })
        .await
        .unwrap();
    let view = index.view().unwrap();
    let ids = |bucket| view.uploads(bucket).unwrap().into_iter().map(|(_, id, _)| id).collect::<Vec<_>>();
    assert_eq!(
        (ids("b"), ids("bb")),
        (vec!["1".to_owned(), "2".to_owned(), "4".to_owned()], vec!["3".to_owned()])
    );
    assert_eq!(view.upload("b", "k", "3").unwrap(), None);
    assert_eq!(view.upload("b", "k", "2").unwrap(), Some(upload));
}

//! Sorted runs of rows on disk, and their merging.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use hengxin_core::date::{Date, Moment};
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;

use crate::error::{Error, Result};
use crate::row::{Registered, Row};

/// Bytes read or written at once.
const BUFFER: usize = 256 << 10;

/// A row, and where it was read.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) row: Row,
    /// Number of the input.
    pub(super) file: u32,
    /// Number of the row in it, from 1.
    pub(super) number: u64,
}

/// What items are sorted by: the order of rows in a shard, and for equal ones where they stood.
pub(super) type Key = ((Uscc, Date, u64, Moment), u32, u64);

impl Item {
    pub(super) fn key(&self) -> Key {
        (self.row.order(), self.file, self.number)
    }

    /// Bytes it takes up in memory, with its key.
    pub(super) fn size(&self) -> usize {
        let text = |t: &Option<Box<str>>| t.as_ref().map_or(0, |t| t.len() + 16);
        let row = &self.row;
        size_of::<Item>()
            + size_of::<(Key, usize)>()
            + text(&row.reference)
            + text(&row.related)
            + text(&row.text)
            + row.objections.len() * 16
    }
}

/// A folder for runs; it is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    made: std::sync::atomic::AtomicUsize,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Result<Folder> {
        std::fs::create_dir_all(&path).map_err(|e| Error::io(&path, e))?;
        Ok(Folder { path, made: std::sync::atomic::AtomicUsize::new(0) })
    }

    /// Writes items as a run.
    pub(super) fn spill(&self, items: impl Iterator<Item = Result<Item>>) -> Result<Run> {
        let number = self.made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = self.path.join(format!("run-{number:05}"));
        let fail = |e| Error::io(&path, e);
        let mut out = BufWriter::with_capacity(BUFFER, File::create(&path).map_err(fail)?);
        let mut bytes = Vec::with_capacity(256);
        let mut count = 0u64;
        for item in items {
            bytes.clear();
            encode(&item?, &mut bytes);
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            out.write_all(&length.to_le_bytes()).and_then(|()| out.write_all(&bytes)).map_err(fail)?;
            count += 1;
        }
        out.flush().map_err(fail)?;
        Ok(Run { path, count })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies in the way of nobody.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A sorted run on disk.
#[derive(Debug)]
pub(super) struct Run {
    path: PathBuf,
    count: u64,
}

impl Run {
    /// Its items in order; the file is removed when the last was read.
    pub(super) fn read(self) -> Result<impl Iterator<Item = Result<Item>> + Send> {
        let file = File::open(&self.path).map_err(|e| Error::io(&self.path, e))?;
        let mut file = BufReader::with_capacity(BUFFER, file);
        let (mut left, path) = (self.count, self.path);
        let mut bytes = Vec::new();
        Ok(std::iter::from_fn(move || {
            if left == 0 {
                let _ = std::fs::remove_file(&path);
                return None;
            }
            left -= 1;
            Some(read_one(&mut file, &mut bytes, &path))
        }))
    }
}

fn read_one(file: &mut BufReader<File>, bytes: &mut Vec<u8>, path: &Path) -> Result<Item> {
    let mut length = [0; 4];
    file.read_exact(&mut length).map_err(|e| Error::io(path, e))?;
    bytes.resize(usize::try_from(u32::from_le_bytes(length)).unwrap_or(0), 0);
    file.read_exact(bytes).map_err(|e| Error::io(path, e))?;
    decode(bytes).ok_or_else(|| {
        Error::content(path.display().to_string(), "bytes nobody wrote", "a run of this process; try again")
    })
}

/// Items of several sorted sources, in order.
pub(super) fn merge<'s>(
    mut sources: Vec<Box<dyn Iterator<Item = Result<Item>> + Send + 's>>,
) -> impl Iterator<Item = Result<Item>> + Send + 's {
    let mut heap: BinaryHeap<Reverse<(Key, usize)>> = BinaryHeap::with_capacity(sources.len());
    let mut heads: Vec<Option<Item>> = Vec::with_capacity(sources.len());
    let mut failed: Option<Error> = None;
    for (n, source) in sources.iter_mut().enumerate() {
        heads.push(match source.next() {
            None => None,
            Some(Ok(item)) => {
                heap.push(Reverse((item.key(), n)));
                Some(item)
            }
            Some(Err(problem)) => {
                failed.get_or_insert(problem);
                None
            }
        });
    }
    std::iter::from_fn(move || {
        if let Some(problem) = failed.take() {
            heap.clear();
            return Some(Err(problem));
        }
        let Reverse((_, n)) = heap.pop()?;
        let item = heads[n].take()?;
        match sources[n].next() {
            None => {}
            Some(Ok(next)) => {
                heap.push(Reverse((next.key(), n)));
                heads[n] = Some(next);
            }
            Some(Err(problem)) => failed = Some(problem),
        }
        Some(Ok(item))
    })
}

fn encode(item: &Item, out: &mut Vec<u8>) {
    let row = &item.row;
    out.extend_from_slice(row.subject.as_bytes());
    out.extend_from_slice(&row.fact.to_le_bytes());
    out.extend_from_slice(&row.class.to_le_bytes());
    for day in [row.occurred_on, row.ends_on, row.publicity_until, row.repaired_on] {
        out.extend_from_slice(&day.days().to_le_bytes());
    }
    for number in [row.number, row.known_from.0, row.known_until.0] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&item.file.to_le_bytes());
    out.extend_from_slice(&item.number.to_le_bytes());
    let mut text = |text: Option<&str>| match text {
        None => out.push(0),
        Some(text) => {
            out.push(1);
            out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    };
    text(row.reference.as_deref());
    text(row.related.as_deref());
    text(row.text.as_deref());
    let registered = row.registration.unwrap_or_default();
    text(registered.industry.map(|i| i.to_string()).as_deref());
    out.push(u8::from(row.registration.is_some()));
    out.extend_from_slice(&registered.established_on.map_or(i32::MAX, Date::days).to_le_bytes());
    out.extend_from_slice(&registered.region.map_or(u32::MAX, RegionCode::digits).to_le_bytes());
    out.extend_from_slice(&u32::try_from(row.objections.len()).unwrap_or(0).to_le_bytes());
    for (from, until) in &row.objections {
        out.extend_from_slice(&from.days().to_le_bytes());
        out.extend_from_slice(&until.days().to_le_bytes());
    }
}

fn decode(bytes: &[u8]) -> Option<Item> {
    let mut rest = bytes;
    let subject = Uscc::from_bytes(rest.split_off(..18)?).ok()?;
    let fact = u64::from_le_bytes(array(&mut rest)?);
    let class = u32::from_le_bytes(array(&mut rest)?);
    let mut row = Row::new(subject, fact, class, day(&mut rest)?, Moment(0));
    row.ends_on = day(&mut rest)?;
    row.publicity_until = day(&mut rest)?;
    row.repaired_on = day(&mut rest)?;
    row.number = i64::from_le_bytes(array(&mut rest)?);
    row.known_from = Moment(i64::from_le_bytes(array(&mut rest)?));
    row.known_until = Moment(i64::from_le_bytes(array(&mut rest)?));
    let file = u32::from_le_bytes(array(&mut rest)?);
    let number = u64::from_le_bytes(array(&mut rest)?);
    row.reference = text(&mut rest)?;
    row.related = text(&mut rest)?;
    row.text = text(&mut rest)?;
    let industry = text(&mut rest)?;
    let registered = *rest.split_off_first()? == 1;
    let established_on = Some(day(&mut rest)?).filter(|d| *d != Date::FOREVER);
    let region = u32::from_le_bytes(array(&mut rest)?);
    if registered {
        row.registration = Some(Registered {
            established_on,
            region: RegionCode::from_digits(region).ok(),
            industry: industry.and_then(|text| text.parse().ok()),
        });
    }
    for _ in 0..u32::from_le_bytes(array(&mut rest)?) {
        row.objections.push((day(&mut rest)?, day(&mut rest)?));
    }
    rest.is_empty().then_some(Item { row, file, number })
}

fn array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    rest.split_off(..N)?.try_into().ok()
}

fn day(rest: &mut &[u8]) -> Option<Date> {
    Some(Date::from_days(i32::from_le_bytes(array(rest)?)))
}

/// A text that may be absent; `None` outside when the bytes end too early.
#[expect(clippy::option_option, reason = "absent in the row, or missing from the bytes")]
fn text(rest: &mut &[u8]) -> Option<Option<Box<str>>> {
    if *rest.split_off_first()? == 0 {
        return Some(None);
    }
    let length = usize::try_from(u32::from_le_bytes(array(rest)?)).ok()?;
    let bytes = rest.split_off(..length)?;
    Some(Some(std::str::from_utf8(bytes).ok()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_back_from_their_bytes() {
        let subject: Uscc = "91110101MA00000U27".parse().expect("a code");
        let mut row = Row::new(subject, 7, 3, Date::from_days(20_000), Moment(5));
        let check = |row: &Row| {
            let mut bytes = Vec::new();
            encode(&Item { row: row.clone(), file: 2, number: 9 }, &mut bytes);
            let back = decode(&bytes).expect("whole");
            assert_eq!((back.row, back.file, back.number), (row.clone(), 2, 9));
            assert!(decode(&bytes[..bytes.len() - 1]).is_none());
        };
        check(&row);
        row.reference = Some("HT-1".into());
        row.text = Some("".into());
        row.objections = vec![(Date::from_days(1), Date::FOREVER)];
        row.registration = Some(Registered {
            established_on: Some(Date::from_days(3)),
            region: RegionCode::from_digits(330_106).ok(),
            industry: "C1411".parse().ok(),
        });
        check(&row);
    }
}

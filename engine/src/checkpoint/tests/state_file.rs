//! Tests of state files.

use std::sync::Arc;

use crate::checkpoint::CheckpointId;
use crate::checkpoint::disk::Disk;
use crate::checkpoint::forgetful::{ForgetfulDisk, Troubles};
use crate::checkpoint::names::StateName;
use crate::checkpoint::state_file::{BUFFER_BYTES, FileRef, HEADER, StateFile, StateFileWriter};
use crate::{ErrorKind, Section, SectionKind};

const JOB: u64 = 17;
const NAME: StateName = StateName { checkpoint: CheckpointId(7), run: 3, worker: 1 };

fn section(part: &str, group: u16, bytes: Vec<u8>) -> Section {
    Section { part: part.to_owned(), kind: SectionKind::Keyed { group }, entries: 2, bytes }
}

fn written(disk: &ForgetfulDisk, sections: &[(&str, Section)]) -> FileRef {
    let mut writer = StateFileWriter::create(Arc::new(disk.clone()), JOB, NAME).unwrap();
    for (step, section) in sections {
        writer.write(step, section).unwrap();
    }
    writer.finish().unwrap()
}

fn some() -> Vec<(&'static str, Section)> {
    let singleton = Section {
        part: "total".to_owned(),
        kind: SectionKind::Singleton,
        entries: 1,
        bytes: vec![9],
    };
    vec![
        ("sum", section("keys", 3, vec![1, 2, 3])),
        ("count", section("keys", 1, vec![])),
        ("sum", singleton),
        ("sum", section("keys", 1, vec![4; BUFFER_BYTES + 1])),
        ("sum", section("keys", 3, vec![5, 6])),
    ]
}

#[test]
fn sections_come_back_by_step_and_part_in_their_order() {
    let disk = ForgetfulDisk::default();
    let file = written(&disk, &some());
    assert_eq!(file.name, "state-00000007-003-001");
    assert_eq!(file.bytes, disk.bytes(&file.name).unwrap().len() as u64);
    let read = StateFile::open(&disk, &file, JOB).unwrap();
    assert_eq!(read.all().len(), 5);
    let keys: Vec<Vec<u8>> =
        read.sections_of("sum", "keys").iter().map(|entry| read.read(entry).unwrap()).collect();
    assert_eq!(keys, [vec![1, 2, 3], vec![4; BUFFER_BYTES + 1], vec![5, 6]]);
    assert_eq!(read.sections("sum").len(), 4);
    assert_eq!(read.sections("count")[0].kind, SectionKind::Keyed { group: 1 });
    assert_eq!(read.sections_of("sum", "total")[0].kind, SectionKind::Singleton);
    assert!(read.sections("nobody").is_empty() && read.sections_of("sum", "no").is_empty());
}

#[test]
fn a_file_without_sections_is_a_file() {
    let disk = ForgetfulDisk::default();
    let file = written(&disk, &[]);
    assert!(StateFile::open(&disk, &file, JOB).unwrap().all().is_empty());
}

#[test]
fn every_flipped_bit_is_found_and_the_file_is_named() {
    let disk = ForgetfulDisk::default();
    let small: Vec<_> = some().into_iter().filter(|(_, s)| s.bytes.len() < 100).collect();
    let file = written(&disk, &small);
    let whole = disk.bytes(&file.name).unwrap();
    let read = |bytes: Vec<u8>| {
        disk.put(&file.name, bytes);
        let read = StateFile::open(&disk, &file, JOB)?;
        read.all().iter().try_for_each(|entry| read.read(entry).map(drop))
    };
    assert_eq!(read(whole.clone()), Ok(()));
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let damage = read(bytes).expect_err("a flipped bit").to_string();
        assert!(damage.contains("state-00000007-003-001"), "bit {bit}: {damage}");
    }
    for cut in 0..whole.len() {
        assert!(read(whole[..cut].to_vec()).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_damaged_section_is_named() {
    let disk = ForgetfulDisk::default();
    let file = written(&disk, &some());
    let mut bytes = disk.bytes(&file.name).unwrap();
    bytes[HEADER + 1] ^= 1;
    disk.put(&file.name, bytes);
    let read = StateFile::open(&disk, &file, JOB).unwrap();
    let damage = read.read(&read.sections("sum")[0]).unwrap_err().to_string();
    assert!(damage.contains("`keys` of step `sum`"), "{damage}");
}

#[test]
fn files_of_others_are_refused() {
    let disk = ForgetfulDisk::default();
    let file = written(&disk, &some());
    let damage = StateFile::open(&disk, &file, JOB + 1).err().unwrap().to_string();
    assert!(damage.contains("another job"), "{damage}");
    for name in ["state-00000007-003-002", "state-00000008-003-001", "state-00000007-004-001"] {
        disk.put(name, disk.bytes(&file.name).unwrap());
        let moved = FileRef { name: name.to_owned(), ..file.clone() };
        let damage = StateFile::open(&disk, &moved, JOB).err().unwrap().to_string();
        assert!(damage.contains("another worker"), "{damage}");
    }
    // The same worker wrote it for the same checkpoint, but something else.
    let before = disk.bytes(&file.name).unwrap();
    let mut sections = some();
    sections[0].1.bytes[0] += 1;
    let other = written(&disk, &sections);
    assert_eq!(before.len() as u64, other.bytes);
    let damage = StateFile::open(&disk, &file, JOB).err().unwrap().to_string();
    assert!(damage.contains("not the file that the manifest names"), "{damage}");
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    for full_at in 0..3 {
        let disk = ForgetfulDisk::with(Troubles { full_at: Some(full_at), ..Troubles::default() });
        let mut writer = StateFileWriter::create(Arc::new(disk.clone()), JOB, NAME).unwrap();
        let all = some().iter().try_for_each(|(step, section)| writer.write(step, section));
        let error = match all {
            Ok(()) => writer.finish().unwrap_err(),
            Err(error) => {
                drop(writer);
                error
            }
        };
        assert_eq!(error.kind(), ErrorKind::External);
        assert!(error.to_string().contains("state-00000007-003-001"), "{error}");
        assert_eq!(disk.list().unwrap(), [], "write {full_at}");
    }
}

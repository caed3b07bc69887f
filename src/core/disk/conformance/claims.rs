//! The claims: one function each, small, independent of one another.
//!
//! What they are made of (putting, reading, running together) is in the parent module.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::Poll;

use super::{
    check_blob, commit, deletes, ensure, equal, inserts, logs, noise, owned, puts, read, scan, together, Answers,
    Claim, Disks, Verdict,
};
use crate::disk::{Area, Batch, BlobName, BlobRange, DiskError, Durability, LocalFuture, NamedBlobs};

macro_rules! claims {
    ($($name:literal => $check:ident),* $(,)?) => {
        &[$(($name, |disks| Box::pin($check(disks)))),*]
    };
}

pub(super) const CLAIMS: &[Claim] = claims! {
    "a missing blob reads as none" => missing_blobs,
    "bytes come back exactly, whatever they are" => exact_bytes,
    "values up to a mebibyte and more are kept whole" => large_values,
    "records of the log are whole whatever their size" => records_of_all_sizes,
    "answers are in the order of the names asked for" => answer_order,
    "the largest numbers are names like others" => extreme_names,
    "the three areas never mix" => separate_areas,
    "a put replaces" => put_replaces,
    "an insert into a free place succeeds" => insert_free,
    "an insert into a taken place fails and names the blob" => insert_taken,
    "a failed commit leaves nothing behind, not even its deletes" => failed_commit_leaves_nothing,
    "of many inserts at once exactly one wins" => insert_race,
    "a batch deletes first, then puts, then inserts" => batch_order,
    "a commit reads what it wrote" => commit_reads_own_writes,
    "a commit reads what others wrote before" => commit_reads_others,
    "an empty commit is fine" => empty_commit,
    "the other handle sees a commit as soon as it is acknowledged" => visible_to_others,
    "a reader never sees half a commit" => atomic_for_readers,
    "commits in flight together keep to one order" => total_order,
    "a range delete takes the ends and every part, and nothing else" => range_delete,
    "an upside-down or empty range is nothing" => empty_ranges,
    "a scan is ascending and stops at its limit" => scan_order_and_limit,
    "a scan sees one state" => scan_is_atomic,
    "strict and relaxed commits mix" => mixed_durability,
    "an abandoned commit happens whole or not at all" => abandoned_commit,
    "a settled disk keeps working" => settle,
    "a closed handle answers closed and the other goes on" => closed,
    "closing twice is fine" => close_twice,
};

async fn missing_blobs((disk, _): Disks) -> Verdict {
    equal(read(&disk, &[BlobName::meta(0), BlobName::log(1), BlobName::table(1, 1)]).await?, vec![None; 3])?;
    equal(read(&disk, &[]).await?, vec![])
}

async fn exact_bytes((disk, other): Disks) -> Verdict {
    let all: Vec<u8> = (0..=255).collect();
    let samples: [&[u8]; 5] = [&[], &[0], &[0xff, 0xfe, 0x00, 0xd8], &all, "é\u{0}\u{10ffff}".as_bytes()];
    for (id, bytes) in (1..).zip(samples) {
        let names = [BlobName::meta(id), BlobName::log(id), BlobName::table(id, 7), BlobName::manifest(id)];
        commit(&disk, puts(&names.map(|name| (name, bytes)))).await?;
        equal(read(&other, &names).await?, vec![Some(bytes.to_vec()); 4])?;
    }
    Ok(())
}

async fn large_values((disk, other): Disks) -> Verdict {
    for (id, len) in (1..).zip([59_999, 60_000, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 4096]) {
        let bytes = noise(len, id);
        let names = [BlobName::log(id), BlobName::table(id, 0)];
        commit(&disk, inserts(&names.map(|name| (name, bytes.as_slice())))).await?;
        let seen = read(&other, &names).await?;
        ensure(seen.iter().all(|blob| blob.as_ref() == Some(&bytes)), || format!("{len} bytes came back changed"))?;
    }
    Ok(())
}

async fn records_of_all_sizes((disk, other): Disks) -> Verdict {
    let sizes = [10, 61_440, 61_441, 122_880, 122_881, 0, 700_000, 1 << 20, (1 << 20) + 1, 70_000, 1 << 20];
    let mut records: NamedBlobs = (1..).zip(sizes).map(|(id, len)| (BlobName::log(id), noise(len, id))).collect();
    for (name, bytes) in &records {
        commit(&disk, inserts(&[(*name, bytes)])).await?;
    }
    for limit in [1, 4, 8, 11, 99] {
        let scanned = scan(&other, BlobRange::all(Area::Log), limit).await?;
        ensure(scanned.iter().eq(records.iter().take(limit)), || format!("a scan up to {limit} is wrong"))?;
    }
    let batch = Batch { reads: vec![BlobRange { area: Area::Log, first: 3, last: 8 }], ..Batch::default() };
    let read_back = commit(&other, batch).await?;
    ensure(read_back == [records[2..8].iter().map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>()], || {
        "a commit reads other records than there are".into()
    })?;
    let taken = (BlobName::log(5), noise(200_000, 77));
    equal(other.commit(inserts(&[(taken.0, &taken.1)]), Durability::Relaxed).await, Err(DiskError::Exists(taken.0)))?;
    let far = BlobName::log((1 << 47) + 1);
    commit(&disk, puts(&[(far, &taken.1)])).await?;
    check_blob(&other, far, Some(&taken.1)).await?;
    commit(&disk, deletes(&[BlobRange::one(Area::Log, far.id)])).await?;
    for (at, len) in [(2, 5), (3, 300_000), (6, 90_000)] {
        records[at].1 = noise(len, 99);
        commit(&disk, puts(&[(records[at].0, &records[at].1)])).await?;
    }
    commit(&other, deletes(&[BlobRange { area: Area::Log, first: 8, last: 9 }])).await?;
    records.drain(7..9);
    let scanned = scan(&disk, BlobRange::all(Area::Log), 99).await?;
    ensure(scanned == records, || "what was replaced and deleted is not".into())?;
    let names: Vec<BlobName> = records.iter().map(|(name, _)| *name).collect();
    let blobs = read(&other, &names).await?;
    ensure(blobs.iter().flatten().eq(records.iter().map(|(_, bytes)| bytes)), || "a record reads back changed".into())
}

async fn answer_order((disk, _): Disks) -> Verdict {
    let (one, two) = (BlobName::table(5, 1), BlobName::log(9));
    commit(&disk, puts(&[(one, b"one"), (two, b"two")])).await?;
    let expected = vec![Some(b"two".to_vec()), None, Some(b"one".to_vec()), Some(b"two".to_vec())];
    equal(read(&disk, &[two, BlobName::log(8), one, two]).await?, expected)?;
    let reads = vec![BlobRange::all(Area::Log), BlobRange::one(Area::Floor, 1), BlobRange::one(Area::Table, 5)];
    let expected = vec![vec![b"two".to_vec()], vec![], vec![b"one".to_vec()]];
    equal(commit(&disk, Batch { reads, ..Batch::default() }).await?, expected)
}

async fn extreme_names((disk, _): Disks) -> Verdict {
    let (part, table, number) = ((1 << 20) - 1, (1 << 33) - 1, (1 << 53) - 1);
    let names = [
        BlobName::meta(0),
        BlobName::log(0),
        BlobName::log(number),
        BlobName::floor(0),
        BlobName::floor(number),
        BlobName::manifest(number),
        BlobName::table(0, 0),
        BlobName::table(0, part),
        BlobName::table(1, 0),
        BlobName::table(table, 0),
        BlobName::table(table, part),
    ];
    for name in names {
        commit(&disk, inserts(&[(name, format!("{name:?}").as_bytes())])).await?;
    }
    for name in names {
        check_blob(&disk, name, Some(format!("{name:?}").as_bytes())).await?;
    }
    let all = |area| BlobRange { area, first: 0, last: u64::MAX };
    equal(scan(&disk, all(Area::Table), 99).await?.len(), 5)?;
    equal(scan(&disk, all(Area::Log), 99).await?.len(), 2)?;
    equal(scan(&disk, all(Area::Floor), 99).await?.len(), 2)?;
    commit(&disk, deletes(&[all(Area::Table), all(Area::Log), all(Area::Floor), all(Area::Manifest)])).await?;
    equal(read(&disk, &names).await?.iter().filter(|blob| blob.is_some()).count(), 1)
}

async fn separate_areas((disk, _): Disks) -> Verdict {
    let areas = [Area::Meta, Area::Log, Area::Table, Area::Floor, Area::Manifest];
    let name = |area| BlobName { area, id: 3, part: 0 };
    let blobs: NamedBlobs = areas.map(|area| (name(area), format!("{area:?}").into_bytes())).to_vec();
    commit(&disk, Batch { inserts: blobs.clone(), ..Batch::default() }).await?;
    for (index, blob) in blobs.iter().enumerate() {
        equal(scan(&disk, BlobRange::all(blob.0.area), 9).await?, vec![blob.clone()])?;
        commit(&disk, deletes(&[BlobRange { area: blob.0.area, first: 0, last: u64::MAX }])).await?;
        let left = read(&disk, &areas.map(name)).await?;
        equal(left.iter().filter(|blob| blob.is_some()).count(), areas.len() - 1 - index)?;
    }
    Ok(())
}

async fn put_replaces((disk, other): Disks) -> Verdict {
    let name = BlobName::meta(1);
    commit(&disk, puts(&[(name, b"the first, longer")])).await?;
    commit(&other, puts(&[(name, b"the second")])).await?;
    check_blob(&disk, name, Some(b"the second")).await
}

async fn insert_free((disk, other): Disks) -> Verdict {
    commit(&disk, inserts(&[(BlobName::log(1), b"one")])).await?;
    commit(&other, inserts(&[(BlobName::log(2), b"two")])).await?;
    check_blob(&other, BlobName::log(1), Some(b"one")).await
}

async fn insert_taken((disk, other): Disks) -> Verdict {
    for name in [BlobName::meta(1), BlobName::log(1), BlobName::table(1, 1), BlobName::manifest(1)] {
        commit(&disk, inserts(&[(name, b"mine")])).await?;
        for handle in [&disk, &other] {
            let seen = handle.commit(inserts(&[(name, b"yours")]), Durability::Strict).await;
            equal(seen, Err(DiskError::Exists(name)))?;
        }
        check_blob(&other, name, Some(b"mine")).await?;
    }
    Ok(())
}

async fn failed_commit_leaves_nothing((disk, other): Disks) -> Verdict {
    let names = [BlobName::log(1), BlobName::log(2), BlobName::log(3), BlobName::table(4, 0), BlobName::meta(5)];
    commit(&disk, puts(&[(names[0], b"kept"), (names[1], b"taken")])).await?;
    let batch = Batch {
        deletes: vec![logs(1, 1)],
        puts: owned(&[(names[3], b"new"), (names[4], b"new")]),
        inserts: owned(&[(names[2], b"new"), (names[1], b"new")]),
        reads: vec![logs(1, 1)],
    };
    equal(disk.commit(batch, Durability::Relaxed).await, Err(DiskError::Exists(names[1])))?;
    let expected = vec![Some(b"kept".to_vec()), Some(b"taken".to_vec()), None, None, None];
    equal(read(&other, &names).await?, expected)
}

async fn insert_race((one, two): Disks) -> Verdict {
    for round in 0..5 {
        let name = BlobName::log(round);
        // From the third round on of all lengths, so that a loser's bytes would show among the winner's.
        let bytes = |tab: usize| noise(if round < 2 { 1 } else { 30_000 * (tab + 1) }, tab as u64);
        let race = (0..8).map(|tab| {
            let disk = if tab % 2 == 0 { &one } else { &two };
            disk.commit(inserts(&[(name, &bytes(tab))]), Durability::Relaxed)
        });
        let results = together(race.collect()).await;
        let winners: Vec<usize> =
            (0..).zip(&results).filter(|(_, result)| result.is_ok()).map(|(tab, _)| tab).collect();
        equal(winners.len(), 1)?;
        let lost = results.iter().filter(|result| **result == Err(DiskError::Exists(name))).count();
        equal(lost, 7)?;
        check_blob(&two, name, Some(&bytes(winners[0]))).await?;
    }
    Ok(())
}

async fn batch_order((disk, _): Disks) -> Verdict {
    let names = [BlobName::log(1), BlobName::log(2), BlobName::log(3)];
    commit(&disk, puts(&names.map(|name| (name, &b"old"[..])))).await?;
    let batch = Batch {
        deletes: vec![logs(1, 3)],
        puts: owned(&[(names[0], b"put")]),
        inserts: owned(&[(names[1], b"inserted")]),
        reads: vec![BlobRange::all(Area::Log)],
    };
    equal(commit(&disk, batch).await?, vec![vec![b"put".to_vec(), b"inserted".to_vec()]])?;
    equal(read(&disk, &names).await?, vec![Some(b"put".to_vec()), Some(b"inserted".to_vec()), None])
}

async fn commit_reads_own_writes((disk, _): Disks) -> Verdict {
    commit(&disk, puts(&[(BlobName::table(1, 0), b"old"), (BlobName::floor(3), b"three")])).await?;
    let batch = Batch {
        deletes: vec![BlobRange::one(Area::Table, 1)],
        puts: owned(&[(BlobName::meta(2), b"put"), (BlobName::floor(11), b"eleven")]),
        inserts: owned(&[(BlobName::log(1), b"record")]),
        reads: vec![
            logs(1, 1),
            BlobRange::all(Area::Floor),
            BlobRange::one(Area::Table, 1),
            BlobRange::all(Area::Meta),
        ],
    };
    let floors = vec![b"three".to_vec(), b"eleven".to_vec()];
    equal(commit(&disk, batch).await?, vec![vec![b"record".to_vec()], floors, vec![], vec![b"put".to_vec()]])
}

async fn commit_reads_others((disk, other): Disks) -> Verdict {
    for count in 0..10u8 {
        let mut floor = puts(&[(BlobName::floor(count.into()), &[count])]);
        floor.deletes = vec![BlobRange::all(Area::Floor)];
        commit(&other, floor).await?;
        let mut batch = inserts(&[(BlobName::log(count.into()), b"record")]);
        batch.reads = vec![BlobRange::all(Area::Floor)];
        equal(commit(&disk, batch).await?, vec![vec![vec![count]]])?;
    }
    Ok(())
}

async fn empty_commit((disk, _): Disks) -> Verdict {
    equal(commit(&disk, Batch::default()).await?, vec![])
}

async fn visible_to_others((one, two): Disks) -> Verdict {
    for round in 0..20u64 {
        let (writer, reader) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let bytes = round.to_le_bytes();
        commit(writer, puts(&[(BlobName::meta(1), &bytes), (BlobName::table(round, 3), &bytes)])).await?;
        check_blob(reader, BlobName::meta(1), Some(&bytes)).await?;
        check_blob(reader, BlobName::table(round, 3), Some(&bytes)).await?;
    }
    Ok(())
}

async fn atomic_for_readers((one, two): Disks) -> Verdict {
    let names = [BlobName::meta(1), BlobName::log(1), BlobName::log(2), BlobName::table(1, 0), BlobName::table(9, 9)];
    let writing = (0..25u8).map(|round| -> LocalFuture<'_, Verdict> {
        let bytes = [round; 100];
        let batch = puts(&names.map(|name| (name, &bytes[..])));
        Box::pin(async { commit(&one, batch).await.map(drop) })
    });
    let reading = (0..25).map(|_| -> LocalFuture<'_, Verdict> {
        Box::pin(async {
            let seen = read(&two, &names).await?;
            ensure(seen.windows(2).all(|pair| pair[0] == pair[1]), || format!("a mix: {:?}", summary(&seen)))
        })
    });
    together(writing.zip(reading).flat_map(|(write, read)| [write, read]).collect()).await.into_iter().collect()
}

fn summary(answers: &Answers) -> Vec<Option<u8>> {
    answers.iter().map(|blob| blob.as_ref().and_then(|bytes| bytes.first().copied())).collect()
}

async fn total_order((one, two): Disks) -> Verdict {
    let order = RefCell::new(Vec::new());
    let counter = BlobName::meta(1);
    commit(&one, puts(&[(counter, &[0])])).await?;
    let tabs = (0..6u8).map(|tab| -> LocalFuture<'_, Verdict> {
        let (disk, order) = (if tab % 2 == 0 { &one } else { &two }, &order);
        Box::pin(async move {
            let mut done = 0u8;
            while done < 5 {
                // An optimistic increment: the insert is the compare-and-set, as the engine's log uses it.
                let head = read(disk, &[counter]).await?[0].clone().unwrap_or_default();
                let next = [head.first().copied().unwrap_or_default() + 1];
                let mut batch = inserts(&[(BlobName::log(next[0].into()), &[tab])]);
                batch.puts = owned(&[(counter, &next)]);
                match disk.commit(batch, Durability::Relaxed).await {
                    Ok(_) => {
                        order.borrow_mut().push(next[0]);
                        done += 1;
                    }
                    Err(DiskError::Exists(_)) => {}
                    Err(error) => return Err(format!("commit failed: {error}")),
                }
            }
            Ok(())
        })
    });
    together(tabs.collect()).await.into_iter().collect::<Verdict>()?;
    let mut positions = order.into_inner();
    positions.sort_unstable();
    equal(positions, (1..=30).collect())?;
    equal(scan(&one, logs(0, u64::MAX), 99).await?.len(), 30)
}

async fn range_delete((disk, other): Disks) -> Verdict {
    let names: Vec<BlobName> =
        (1..=5).flat_map(|id| [0, 1, (1 << 20) - 1].map(|part| BlobName::table(id, part))).collect();
    let blobs: Vec<(BlobName, &[u8])> = names.iter().map(|name| (*name, &b"block"[..])).collect();
    commit(&disk, puts(&blobs)).await?;
    let tables = |first, last| BlobRange { area: Area::Table, first, last };
    commit(&disk, deletes(&[tables(2, 3), tables(5, 5), tables(77, 99)])).await?;
    let left = scan(&other, tables(0, u64::MAX), 99).await?;
    let expected: Vec<BlobName> = names.into_iter().filter(|name| name.id == 1 || name.id == 4).collect();
    equal(left.into_iter().map(|(name, _)| name).collect(), expected)
}

async fn empty_ranges((disk, _): Disks) -> Verdict {
    let name = BlobName::log(5);
    commit(&disk, puts(&[(name, b"kept")])).await?;
    equal(scan(&disk, logs(6, 4), 9).await?, vec![])?;
    equal(scan(&disk, logs(6, 9), 9).await?, vec![])?;
    equal(scan(&disk, logs(0, 9), 0).await?, vec![])?;
    commit(&disk, deletes(&[logs(6, 4), logs(6, 9)])).await?;
    check_blob(&disk, name, Some(b"kept")).await
}

async fn scan_order_and_limit((disk, other): Disks) -> Verdict {
    for id in [30, 2, 100, 9, 1 << 40, 10, 3] {
        commit(&disk, inserts(&[(BlobName::log(id), id.to_string().as_bytes())])).await?;
    }
    let ids = |found: NamedBlobs| found.into_iter().map(|(name, _)| name.id).collect::<Vec<_>>();
    equal(ids(scan(&other, logs(0, u64::MAX), 99).await?), vec![2, 3, 9, 10, 30, 100, 1 << 40])?;
    equal(ids(scan(&other, logs(3, 30), 99).await?), vec![3, 9, 10, 30])?;
    equal(scan(&other, logs(3, 30), 2).await?, owned(&[(BlobName::log(3), b"3"), (BlobName::log(9), b"9")]))?;
    commit(&disk, puts(&[(BlobName::table(2, 1), b"c"), (BlobName::table(1, 7), b"b"), (BlobName::table(1, 2), b"a")]))
        .await?;
    let tables = BlobRange { area: Area::Table, first: 1, last: 2 };
    let blocks: Vec<Vec<u8>> = scan(&disk, tables, 99).await?.into_iter().map(|(_, bytes)| bytes).collect();
    equal(blocks, vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()])
}

async fn scan_is_atomic((one, two): Disks) -> Verdict {
    let names: Vec<BlobName> = (1..40).map(BlobName::log).collect();
    let writing = (0..10u8).map(|round| -> LocalFuture<'_, Verdict> {
        let bytes = [round; 50];
        let blobs: Vec<(BlobName, &[u8])> = names.iter().map(|name| (*name, &bytes[..])).collect();
        let batch = puts(&blobs);
        Box::pin(async { commit(&one, batch).await.map(drop) })
    });
    let reading = (0..10).map(|_| -> LocalFuture<'_, Verdict> {
        Box::pin(async {
            let seen = scan(&two, logs(0, u64::MAX), 1000).await?;
            ensure(seen.windows(2).all(|pair| pair[0].1 == pair[1].1), || "a mix of two commits".to_owned())
        })
    });
    together(writing.zip(reading).flat_map(|(write, read)| [write, read]).collect()).await.into_iter().collect()
}

async fn mixed_durability((disk, other): Disks) -> Verdict {
    for id in 1..=10 {
        let durability = if id % 2 == 0 { Durability::Strict } else { Durability::Relaxed };
        let done = disk.commit(inserts(&[(BlobName::log(id), b"record")]), durability).await;
        done.map_err(|error| format!("commit failed: {error}"))?;
    }
    equal(scan(&other, logs(1, 10), 99).await?.len(), 10)
}

async fn abandoned_commit((disk, other): Disks) -> Verdict {
    let names = [BlobName::meta(1), BlobName::log(1), BlobName::table(1, 0)];
    let mut future = disk.commit(puts(&names.map(|name| (name, &b"x"[..]))), Durability::Relaxed);
    poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
    drop(future);
    disk.settle().await.map_err(|error| format!("settle failed: {error}"))?;
    let seen = read(&other, &names).await?;
    ensure(seen.windows(2).all(|pair| pair[0] == pair[1]), || format!("half of it: {seen:?}"))?;
    let later = read(&other, &names).await?;
    equal(later, seen)
}

async fn settle((disk, _): Disks) -> Verdict {
    for _ in 0..2 {
        disk.settle().await.map_err(|error| format!("settle failed: {error}"))?;
        commit(&disk, puts(&[(BlobName::meta(1), b"x")])).await?;
    }
    Ok(())
}

async fn closed((disk, other): Disks) -> Verdict {
    let name = BlobName::log(1);
    commit(&disk, puts(&[(name, b"x")])).await?;
    disk.close();
    equal(disk.read(&[name]).await, Err(DiskError::Closed))?;
    equal(disk.scan(logs(0, 9), 9).await, Err(DiskError::Closed))?;
    equal(disk.commit(puts(&[(name, b"y")]), Durability::Relaxed).await, Err(DiskError::Closed))?;
    check_blob(&other, name, Some(b"x")).await?;
    commit(&other, puts(&[(name, b"z")])).await.map(drop)
}

async fn close_twice((disk, _): Disks) -> Verdict {
    disk.close();
    disk.close();
    equal(disk.read(&[]).await, Err(DiskError::Closed))
}

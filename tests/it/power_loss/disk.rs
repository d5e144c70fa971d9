//! What a disk may hold after the power went: everything that a finished `fsync` covers, and of the rest nothing, all, or
//! any part. A file's bytes and length last by an `fsync` of the file; a name in a folder by one of the folder.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::trace::{Call, Recording, Step};

/// A part of a write that a disk writes whole or not at all.
const SECTOR: usize = 512;

/// What becomes of the changes that no `fsync` covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    Dropped,
    Kept,
    /// Each call for itself.
    Random,
    /// Each sector of each write for itself.
    Torn,
}

/// A small generator of numbers, so that an image can be made again from its seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn heads(&mut self) -> bool {
        self.next() & 1 == 0
    }

    /// Below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }
}

/// A change that has begun, with the call it is of.
struct Pending<T> {
    call: usize,
    ended: bool,
    change: T,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<Pending<Change>>,
    /// Where `write` goes on.
    end: usize,
}

/// Names that change together: gone where there is no node.
type Names = Vec<(String, Option<Node>)>;

#[derive(Default)]
struct Folder {
    synced: BTreeMap<String, Node>,
    pending: Vec<Pending<Names>>,
}

/// The files below a folder, as a recording goes on.
pub struct Disk {
    root: String,
    files: Vec<File>,
    folders: HashMap<String, Folder>,
    /// What the running program sees.
    now: HashMap<String, Node>,
    /// Which changes a sync covers: those that had ended when it began.
    covered: HashMap<usize, Vec<usize>>,
}

impl Disk {
    /// An empty folder, which itself is on disk.
    pub fn below(root: &str) -> Self {
        Self {
            root: root.to_owned(),
            files: Vec::new(),
            folders: HashMap::from([(root.to_owned(), Folder::default())]),
            now: HashMap::from([(root.to_owned(), Node::Folder)]),
            covered: HashMap::new(),
        }
    }

    /// Whether a file whose name ends so has changes that no sync covers.
    pub fn is_unsynced(&self, ending: &str) -> bool {
        self.now.iter().any(|(path, node)| match node {
            Node::File(file) => path.ends_with(ending) && !self.files[*file].pending.is_empty(),
            Node::Folder => false,
        })
    }

    /// Takes one step of the recording.
    pub fn take(&mut self, recording: &Recording, step: Step) {
        let call = &recording.calls[step.call];
        match (call, step.ends) {
            (Call::Sync(path), false) => {
                let ended = self.ended_changes(path);
                self.covered.insert(step.call, ended);
            }
            (Call::Sync(path), true) => {
                let covered = self.covered.remove(&step.call).unwrap_or_default();
                self.sync(path, &covered);
            }
            (_, true) => self.end(step.call),
            (call, false) if recording.succeeds(step.call) => self.begin(step.call, call),
            (_, false) => {}
        }
    }

    fn is_ours(&self, path: &str) -> bool {
        // Its index in memory is made anew from the log of writes when a database opens.
        path.starts_with(&self.root) && !path.ends_with("-shm")
    }

    fn begin(&mut self, call: usize, what: &Call) {
        match what {
            Call::Open {
                path,
                create,
                truncate,
            } if self.is_ours(path) => {
                if *create && !self.now.contains_key(path) {
                    self.files.push(File::default());
                    let node = Node::File(self.files.len() - 1);
                    self.rename(call, vec![(path.clone(), Some(node))]);
                }
                if *truncate {
                    self.change(path, call, Change::Length(0));
                }
            }
            Call::MakeFolder(path) if self.is_ours(path) => {
                self.folders.insert(path.clone(), Folder::default());
                self.rename(call, vec![(path.clone(), Some(Node::Folder))]);
            }
            Call::Write { path, offset, bytes } => {
                let end = self.file(path).map_or(0, |file| file.end);
                self.change(path, call, Change::Write(offset.unwrap_or(end), bytes.clone()));
            }
            Call::Truncate { path, length } => self.change(path, call, Change::Length(*length)),
            Call::Unlink(path) => self.rename(call, vec![(path.clone(), None)]),
            Call::Rename { from, to } => {
                let node = self.now.get(from).copied();
                self.rename(call, vec![(from.clone(), None), (to.clone(), node)]);
            }
            Call::Link { from, to } => {
                let node = self.now.get(from).copied();
                self.rename(call, vec![(to.clone(), node)]);
            }
            Call::Open { .. } | Call::MakeFolder(_) | Call::Sync(_) => {}
        }
    }

    fn file(&mut self, path: &str) -> Option<&mut File> {
        match self.now.get(path) {
            Some(Node::File(file)) => Some(&mut self.files[*file]),
            _ => None,
        }
    }

    fn change(&mut self, path: &str, call: usize, change: Change) {
        let Some(file) = self.file(path) else { return };
        file.end = match &change {
            Change::Write(offset, bytes) => offset + bytes.len(),
            Change::Length(length) => *length,
        };
        file.pending.push(Pending {
            call,
            ended: false,
            change,
        });
    }

    /// Changes names of one folder.
    fn rename(&mut self, call: usize, names: Names) {
        if !names.iter().all(|(path, _)| self.is_ours(path)) {
            return;
        }
        let folder = parent(&names[0].0).to_owned();
        assert!(
            names.iter().all(|(path, _)| parent(path) == folder),
            "moved between folders: {names:?}"
        );
        for (path, node) in &names {
            match node {
                Some(node) => self.now.insert(path.clone(), *node),
                None => self.now.remove(path),
            };
        }
        if let Some(folder) = self.folders.get_mut(&folder) {
            folder.pending.push(Pending {
                call,
                ended: false,
                change: names,
            });
        }
    }

    fn end(&mut self, call: usize) {
        fn end<T>(pending: &mut [Pending<T>], call: usize) {
            if let Ok(index) = pending.binary_search_by_key(&call, |pending| pending.call) {
                pending[index].ended = true;
            }
        }
        self.files
            .iter_mut()
            .for_each(|file| end(&mut file.pending, call));
        self.folders
            .values_mut()
            .for_each(|folder| end(&mut folder.pending, call));
    }

    fn ended_changes(&mut self, path: &str) -> Vec<usize> {
        fn calls<T>(pending: &[Pending<T>]) -> Vec<usize> {
            // Only from the start on, so that what lasts is a beginning of what was asked for.
            let ended = pending.iter().take_while(|pending| pending.ended);
            ended.map(|pending| pending.call).collect()
        }
        if let Some(folder) = self.folders.get(path) {
            return calls(&folder.pending);
        }
        self.file(path).map_or(Vec::new(), |file| calls(&file.pending))
    }

    fn sync(&mut self, path: &str, covered: &[usize]) {
        let is_covered = |call: usize| covered.binary_search(&call).is_ok();
        if let Some(Folder { synced, pending }) = self.folders.get_mut(path) {
            for pending in pending.extract_if(.., |pending| is_covered(pending.call)) {
                apply_names(synced, &pending.change);
            }
        } else if let Some(File { synced, pending, .. }) = self.file(path) {
            for pending in pending.extract_if(.., |pending| is_covered(pending.call)) {
                apply(synced, &pending.change);
            }
        }
    }

    /// Writes what the disk may hold now below `target`.
    pub fn write_image(&self, target: &Path, unsynced: Unsynced, dice: &mut Dice) {
        self.write_folder(&self.root, target, unsynced, dice);
    }

    fn write_folder(&self, path: &str, target: &Path, unsynced: Unsynced, dice: &mut Dice) {
        std::fs::create_dir_all(target).unwrap();
        let folder = &self.folders[path];
        let mut names = folder.synced.clone();
        for pending in &folder.pending {
            if survives(unsynced, dice) {
                apply_names(&mut names, &pending.change);
            }
        }
        for (path, node) in names {
            let target = target.join(path.rsplit('/').next().unwrap());
            match node {
                Node::Folder => self.write_folder(&path, &target, unsynced, dice),
                Node::File(file) => std::fs::write(target, self.content(file, unsynced, dice)).unwrap(),
            }
        }
    }

    fn content(&self, file: usize, unsynced: Unsynced, dice: &mut Dice) -> Vec<u8> {
        let file = &self.files[file];
        let mut content = file.synced.clone();
        for pending in &file.pending {
            match &pending.change {
                Change::Write(offset, bytes) if unsynced == Unsynced::Torn => {
                    for (at, sector) in sectors(*offset, bytes) {
                        if dice.heads() {
                            apply(&mut content, &Change::Write(at, sector.to_vec()));
                        }
                    }
                }
                change => {
                    if survives(unsynced, dice) {
                        apply(&mut content, change);
                    }
                }
            }
        }
        content
    }
}

fn survives(unsynced: Unsynced, dice: &mut Dice) -> bool {
    match unsynced {
        Unsynced::Dropped => false,
        Unsynced::Kept => true,
        Unsynced::Random | Unsynced::Torn => dice.heads(),
    }
}

/// The parts of a write that end at the disk's sectors.
fn sectors(offset: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let first = (SECTOR - offset % SECTOR).min(bytes.len());
    let (head, rest) = bytes.split_at(first);
    let following = (0..).map(move |index| offset + first + index * SECTOR);
    std::iter::once((offset, head)).chain(following.zip(rest.chunks(SECTOR)))
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(offset, bytes) => {
            let end = offset + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*offset..end].copy_from_slice(bytes);
        }
        Change::Length(length) => content.resize(*length, 0),
    }
}

fn apply_names(names: &mut BTreeMap<String, Node>, changes: &Names) {
    for (path, node) in changes {
        match node {
            Some(node) => names.insert(path.clone(), *node),
            None => names.remove(path),
        };
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').unwrap().0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk after these calls, each ended before the next.
    fn after(calls: &[Call]) -> Disk {
        let mut recording = Recording::default();
        for call in calls {
            recording.add(call.clone());
        }
        let mut disk = Disk::below("/d");
        for step in recording.steps.clone() {
            disk.take(&recording, step);
        }
        disk
    }

    fn open(path: &str) -> Call {
        Call::Open {
            path: path.to_owned(),
            create: true,
            truncate: false,
        }
    }

    fn write(path: &str, offset: usize, bytes: Vec<u8>) -> Call {
        Call::Write {
            path: path.to_owned(),
            offset: Some(offset),
            bytes,
        }
    }

    fn sync(path: &str) -> Call {
        Call::Sync(path.to_owned())
    }

    /// The file `a` of every image; none where it has no name.
    fn images(disk: &Disk, unsynced: Unsynced) -> Vec<Option<Vec<u8>>> {
        let image = |seed| {
            let folder = tempfile::tempdir().unwrap();
            disk.write_image(folder.path(), unsynced, &mut Dice(seed));
            std::fs::read(folder.path().join("a")).ok()
        };
        let mut images: Vec<_> = (0..64).map(image).collect();
        images.sort();
        images.dedup();
        images
    }

    #[test]
    fn a_name_lasts_by_a_sync_of_its_folder_and_bytes_by_one_of_the_file() {
        let named = after(&[open("/d/a"), write("/d/a", 0, vec![1]), sync("/d/a")]);
        assert_eq!(images(&named, Unsynced::Dropped), [None]);
        assert_eq!(images(&named, Unsynced::Kept), [Some(vec![1])]);
        assert_eq!(images(&named, Unsynced::Random), [None, Some(vec![1])]);
        let empty = after(&[open("/d/a"), write("/d/a", 0, vec![1]), sync("/d")]);
        assert_eq!(images(&empty, Unsynced::Random), [Some(vec![]), Some(vec![1])]);
        let gone = after(&[open("/d/a"), sync("/d"), Call::Unlink("/d/a".to_owned())]);
        assert_eq!(images(&gone, Unsynced::Dropped), [Some(vec![])], "it comes back");
        assert_eq!(images(&gone, Unsynced::Kept), [None]);
    }

    #[test]
    fn a_sync_covers_only_what_had_ended_when_it_began() {
        let mut recording = Recording::default();
        for call in [open("/d/a"), sync("/d"), write("/d/a", 0, vec![1])] {
            recording.add(call);
        }
        recording.add(sync("/d/a"));
        let end_of_write = recording.steps.remove(5);
        // The write ends while the sync runs.
        recording.steps.insert(6, end_of_write);
        let mut disk = Disk::below("/d");
        for step in recording.steps.clone() {
            disk.take(&recording, step);
        }
        assert_eq!(images(&disk, Unsynced::Dropped), [Some(vec![])]);
    }

    #[test]
    fn a_write_is_torn_where_sectors_meet_and_nowhere_else() {
        let disk = after(&[open("/d/a"), sync("/d"), write("/d/a", 500, vec![1; 24])]);
        let both = [vec![0; 500], vec![1; 24]].concat();
        let (first, second) = (
            [vec![0; 500], vec![1; 12]].concat(),
            [vec![0; 512], vec![1; 12]].concat(),
        );
        let mut expected = vec![Some(vec![]), Some(both), Some(first), Some(second)];
        expected.sort();
        assert_eq!(images(&disk, Unsynced::Torn), expected);
    }

    #[test]
    fn a_length_that_is_not_synced_may_be_the_old_one() {
        let calls = [
            open("/d/a"),
            sync("/d"),
            write("/d/a", 0, vec![1, 2]),
            sync("/d/a"),
            Call::Truncate {
                path: "/d/a".to_owned(),
                length: 1,
            },
        ];
        assert_eq!(
            images(&after(&calls), Unsynced::Random),
            [Some(vec![1]), Some(vec![1, 2])]
        );
    }
}

//! Files and folders that outlive a power loss: their bytes are flushed, and their names too, which another flush, that of
//! the folder, is for. Keys and certificates are written through it; databases see to it themselves.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Result, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Makes a folder and those above it, where they are missing.
pub fn create_folder(path: &Path, mode: u32) -> Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !exists(folder)).collect();
    DirBuilder::new().recursive(true).mode(mode).create(path)?;
    missing.into_iter().rev().try_for_each(flush_name)
}

/// Writes a file: a reader, also one after a power loss, sees the old one or the new one, whole.
pub fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let beside = write_beside(path, text, mode)?;
    std::fs::rename(&beside, path)?;
    flush_name(path)
}

/// Writes a file that is not there yet; fails where another process was faster.
pub fn create(path: &Path, text: &str, mode: u32) -> Result<()> {
    let beside = write_beside(path, text, mode)?;
    // Not every file system knows the first way.
    let named = renameat_with(CWD, &beside, CWD, path, RenameFlags::NOREPLACE)
        .or_else(|_| std::fs::hard_link(&beside, path));
    let _ = std::fs::remove_file(&beside);
    named?;
    flush_name(path)
}

fn write_beside(path: &Path, text: &str, mode: u32) -> Result<PathBuf> {
    let mut beside = OsString::from(path);
    beside.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(beside);
    let _ = std::fs::remove_file(&beside);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(beside)
}

fn flush_name(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The empty path is the working folder.
fn exists(folder: &Path) -> bool {
    folder.as_os_str().is_empty() || folder.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_created_only_once() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/b");
        create_folder(&folder, 0o700).unwrap();
        create_folder(&folder, 0o700).unwrap();
        let path = folder.join("key");
        create(&path, "one", 0o600).unwrap();
        assert!(create(&path, "two", 0o600).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
        write(&path, "three", 0o600).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three");
        assert_eq!(
            std::fs::read_dir(&folder).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }
}

//! `fieldgate copy`.

use std::path::PathBuf;

use clap::Args;

use super::client::progress::Progress;
use super::{Outcome, PlaceArgs, print, runtime};
use crate::app;

#[derive(Args)]
pub(super) struct CopyArgs {
    /// Where everything is: `sqlite://PATH`; its server is stopped
    #[arg(long, value_name = "URL")]
    from: String,
    /// An empty database: `postgres://USER@HOST/DATABASE`; a password may come from --to-file
    #[arg(long, value_name = "URL", required_unless_present = "to_file")]
    to: Option<String>,
    /// A file that holds the URL of the empty database
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    to_file: Option<PathBuf>,
    /// Where the master key is, the same for both
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) fn run(args: &CopyArgs) -> Outcome {
    let config = args.place.load()?;
    let to = match (&args.to, &args.to_file) {
        (Some(url), _) => url.clone(),
        (None, Some(file)) => std::fs::read_to_string(file)
            .map_err(|error| format!("{}: {error}", file.display()))?
            .trim()
            .to_owned(),
        (None, None) => return Err("--to or --to-file says where to copy".into()),
    };
    let mut progress = None;
    let digests = runtime(&config)?.block_on(app::copy(&config, &args.from, &to, |done, total, place| {
        progress
            .get_or_insert_with(|| Progress::new("copying", Some(total)))
            .show(done, place);
    }))?;
    drop(progress);
    for digest in digests {
        print(&format!(
            "{:<16} {:>10} rows  sha256 {}\n",
            digest.table, digest.rows, digest.hash
        ));
    }
    print("everything was copied and compared\n");
    Ok(())
}

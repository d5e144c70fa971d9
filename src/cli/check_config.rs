//! `fieldgate check-config`.

use super::{ConfigArgs, Outcome, print};
use crate::config;

pub(super) fn run(args: &ConfigArgs) -> Outcome {
    print(&config::render(&args.load()?));
    Ok(())
}

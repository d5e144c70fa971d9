//! `fieldgate migrate`.

use super::{ConfigArgs, Outcome, print, runtime};
use crate::app;
use crate::lifecycle::Lifecycle;

pub(super) fn run(args: &ConfigArgs) -> Outcome {
    let config = args.load()?;
    runtime(&config)?.block_on(async {
        let (stores, _) = app::open_stores(&config, &Lifecycle::new()).await?;
        stores.log.close().await;
        print("the database is at this version's schema\n");
        Ok(())
    })
}

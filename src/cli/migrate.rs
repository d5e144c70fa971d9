//! `fieldgate migrate`.

use super::{ConfigArgs, Outcome, print, runtime};
use crate::app;

pub(super) fn run(args: &ConfigArgs) -> Outcome {
    let config = args.load()?;
    runtime(&config)?.block_on(async {
        let stores = app::open_beside(&config).await?;
        stores.log.close().await;
        print("the database is at this version's schema\n");
        Ok(())
    })
}

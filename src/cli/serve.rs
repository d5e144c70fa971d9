//! `fieldgate serve`.

use super::{ConfigArgs, Outcome, print_listening, raise_file_limit, runtime};
use crate::app::App;
use crate::observability;

pub(super) fn run(args: &ConfigArgs) -> Outcome {
    let config = args.load()?;
    let _logs = observability::init_logs(config.log.format, &config.log.level)?;
    raise_file_limit(&config);
    runtime(&config)?.block_on(async {
        let app = App::build(config).await?;
        app.run(print_listening).await?;
        Ok(())
    })
}

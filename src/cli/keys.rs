//! `fieldgate keys create`: works beside a running server, which reads keys at each use.

use clap::{Args, Subcommand, ValueEnum};

use super::{Outcome, PlaceArgs, print, runtime};
use crate::app;
use crate::auth::access_key::{Role, generate};
use crate::domain::clock::{Clock, SystemClock};
use crate::storage::{AccessKey, Stores};

#[derive(Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Make a key; its secret is shown once
    Create(CreateArgs),
}

#[derive(Args)]
struct CreateArgs {
    /// A name to know it by; names may repeat
    #[arg(long)]
    name: String,
    /// What it may do
    #[arg(long, value_enum, default_value_t = RoleArg::Admin)]
    role: RoleArg,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleArg {
    Admin,
    Reader,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(super) fn run(args: &KeysArgs) -> Outcome {
    let KeysCommand::Create(args) = &args.command;
    let config = args.place.load()?;
    runtime(&config)?.block_on(async {
        let stores = app::open_beside(&config).await?;
        let role = match args.role {
            RoleArg::Admin => Role::Admin,
            RoleArg::Reader => Role::Reader,
        };
        let key = create(&stores, &args.name, role).await?;
        let project_id = stores.settings.project_id().await?;
        stores.log.close().await;
        let (access_key, secret_key) = (&key.access_key, key.secret.expose());
        match args.format {
            Format::Json => {
                let shown = serde_json::json!(
                    {"access_key": access_key, "secret_key": secret_key, "project_id": project_id});
                print(&format!("{shown}\n"));
            }
            Format::Text => print(&format!(
                "access_key {access_key}\nsecret_key {secret_key}\nproject_id {project_id}\n\
                 Send them as X-Auth-Token: <access_key>:<secret_key>. The secret is not shown again.\n"
            )),
        }
        Ok(())
    })
}

/// Makes and stores a key.
pub(super) async fn create(
    stores: &Stores,
    name: &str,
    role: Role,
) -> Result<AccessKey, Box<dyn std::error::Error + Send + Sync>> {
    let (access_key, secret) = generate()?;
    let key = AccessKey {
        access_key,
        name: name.to_owned(),
        role,
        secret,
        disabled: false,
        created: SystemClock.now(),
    };
    stores.settings.create_key(&key).await?;
    Ok(key)
}

//! `fieldgate keys`: works beside a running server, which reads keys at each use.

use clap::{Args, Subcommand, ValueEnum};

use super::{Failure, Format, Outcome, PlaceArgs, beside_server, noted};
use crate::auth::access_key::Role;
use crate::auth::secret::RandomError;
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::event_time;
use crate::storage::{AccessKey, ListedKey, NewAuditEntry, Stores};

#[derive(Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Make a key; its secret is shown once
    Create(CreateArgs),
    /// Show all keys, the oldest first, without their secrets
    List(ListArgs),
    /// Refuse a key from now on, and the tokens that were given for it
    Disable(OneKeyArgs),
    /// Take a disabled key again
    Enable(OneKeyArgs),
    /// Delete a key, and with it the tokens that were given for it
    Delete(OneKeyArgs),
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

#[derive(Args)]
struct ListArgs {
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Args)]
struct OneKeyArgs {
    /// The access key, as `keys list` shows it
    access_key: String,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleArg {
    Admin,
    Reader,
}

pub(super) fn run(args: &KeysArgs) -> Outcome {
    let config = match &args.command {
        KeysCommand::Create(CreateArgs { place, .. })
        | KeysCommand::List(ListArgs { place, .. })
        | KeysCommand::Disable(OneKeyArgs { place, .. })
        | KeysCommand::Enable(OneKeyArgs { place, .. })
        | KeysCommand::Delete(OneKeyArgs { place, .. }) => place.load()?,
    };
    // The first may come before the first start; the others have nothing to do without a database.
    let makes = matches!(args.command, KeysCommand::Create(_));
    beside_server(&config, makes, async |stores| answer(&args.command, stores).await)
}

async fn answer(command: &KeysCommand, stores: &Stores) -> Result<String, Failure> {
    let settings = &stores.settings;
    let (args, found, now) = match command {
        KeysCommand::Create(args) => return show_new(args, stores).await,
        KeysCommand::List(args) => return Ok(show(&settings.list_keys().await?, args.format)),
        KeysCommand::Disable(args) => {
            let found = settings
                .set_key_disabled(
                    &args.access_key,
                    true,
                    &noted_of("disable_key", &args.access_key)?,
                )
                .await?;
            (args, found, "is disabled")
        }
        KeysCommand::Enable(args) => {
            let found = settings
                .set_key_disabled(
                    &args.access_key,
                    false,
                    &noted_of("enable_key", &args.access_key)?,
                )
                .await?;
            (args, found, "is enabled")
        }
        KeysCommand::Delete(args) => {
            let found = settings
                .delete_key(&args.access_key, &noted_of("delete_key", &args.access_key)?)
                .await?;
            (args, found, "is deleted")
        }
    };
    let key = args.access_key.escape_debug();
    if found {
        Ok(format!("access key {key} {now}, for a running server too\n"))
    } else {
        Err(format!("there is no access key {key} (its name or its secret will not do): `fieldgate keys list` shows them").into())
    }
}

async fn show_new(args: &CreateArgs, stores: &Stores) -> Result<String, Failure> {
    let role = match args.role {
        RoleArg::Admin => Role::Admin,
        RoleArg::Reader => Role::Reader,
    };
    let key = create(stores, &args.name, role).await?;
    let project_id = stores.settings.project_id().await?;
    let (access_key, secret_key) = (&key.access_key, key.secret.expose());
    Ok(match args.format {
        Format::Json => {
            let shown = serde_json::json!(
                {"access_key": access_key, "secret_key": secret_key, "project_id": project_id});
            format!("{shown}\n")
        }
        Format::Text => format!(
            "access_key {access_key}\nsecret_key {secret_key}\nproject_id {project_id}\n\
             Sign requests with them, or send X-Auth-Token: <access_key>:<secret_key>. The secret is not shown again.\n"
        ),
    })
}

fn show(keys: &[ListedKey], format: Format) -> String {
    match format {
        Format::Json => {
            let member = |key: &ListedKey| {
                serde_json::json!({
                    "access_key": key.access_key,
                    "name": key.name,
                    "role": key.role.as_str(),
                    "disabled": key.disabled,
                    "create_time": event_time::compact(key.created),
                })
            };
            let keys: Vec<_> = keys.iter().map(member).collect();
            format!("{}\n", serde_json::json!({ "keys": keys }))
        }
        Format::Text => {
            let row = |key: &ListedKey| {
                let state = if key.disabled { "disabled" } else { "enabled" };
                let made = event_time::compact(key.created);
                let (role, name) = (key.role.as_str(), key.name.escape_debug());
                format!("{:<20}  {role:<6}  {state:<8}  {made}  {name}\n", key.access_key)
            };
            let head = "ACCESS KEY            ROLE    STATE     MADE              NAME\n".to_owned();
            std::iter::once(head).chain(keys.iter().map(row)).collect()
        }
    }
}

/// Makes and stores a key.
pub(super) async fn create(stores: &Stores, name: &str, role: Role) -> Result<AccessKey, Failure> {
    let key = AccessKey::generate(name, role, SystemClock.now())?;
    let noted = noted_of("create_key", &key.access_key)?;
    stores.settings.create_key(&key, &noted).await?;
    Ok(key)
}

fn noted_of(action: &str, access_key: &str) -> Result<NewAuditEntry, RandomError> {
    noted(action, format!("/keys/{access_key}"))
}

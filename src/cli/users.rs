//! `fieldgate users`: works beside a running server, which reads users and sessions at each request.

use clap::{Args, Subcommand, ValueEnum};

use super::{Failure, Format, Outcome, PlaceArgs, beside_server, noted};
use crate::auth::person::{UserName, UserRole};
use crate::auth::person_password::{PasswordHash, generate_one_time};
use crate::auth::secret::{RandomError, Secret};
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::event_time;
use crate::storage::{NewAuditEntry, NewUser, Stores, User};

#[derive(Args)]
pub(super) struct UsersArgs {
    #[command(subcommand)]
    command: UsersCommand,
}

#[derive(Subcommand)]
enum UsersCommand {
    /// Add a user; the password for the first sign-in is shown once
    Add(AddArgs),
    /// Show all users by name
    List(ListArgs),
    /// Refuse a user from now on, and end every session
    Disable(OneUserArgs),
    /// Take a disabled user again
    Enable(OneUserArgs),
    /// Delete a user
    Delete(OneUserArgs),
    /// Give a password for one sign-in, shown once, and end every session
    ResetPassword(OneUserArgs),
}

#[derive(Args)]
struct AddArgs {
    /// 1 to 64 of a to z, 0 to 9, '.', '_' and '-'
    name: String,
    /// What the user may do
    #[arg(long, value_enum, default_value_t = RoleArg::Operator)]
    role: RoleArg,
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
struct OneUserArgs {
    /// The user's name
    name: String,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleArg {
    /// Everything
    Admin,
    /// Everything but keys, users and the audit log
    Operator,
    /// Looks at what an operator sees
    Reader,
}

pub(super) fn run(args: &UsersArgs) -> Outcome {
    let config = match &args.command {
        UsersCommand::Add(AddArgs { place, .. })
        | UsersCommand::List(ListArgs { place, .. })
        | UsersCommand::Disable(OneUserArgs { place, .. })
        | UsersCommand::Enable(OneUserArgs { place, .. })
        | UsersCommand::Delete(OneUserArgs { place, .. })
        | UsersCommand::ResetPassword(OneUserArgs { place, .. }) => place.load()?,
    };
    // The first may come before the first start; the others have nothing to do without a database.
    let makes = matches!(args.command, UsersCommand::Add(_));
    beside_server(&config, makes, async |stores| answer(&args.command, stores).await)
}

async fn answer(command: &UsersCommand, stores: &Stores) -> Result<String, Failure> {
    let users = &stores.users;
    match command {
        UsersCommand::Add(args) => show_new(args, stores).await,
        UsersCommand::List(args) => Ok(show(&users.list_users().await?, args.format)),
        UsersCommand::Disable(args) => {
            let name = known(args)?;
            let noted = noted_of("disable_user", &name)?;
            told(
                users.set_user_disabled(&name, true, &noted).await?,
                &name,
                "is disabled and signed out",
            )
        }
        UsersCommand::Enable(args) => {
            let name = known(args)?;
            let noted = noted_of("enable_user", &name)?;
            told(
                users.set_user_disabled(&name, false, &noted).await?,
                &name,
                "is enabled",
            )
        }
        UsersCommand::Delete(args) => {
            let name = known(args)?;
            let noted = noted_of("delete_user", &name)?;
            told(users.delete_user(&name, &noted).await?, &name, "is deleted")
        }
        UsersCommand::ResetPassword(args) => {
            let name = known(args)?;
            let password = generate_one_time()?;
            let (hash, noted) = (
                PasswordHash::of(&password)?,
                noted_of("reset_user_password", &name)?,
            );
            told(
                users.reset_password(&name, &hash, &noted).await?,
                &name,
                "is signed out",
            )?;
            Ok(one_time(&name, &password))
        }
    }
}

fn known(args: &OneUserArgs) -> Result<UserName, Failure> {
    UserName::parse(&args.name).map_err(|_| none(&args.name))
}

fn none(name: &str) -> Failure {
    format!(
        "there is no user {}: `fieldgate users list` shows them",
        name.escape_debug()
    )
    .into()
}

fn told(found: bool, name: &UserName, now: &str) -> Result<String, Failure> {
    if found {
        Ok(format!("user {name} {now}\n"))
    } else {
        Err(none(name.as_str()))
    }
}

fn one_time(name: &UserName, password: &Secret) -> String {
    format!(
        "user {name}\npassword {}\nIt is for one sign-in, which asks for another. It is not shown again.\n",
        password.expose()
    )
}

async fn show_new(args: &AddArgs, stores: &Stores) -> Result<String, Failure> {
    let name = UserName::parse(&args.name).map_err(|error| format!("the name {error}"))?;
    let role = match args.role {
        RoleArg::Admin => UserRole::Admin,
        RoleArg::Operator => UserRole::Operator,
        RoleArg::Reader => UserRole::Reader,
    };
    match add(stores, &name, role).await? {
        Some(password) => Ok(one_time(&name, &password)),
        None => Err(format!(
            "there is a user {name} already: `fieldgate users reset-password {name}` gives a new password"
        )
        .into()),
    }
}

/// Adds a user with a one-time password; none when the name is taken.
pub(super) async fn add(stores: &Stores, name: &UserName, role: UserRole) -> Result<Option<Secret>, Failure> {
    let password = generate_one_time()?;
    let user = NewUser {
        name: name.clone(),
        role,
        password: PasswordHash::of(&password)?,
        created: SystemClock.now(),
    };
    let added = stores.users.add_user(&user, &noted_of("add_user", name)?).await?;
    Ok(added.then_some(password))
}

fn noted_of(action: &str, name: &UserName) -> Result<NewAuditEntry, RandomError> {
    noted(action, format!("/users/{name}"))
}

fn show(users: &[User], format: Format) -> String {
    match format {
        Format::Json => {
            let member = |user: &User| {
                serde_json::json!({
                    "name": user.name.as_str(),
                    "role": user.role.as_str(),
                    "disabled": user.disabled,
                    "must_change_password": user.must_change,
                    "create_time": event_time::compact(user.created),
                })
            };
            let users: Vec<_> = users.iter().map(member).collect();
            format!("{}\n", serde_json::json!({ "users": users }))
        }
        Format::Text => {
            let row = |user: &User| {
                let state = match (user.disabled, user.must_change) {
                    (true, _) => "disabled",
                    (false, true) => "one-time password",
                    (false, false) => "enabled",
                };
                let (made, role) = (event_time::compact(user.created), user.role.as_str());
                format!("{role:<8}  {state:<17}  {made}  {}\n", user.name)
            };
            let head = "ROLE      STATE              ADDED             NAME\n".to_owned();
            std::iter::once(head).chain(users.iter().map(row)).collect()
        }
    }
}

//! `fieldgate certs ca`: the PEM that devices must trust.

use clap::{Args, Subcommand};

use super::{Outcome, PlaceArgs, print};

#[derive(Args)]
pub(super) struct CertsArgs {
    #[command(subcommand)]
    command: CertsCommand,
}

#[derive(Subcommand)]
enum CertsCommand {
    /// Print the CA that devices must trust, when Fieldgate made it
    Ca(PlaceArgs),
}

pub(super) fn run(args: &CertsArgs) -> Outcome {
    let CertsCommand::Ca(place) = &args.command;
    let path = place.ca_file()?;
    let pem = std::fs::read_to_string(&path).map_err(|error| {
        format!(
            "no CA made by Fieldgate at {}: {error}; with a certificate of your own, devices must trust its issuer",
            path.display()
        )
    })?;
    print(&pem);
    Ok(())
}

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
    let folder = match (&place.data_dir, &place.config) {
        (Some(folder), _) => folder.join("certs"),
        (None, Some(_)) => {
            let config = place.load()?;
            let first = config
                .tls
                .certificate
                .first()
                .ok_or("no certificate is configured, so there is no CA to print")?;
            first.parent().map(std::path::Path::to_owned).unwrap_or_default()
        }
        (None, None) => super::quickstart::default_data_dir().join("certs"),
    };
    let path = folder.join("ca.pem");
    let pem = std::fs::read_to_string(&path).map_err(|error| {
        format!(
            "no CA made by Fieldgate at {}: {error}; with a certificate of your own, devices must trust its issuer",
            path.display()
        )
    })?;
    print(&pem);
    Ok(())
}

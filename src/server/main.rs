//! The program `tidewell-server`.

use clap::Parser;
use tidewell_server::config::{Arguments, Command};
use tidewell_server::{admin, serve};

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let config = arguments.options.load()?;
    match arguments.command {
        None => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(serve(config))
        }
        Some(Command::Token { tenant, user, hours, claims }) => {
            println!("{}", admin::token(&config, &tenant, &user, hours, claims.as_deref())?);
            Ok(())
        }
        Some(Command::Backup { to }) => admin::backup(&config, &to),
        Some(Command::Restore { from }) => admin::restore(&config, &from),
        Some(Command::Compact { tenant, keep }) => admin::compact(&config, tenant.as_deref(), keep),
    }
}

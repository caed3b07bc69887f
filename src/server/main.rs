//! The program `tidewell-server`.

use clap::Parser;
use tidewell_server::config::Arguments;
use tidewell_server::{admin, serve};

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let config = arguments.options.load()?;
    let Some(command) = arguments.command else {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let ended = runtime.block_on(serve(config));
        // Who still waits for a database that does not answer must not keep the process.
        runtime.shutdown_timeout(std::time::Duration::from_secs(2));
        return ended;
    };
    admin::run(&config, command)
}

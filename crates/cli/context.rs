//! What every subcommand gets: the home, the environment, where to print.

use crate::environment::Environment;
use crate::home;
use crate::output::Output;
use kitbag_rpc::{Caller, Client, Failure};
use std::path::PathBuf;

/// One run of the command.
pub(crate) struct Context {
    /// The device's directory; absolute.
    pub(crate) home: PathBuf,
    pub(crate) env: Environment,
    pub(crate) out: Output,
}

impl Context {
    pub(crate) fn new(home: Option<PathBuf>, out: Output) -> Result<Context, Failure> {
        Ok(Context {
            home: home::resolve(home)?,
            env: Environment::read(),
            out,
        })
    }

    /// A client of this home's daemon; does not start it.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.home, Caller::Cli)
    }
}

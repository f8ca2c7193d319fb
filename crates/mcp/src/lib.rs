//! The Model Context Protocol for one agent: tools, resources and prompts over the local API.
//!
//! A server holds no state of its own: each call is a request to the daemon, which decides, cuts and
//! makes neutral. Who asks is known by the process or the bearer token, never by what a client says of
//! itself. Instructions and definitions are constants; what comes from a client or the daemon stands in
//! an answer or, neutral, in an error. Spec: `docs/spec/mcp.md`.

mod arguments;
mod failure;
mod http;
mod prompts;
mod resources;
mod server;
mod tools;

pub use http::{HttpError, HttpOptions, serve_http};
pub use server::Server;

use rmcp::ServiceExt;
use rmcp::transport::async_rw::AsyncRwTransport;
use thiserror::Error;

/// Bytes of one line of requests, or of one body over HTTP, at most: notes are shorter.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Why a server ended otherwise than by its client.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The client did not begin as the protocol says.
    #[error("the client did not begin as the protocol says: {0}")]
    Begin(String),
    /// The task of the server ended by a fault.
    #[error("the server ended by a fault")]
    Fault,
}

/// Serves one client on standard input and output, until it is gone. Nothing else may write to standard
/// output.
///
/// # Errors
/// [`ServeError`].
pub async fn serve_stdio(server: Server) -> Result<(), ServeError> {
    let (input, output) = rmcp::transport::stdio();
    let transport =
        AsyncRwTransport::new_server(input, output).with_max_line_length(MESSAGE_BYTES_MAX);
    let running = server.serve(transport).await;
    let running = running.map_err(|e| ServeError::Begin(e.to_string()))?;
    running.waiting().await.map_err(|_| ServeError::Fault)?;
    Ok(())
}

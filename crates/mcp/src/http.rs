//! The same server over streamable HTTP, for one agent, on loopback alone.
//!
//! The agent's secret is the bearer token of each request; what does not bring it learns nothing, not
//! even which paths there are. Host and Origin are checked, so that no page in a browser reaches it.

use crate::{MESSAGE_BYTES_MAX, Server};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use kitbag_rpc::Secret;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Where, and with which secret.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// The address: on loopback. Port 0 takes any that is free.
    pub listen: SocketAddr,
    /// What each request has to bring.
    pub secret: Secret,
}

/// Why there is no server.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The address is not on loopback.
    #[error("{0} is not on loopback: agents are served to this machine alone")]
    NotLoopback(SocketAddr),
    /// The address could not be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The server ended.
    #[error("the server ended: {0}")]
    Ended(io::Error),
}

/// Serves over HTTP at `/mcp` until `end` is ready. `ready` is told the address once it listens.
///
/// # Errors
/// [`HttpError`].
pub async fn serve_http(
    server: Server,
    options: HttpOptions,
    ready: impl FnOnce(SocketAddr),
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<(), HttpError> {
    let address = options.listen;
    if !address.ip().is_loopback() {
        return Err(HttpError::NotLoopback(address));
    }
    let listen = |source| HttpError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let cancelled = CancellationToken::new();
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(hosts(address))
        .with_allowed_origins(hosts(address).map(|host| format!("http://{host}")))
        .enforce_origin_validation()
        .with_max_request_body_bytes(MESSAGE_BYTES_MAX)
        .with_cancellation_token(cancelled.child_token());
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
    let secret = Arc::new(options.secret);
    let app = Router::new()
        .nest_service("/mcp", service)
        .layer(from_fn_with_state(secret, bears));
    ready(address);
    let served = axum::serve(listener, app).with_graceful_shutdown(async move {
        end.await;
        cancelled.cancel();
    });
    served.await.map_err(HttpError::Ended)
}

/// The names under which this address is called.
fn hosts(address: SocketAddr) -> impl Iterator<Item = String> {
    let port = address.port();
    let names = ["127.0.0.1", "localhost", "[::1]"].into_iter();
    names.map(move |name| format!("{name}:{port}"))
}

/// Lets through what brings the secret.
async fn bears(State(secret): State<Arc<Secret>>, request: Request, next: Next) -> Response {
    match brings(request.headers(), &secret) {
        true => next.run(request).await,
        false => {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"kitbag\"")];
            (
                StatusCode::UNAUTHORIZED,
                challenge,
                "bring the agent's secret as bearer token\n",
            )
                .into_response()
        }
    }
}

/// Whether the one token of a request is the secret. Takes as long for any token of its length.
fn brings(headers: &HeaderMap, secret: &Secret) -> bool {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let value = value.as_bytes();
    let Some((way, token)) = value.split_at_checked("Bearer ".len()) else {
        return false;
    };
    way.eq_ignore_ascii_case(b"Bearer ") && bool::from(token.ct_eq(secret.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_the_whole_secret_is_let_through() {
        let secret = Secret::new("kitbag-agent-abc".into());
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            }
            brings(&headers, &secret)
        };
        assert!(with(&["Bearer kitbag-agent-abc"]) && with(&["bearer kitbag-agent-abc"]));
        for values in [
            &[][..],
            &[""],
            &["Bearer"],
            &["Bearer "],
            &["Bearer kitbag-agent-ab"],
            &["Bearer kitbag-agent-abcd"],
            &["Bearer  kitbag-agent-abc"],
            &["Basic kitbag-agent-abc"],
            &["kitbag-agent-abc"],
            &["Bearer kitbag-agent-abc", "Bearer kitbag-agent-abc"],
        ] {
            assert!(!with(values), "{values:?}");
        }
    }
}

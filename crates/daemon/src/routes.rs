//! From a request's bytes to its handler and back: limits, caller, authorisation, panic boundary.
//!
//! One function, [`serve`], is the way of every request, so that no route can forget a step. A
//! handler runs as a task of its own: a client that goes away does not cut a write in half, and a
//! panic is an answer to this one request.

use crate::authorise::{Asker, Asks, Denied, Operation, Peer, authorise};
use crate::sessions::Session;
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kitbag_engine::{AgentGrant, Timestamp};
use kitbag_rpc::{
    AGENT_SECRET_HEADER, CALLER_HEADER, Call, Caller, Code, Failure, Method, decode_request,
};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tracing::{error, info, warn};
use zeroize::Zeroizing;

/// How long the body of a request may take to arrive.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What the routes serve. It may be closed for a while; most handlers need it open.
pub(crate) trait Serves: Clone + Send + Sync + 'static {
    /// What handlers work on.
    type Open: Send + 'static;

    /// The same, open.
    ///
    /// # Errors
    /// Why it is closed.
    fn open(&self) -> Result<Self::Open, Failure>;

    /// Counts a request by how it ended.
    fn count(&self, _: Ended) {}

    /// The same, for one request of this asker.
    fn asked_by(self, _: &Asker) -> Self {
        self
    }

    /// Lets an agent in by its secret, before anything else is looked at.
    ///
    /// # Errors
    /// Why it is not let in; that was reported.
    fn agent(
        &self,
        _name: &str,
        _secret: Option<Zeroizing<String>>,
    ) -> impl Future<Output = Result<AgentGrant, Failure>> + Send {
        std::future::ready(Err(Failure::new(
            Code::RequestCaller,
            "no agents are served here",
        )))
    }

    /// Whether a person unlocked the terminal that a process belongs to.
    fn session(&self, _: Peer) -> Session {
        Session::NotNeeded
    }

    /// Notes that somebody was refused before anything was looked at.
    fn refused(&self, _: &Asker, _: &Operation, _: Denied) {}
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Answered,
    Refused,
    Faulted,
}

/// Routes under construction; `S` is what is served.
pub(crate) struct Routes<S> {
    router: Router,
    state: S,
    daemon_uid: u32,
    body_timeout: Duration,
}

impl<S: Serves> Routes<S> {
    pub(crate) fn new(state: S, daemon_uid: u32) -> Self {
        Routes {
            router: Router::new(),
            state,
            daemon_uid,
            body_timeout: BODY_TIMEOUT,
        }
    }

    /// Waits less for bodies; for tests.
    #[cfg(test)]
    pub(crate) fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Serves one call while there is something open to serve. Its path and method are the call's own.
    pub(crate) fn on<C, F, Fut>(self, handler: F) -> Self
    where
        C: Call + Asks,
        F: Fn(S::Open, C) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<C::Answer, Failure>> + Send + 'static,
    {
        self.always(move |state: S, call| {
            let handler = handler.clone();
            async move {
                match handler(state.open()?, call).await {
                    // Closed under its hands: that is why.
                    Err(failure) if failure.code == Code::DaemonUnreachable => {
                        Err(state.open().err().unwrap_or(failure))
                    }
                    ended => ended,
                }
            }
        })
    }

    /// Serves one call, whether or not there is something open to serve.
    pub(crate) fn always<C, F, Fut>(self, handler: F) -> Self
    where
        C: Call + Asks,
        F: Fn(S, C) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<C::Answer, Failure>> + Send + 'static,
    {
        self.at(C::PATH, handler, |answer| {
            let json = serde_json::to_vec(answer).map_err(|_| fault())?;
            Ok(json_response(StatusCode::OK, json))
        })
    }

    /// Serves a call at this path, and writes its answer like this.
    pub(crate) fn at<C, F, Fut>(
        self,
        path: &'static str,
        handler: F,
        write: fn(&C::Answer) -> Result<Response, Failure>,
    ) -> Self
    where
        C: Call + Asks,
        F: Fn(S, C) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<C::Answer, Failure>> + Send + 'static,
    {
        let begin = move |state: S, asker: &Asker, body: &[u8]| -> Result<Running, Failure> {
            let call: C = decode_request(body)?;
            let operation = call.operation();
            authorise(asker, &operation)
                .inspect_err(|why| state.refused(asker, &operation, *why))?;
            let answer = handler(state.asked_by(asker), call);
            Ok(Box::pin(async move { write(&answer.await?) }))
        };
        self.put(
            C::METHOD,
            Route {
                path,
                bytes_max: C::BYTES_MAX,
                begin: Box::new(begin),
            },
        )
    }

    fn put(mut self, method: Method, route: Route<S>) -> Self {
        let (path, route) = (route.path, Arc::new(route));
        let (state, daemon_uid, body_timeout) =
            (self.state.clone(), self.daemon_uid, self.body_timeout);
        let serve = move |Extension(peer): Extension<Peer>, request: Request| {
            let (route, state) = (Arc::clone(&route), state.clone());
            let began = Instant::now();
            async move {
                let counted = state.clone();
                let answer = serve(&route, state, peer, daemon_uid, body_timeout, request).await;
                counted.count(tell_log(path, peer, &answer, began.elapsed()));
                answer.unwrap_or_else(|failure| failure_response(&failure))
            }
        };
        let method: MethodRouter = match method {
            Method::Get => get(serve),
            Method::Post => post(serve),
        };
        self.router = self.router.route(path, method);
        self
    }

    pub(crate) fn into_router(self) -> Router {
        self.router
            .fallback(unknown_route)
            .method_not_allowed_fallback(wrong_method)
    }
}

/// A route whose call and answer are no types any more, so that little is compiled once for each.
struct Route<S> {
    path: &'static str,
    bytes_max: usize,
    begin: Begin<S>,
}

/// Reads a call from the bytes of a body, and begins it if this asker may have it done.
type Begin<S> = Box<dyn Fn(S, &Asker, &[u8]) -> Result<Running, Failure> + Send + Sync>;

/// A handler under way.
type Running = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send>>;

async fn serve<S: Serves>(
    route: &Route<S>,
    state: S,
    peer: Peer,
    daemon_uid: u32,
    body_timeout: Duration,
    request: Request,
) -> Result<Response, Failure> {
    let mut asker = Asker {
        says: caller(request.headers())?,
        agent: None,
        session: state.session(peer),
        peer,
        daemon_uid,
        at: now(),
    };
    let secret = agent_secret(request.headers(), &asker.says)?;
    if let Caller::Agent { name } = &asker.says {
        asker.agent = Some(Arc::new(state.agent(name, secret).await?));
    }
    let body = read_body(request.into_body(), route.bytes_max, body_timeout).await?;
    let running = (route.begin)(state, &asker, &body)?;
    tokio::spawn(running).await.map_err(|_| fault())?
}

fn caller(headers: &HeaderMap) -> Result<Caller, Failure> {
    let refused = |message: &str| {
        Failure::new(Code::RequestCaller, message).hint(format!(
            "send the header {CALLER_HEADER}: library/YOUR-PROGRAM"
        ))
    };
    let mut values = headers.get_all(CALLER_HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(refused("the request does not say who calls")),
        (Some(_), Some(_)) => Err(refused("the request says twice who calls")),
        (Some(value), None) => {
            let text = value.to_str().ok();
            text.and_then(|text| text.parse().ok())
                .ok_or_else(|| refused("the request names a caller that is not known"))
        }
    }
}

/// The secret that an agent brings. Another caller brings none, or it is a mistake to be told of.
fn agent_secret(
    headers: &HeaderMap,
    caller: &Caller,
) -> Result<Option<Zeroizing<String>>, Failure> {
    let refused = |message: &str| {
        Failure::new(Code::RequestCaller, message).hint(format!(
            "an agent sends {CALLER_HEADER}: agent/NAME and, once, {AGENT_SECRET_HEADER}"
        ))
    };
    let mut values = headers.get_all(AGENT_SECRET_HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(refused("the request brings two secrets of an agent")),
        (Some(value), None) if matches!(caller, Caller::Agent { .. }) => {
            // What is no text is no secret, and is answered like a wrong one.
            let text = value.to_str().unwrap_or_default();
            Ok(Some(Zeroizing::new(text.to_owned())))
        }
        (Some(_), None) => Err(refused(
            "the request brings the secret of an agent as another",
        )),
    }
}

/// This machine's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

async fn read_body(body: Body, limit: usize, timeout: Duration) -> Result<Vec<u8>, Failure> {
    let body = Limited::new(body, limit).collect();
    let incomplete = || {
        Failure::new(
            Code::RequestIncomplete,
            "the rest of the request did not arrive",
        )
    };
    match tokio::time::timeout(timeout, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes().into()),
        Ok(Err(e)) if e.downcast_ref::<LengthLimitError>().is_some() => Err(Failure::new(
            Code::RequestTooLarge,
            format!("the request has more than {limit} bytes, which is the limit"),
        )),
        Ok(Err(_)) | Err(_) => Err(incomplete()),
    }
}

async fn unknown_route() -> Response {
    failure_response(
        &Failure::new(Code::RequestRoute, "no such path").hint("the paths are in docs/cli.md"),
    )
}

async fn wrong_method() -> Response {
    failure_response(&Failure::new(
        Code::RequestMethod,
        "this path takes another method",
    ))
}

fn failure_response(failure: &Failure) -> Response {
    let status = StatusCode::from_u16(failure.code.http_status())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = serde_json::to_vec(&failure.document()).expect("three strings are always JSON");
    json_response(status, json)
}

/// Text for a scraper.
pub(crate) fn text_response(text: &str) -> Response {
    const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";
    (
        StatusCode::OK,
        [(header::CONTENT_TYPE, PLAIN)],
        text.to_owned(),
    )
        .into_response()
}

fn json_response(status: StatusCode, json: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], json).into_response()
}

fn fault() -> Failure {
    Failure::new(
        Code::Internal,
        "a fault in Kitbag ended this request; nothing else was touched",
    )
}

/// Path, code and time; never the message, which may name a pack or a person.
fn tell_log(
    path: &'static str,
    peer: Peer,
    answer: &Result<Response, Failure>,
    took: Duration,
) -> Ended {
    let pid = peer.pid;
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    match answer {
        Ok(_) => {
            info!(path, pid, micros, "answered");
            Ended::Answered
        }
        Err(failure) if failure.code == Code::Internal => {
            error!(path, pid, micros, "fault");
            Ended::Faulted
        }
        Err(failure) => {
            warn!(path, pid, micros, code = failure.code.as_str(), "refused");
            Ended::Refused
        }
    }
}

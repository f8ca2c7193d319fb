//! What a request is: a type with a path and an answer, in a versioned JSON document.

use crate::{Code, Failure};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::time::Duration;

/// Bytes of one request's body, at most, unless the call takes more. An edited text has at most 64 KiB,
/// of which JSON may make six times as much.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// How long a client waits for an answer, unless the call knows better.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The header in which a request says who calls.
pub const CALLER_HEADER: &str = "kitbag-caller";
/// The header in which an agent brings its secret.
pub const AGENT_SECRET_HEADER: &str = "kitbag-agent-secret";

/// How a request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Without a body: a question without arguments.
    Get,
    /// With a body.
    Post,
}

/// A request, and what it is answered with.
pub trait Call: Serialize + DeserializeOwned + Send + 'static {
    /// How it travels.
    const METHOD: Method;
    /// Where it goes: `/v1/...`.
    const PATH: &'static str;
    /// What is answered when it went well.
    type Answer: Serialize + DeserializeOwned + Send + 'static;
    /// Bytes of its body, at most.
    const BYTES_MAX: usize = REQUEST_BYTES_MAX;

    /// How long the client waits for the answer.
    fn patience(&self) -> Duration {
        PATIENCE
    }
}

/// The version of a document: the number 1 and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct V1;

impl Serialize for V1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl JsonSchema for V1 {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "V1".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": 1 })
    }
}

impl<'de> Deserialize<'de> for V1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<V1, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(V1),
            other => Err(D::Error::custom(format_args!(
                "version {other} is not known here"
            ))),
        }
    }
}

/// Reads a request from the bytes of its body.
///
/// # Errors
/// A [`Failure`] that says what is wrong with the bytes: not UTF-8, not JSON, another version, an
/// unknown, missing or doubled field, a value that the field cannot hold.
pub fn decode_request<C: Call>(body: &[u8]) -> Result<C, Failure> {
    let body = match C::METHOD {
        Method::Get => r#"{"v":1}"#,
        Method::Post => utf8(body)?,
    };
    check_version(body)?;
    serde_json::from_str(body)
        .map_err(|e| malformed(format!("the request does not fit {}: {e}", C::PATH)))
}

fn utf8(body: &[u8]) -> Result<&str, Failure> {
    if body.is_empty() {
        return Err(malformed("the request has no body").hint("send a JSON object with \"v\": 1"));
    }
    std::str::from_utf8(body).map_err(|e| {
        malformed(format!(
            "the request is not UTF-8 from byte {}",
            e.valid_up_to()
        ))
    })
}

fn check_version(body: &str) -> Result<(), Failure> {
    #[derive(Deserialize, JsonSchema)]
    struct Versioned {
        v: Option<serde_json::Value>,
    }
    let versioned: Versioned = serde_json::from_str(body)
        .map_err(|e| malformed(format!("the request is not a JSON object: {e}")))?;
    match versioned.v {
        Some(v) if v.as_u64() == Some(1) => Ok(()),
        Some(_) => Err(Failure::new(
            Code::RequestVersion,
            "the request has a version that this daemon does not know",
        )
        .hint("this daemon speaks \"v\": 1; after an update, restart it: kitbag down")),
        None => Err(
            Failure::new(Code::RequestVersion, "the request has no version").hint("add \"v\": 1"),
        ),
    }
}

fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(Code::RequestMalformed, message)
}

/// Implements [`Call`] for a request without arguments (`get`) or with some (`post`).
macro_rules! call {
    (get $request:ty, $path:literal => $answer:ty) => {
        impl $crate::Call for $request {
            const METHOD: $crate::Method = $crate::Method::Get;
            const PATH: &'static str = $path;
            type Answer = $answer;
        }
    };
    (post $request:ty, $path:literal => $answer:ty $(, patience $patience:expr)? $(, bytes $bytes:expr)?) => {
        impl $crate::Call for $request {
            const METHOD: $crate::Method = $crate::Method::Post;
            const PATH: &'static str = $path;
            type Answer = $answer;
            $(const BYTES_MAX: usize = $bytes;)?
            $(fn patience(&self) -> ::std::time::Duration {
                let patience: fn(&$request) -> ::std::time::Duration = $patience;
                patience(self)
            })?
        }
    };
}
pub(crate) use call;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CreatePack, ListPacks, Sensitivity};

    /// Goal: every kind of wrong body has its code, and the message says where.
    #[test]
    fn wrong_bodies_are_named() {
        let deep = format!(
            "{{\"v\":1,\"title\":{}{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        let table: &[(&[u8], Code, &str)] = &[
            (b"", Code::RequestMalformed, "no body"),
            (b"{", Code::RequestMalformed, "EOF"),
            (b"[]", Code::RequestMalformed, "JSON object"),
            (b"null", Code::RequestMalformed, "JSON object"),
            (b"\xff\xfe", Code::RequestMalformed, "byte 0"),
            (
                b"{\"v\":1,\"title\":\"\xc3\"}",
                Code::RequestMalformed,
                "byte 16",
            ),
            (b"{}", Code::RequestVersion, "no version"),
            (
                b"{\"v\":2,\"title\":\"a\"}",
                Code::RequestVersion,
                "does not know",
            ),
            (
                b"{\"v\":1e400,\"title\":\"a\"}",
                Code::RequestMalformed,
                "out of range",
            ),
            (
                b"{\"v\":-1,\"title\":\"a\"}",
                Code::RequestVersion,
                "does not know",
            ),
            (
                b"{\"v\":\"1\",\"title\":\"a\"}",
                Code::RequestVersion,
                "does not know",
            ),
            (
                b"{\"v\":1}",
                Code::RequestMalformed,
                "missing field `title`",
            ),
            (
                b"{\"v\":1,\"v\":1,\"title\":\"a\"}",
                Code::RequestMalformed,
                "duplicate field `v`",
            ),
            (
                b"{\"v\":1,\"title\":\"a\",\"title\":\"b\"}",
                Code::RequestMalformed,
                "duplicate field `title`",
            ),
            (
                b"{\"v\":1,\"titel\":\"a\"}",
                Code::RequestMalformed,
                "unknown field `titel`",
            ),
            (
                b"{\"v\":1,\"title\":7}",
                Code::RequestMalformed,
                "invalid type",
            ),
            (
                b"{\"v\":1,\"title\":\"a\",\"sensitivity\":\"secret\"}",
                Code::RequestMalformed,
                "unknown variant",
            ),
            (
                b"{\"v\":1,\"title\":\"a\"}x",
                Code::RequestMalformed,
                "trailing",
            ),
            (
                b"{\"v\":1,\"title\":\"\x01\"}",
                Code::RequestMalformed,
                "control character",
            ),
            (deep.as_bytes(), Code::RequestMalformed, "invalid type"),
        ];
        for (body, code, part) in table {
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
            let failure = decode_request::<CreatePack>(body).expect_err(&shown);
            assert_eq!(failure.code, *code, "{shown}: {failure}");
            assert!(failure.message.contains(part), "{shown}: {failure}");
        }
    }

    #[test]
    fn a_good_body_is_read_and_a_question_needs_none() {
        let request: CreatePack =
            decode_request(br#"{"v":1,"title":"Acme","sensitivity":"internal"}"#).unwrap();
        assert_eq!(
            (request.title.as_str(), request.sensitivity),
            ("Acme", Some(Sensitivity::Internal))
        );
        decode_request::<ListPacks>(b"").unwrap();
        decode_request::<ListPacks>(b"anything").unwrap();
    }

    #[test]
    fn every_prefix_of_a_request_is_refused() {
        let whole = br#"{"v":1,"title":"Acme","sensitivity":"internal"}"#;
        for end in 0..whole.len() {
            decode_request::<CreatePack>(&whole[..end]).unwrap_err();
        }
    }
}

//! The server over a real socket with a handler that does nothing: every kind of bad input has its
//! answer, changes nothing, and the next request works.

use super::*;
use crate::routes::{Routes, Serves};
use kitbag_rpc::{
    Call, Caller, Client, Code, CreatePack, Failure, Health, Healthy, Meters, Pack, PackAnswer,
    REQUEST_BYTES_MAX, RUN_DIR, SOCKET_FILE, Sensitivity, ServeState, V1,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A server of two calls, which counts how often a handler ran.
struct Fake {
    home: tempfile::TempDir,
    handled: Arc<AtomicUsize>,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<()>,
}

impl Fake {
    fn start() -> Fake {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(RUN_DIR)).unwrap();
        let listener = UnixListener::bind(socket(home.path())).unwrap();
        let (handled, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let uid = own_uid().unwrap();
        let router = Routes::new(Arc::clone(&handled), uid)
            .body_timeout(Duration::from_millis(300))
            .on(health)
            .on(create)
            .into_router();
        let server = tokio::spawn(serve(listener, router, uid, stop.clone()));
        Fake {
            home,
            handled,
            stop,
            server,
        }
    }

    fn client(&self) -> Client {
        Client::new(self.home.path(), Caller::Cli)
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(socket(self.home.path())).await.unwrap()
    }

    fn handled(&self) -> usize {
        self.handled.load(Ordering::SeqCst)
    }
}

impl Serves for Arc<AtomicUsize> {
    type Open = Self;

    fn open(&self) -> Result<Self, Failure> {
        Ok(Arc::clone(self))
    }
}

fn socket(home: &Path) -> PathBuf {
    home.join(RUN_DIR).join(SOCKET_FILE)
}

async fn health(handled: Arc<AtomicUsize>, _: Health) -> Result<Healthy, Failure> {
    handled.fetch_add(1, Ordering::SeqCst);
    Ok(Healthy {
        v: V1,
        pid: 7,
        version: String::new(),
        state: ServeState::Open,
        since: None,
        meters: Meters::default(),
    })
}

async fn create(handled: Arc<AtomicUsize>, call: CreatePack) -> Result<PackAnswer, Failure> {
    handled.fetch_add(1, Ordering::SeqCst);
    match call.title.as_str() {
        "panic" => panic!("as asked"),
        "slow" => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            handled.fetch_add(1, Ordering::SeqCst);
        }
        "fail" => return Err(Failure::new(Code::Conflict, "no")),
        _ => {}
    }
    let default_sensitivity = Sensitivity::Internal;
    let id = call.title.len().to_string();
    let pack = Pack {
        id,
        title: call.title,
        name: None,
        notes: 0,
        members: 1,
        role: None,
        clearance: None,
        default_sensitivity,
        client: None,
        kind: None,
        rules_unclear: None,
        archived: false,
    };
    Ok(PackAnswer { v: V1, pack })
}

fn post(body: &[u8]) -> Vec<u8> {
    request("POST", CreatePack::PATH, "kitbag-caller: cli\r\n", body)
}

fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: k\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// One answer: its status and its body. `None` when the connection ended instead.
async fn answer(stream: &mut UnixStream) -> Option<(u16, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase();
            let length = length
                .split("content-length: ")
                .nth(1)
                .map_or("0", |l| l.lines().next().unwrap_or("0"));
            if body.len() >= length.parse::<usize>().unwrap() {
                return Some((head[9..12].parse().unwrap(), body.to_owned()));
            }
        }
        let mut part = [0; 4096];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&part[..n]),
        }
    }
}

fn code(body: &str) -> String {
    let document: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(document["v"], 1);
    document["error"]["code"]
        .as_str()
        .unwrap_or("none")
        .to_owned()
}

/// Goal: each kind of bad request has a stable code and status, no handler runs, and the next
/// request on the same connection works. Bytes that are no HTTP end the connection.
#[tokio::test]
async fn bad_input_is_named_and_the_next_request_works() {
    let fake = Fake::start();
    let cli = "kitbag-caller: cli\r\n";
    let good = br#"{"v":1,"title":"a"}"#;
    let deep = format!(
        "{{\"v\":1,\"title\":{}{}}}",
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let table: Vec<(&str, Vec<u8>, u16, Code)> = vec![
        ("K1 no body", post(b""), 400, Code::RequestMalformed),
        (
            "K2 half a document",
            post(&good[..9]),
            400,
            Code::RequestMalformed,
        ),
        (
            "K4 trailing bytes",
            post(br#"{"v":1,"title":"a"}{}"#),
            400,
            Code::RequestMalformed,
        ),
        (
            "K6 another version",
            post(br#"{"v":2,"title":"a"}"#),
            400,
            Code::RequestVersion,
        ),
        (
            "K6 no version",
            post(br#"{"title":"a"}"#),
            400,
            Code::RequestVersion,
        ),
        (
            "K6 unknown field",
            post(br#"{"v":1,"title":"a","x":1}"#),
            400,
            Code::RequestMalformed,
        ),
        (
            "K6 unknown path",
            request("POST", "/v1/pack/destroy", cli, good),
            404,
            Code::RequestRoute,
        ),
        (
            "K6 unknown version of the path",
            request("POST", "/v2/pack/create", cli, good),
            404,
            Code::RequestRoute,
        ),
        (
            "K6 path out of the tree",
            request("GET", "/../../etc/passwd", cli, b""),
            404,
            Code::RequestRoute,
        ),
        (
            "K6 wrong method",
            request("GET", CreatePack::PATH, cli, b""),
            405,
            Code::RequestMethod,
        ),
        (
            "K6 wrong method",
            request("DELETE", Health::PATH, cli, b""),
            405,
            Code::RequestMethod,
        ),
        (
            "K10 not UTF-8",
            post(b"{\"v\":1,\"title\":\"\xff\"}"),
            400,
            Code::RequestMalformed,
        ),
        (
            "K11 a number out of range",
            post(br#"{"v":1e999,"title":"a"}"#),
            400,
            Code::RequestMalformed,
        ),
        (
            "K12 deep nesting",
            post(deep.as_bytes()),
            400,
            Code::RequestMalformed,
        ),
        (
            "K14 no caller",
            request("POST", CreatePack::PATH, "", good),
            400,
            Code::RequestCaller,
        ),
        (
            "K14 unknown caller",
            request("POST", CreatePack::PATH, "kitbag-caller: me\r\n", good),
            400,
            Code::RequestCaller,
        ),
        (
            "K14 two callers",
            request("POST", CreatePack::PATH, &cli.repeat(2), good),
            400,
            Code::RequestCaller,
        ),
    ];
    let mut stream = fake.connect().await;
    for (name, request, status, expected) in table {
        let began = Instant::now();
        stream.write_all(&request).await.unwrap();
        let (got, body) = answer(&mut stream).await.expect(name);
        assert_eq!(
            (got, code(&body).as_str()),
            (status, expected.as_str()),
            "{name}: {body}"
        );
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{name} took {:?}",
            began.elapsed()
        );
        assert_eq!(fake.handled(), 0, "{name} reached a handler");
    }
    stream.write_all(&post(good)).await.unwrap();
    assert_eq!(answer(&mut stream).await.unwrap().0, 200);
    assert_eq!(fake.handled(), 1);
}

#[tokio::test]
async fn the_longest_body_is_taken_and_one_byte_more_is_not() {
    let fake = Fake::start();
    let frame = br#"{"v":1,"title":""}"#.len();
    for (extra, status) in [(0, 200), (1, 413)] {
        let body = format!(
            r#"{{"v":1,"title":"{}"}}"#,
            "a".repeat(REQUEST_BYTES_MAX - frame + extra)
        );
        let mut stream = fake.connect().await;
        let _ = stream.write_all(&post(body.as_bytes())).await; // the server may stop reading
        let (got, body) = answer(&mut stream).await.unwrap();
        assert_eq!(got, status);
        assert!(status == 200 || code(&body) == Code::RequestTooLarge.as_str());
    }
    fake.client().call(&Health::default()).await.unwrap();
}

#[tokio::test]
async fn what_is_no_http_ends_its_connection_only() {
    let fake = Fake::start();
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    for bytes in [
        &b"\x16\x03\x01 hello\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        long.as_bytes(),
        &[0; 64],
    ] {
        let mut stream = fake.connect().await;
        let _ = stream.write_all(bytes).await;
        if let Some((status, _)) = answer(&mut stream).await {
            assert!((400..=505).contains(&status), "{status}");
            assert_eq!(answer(&mut stream).await, None, "still open");
        }
        fake.client().call(&Health::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_answered_in_time() {
    let fake = Fake::start();
    let mut stream = fake.connect().await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: k\r\nkitbag-caller: cli\r\ncontent-length: 99\r\n\r\n{{",
        CreatePack::PATH
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (status, body) = answer(&mut stream).await.unwrap();
    assert_eq!(
        (status, code(&body).as_str()),
        (408, Code::RequestIncomplete.as_str())
    );
    fake.client().call(&Health::default()).await.unwrap();
    assert_eq!(fake.handled(), 1);
}

fn create_call(title: &str) -> CreatePack {
    CreatePack {
        v: V1,
        title: title.to_owned(),
        sensitivity: None,
        kind: None,
        client: None,
    }
}

#[tokio::test]
async fn a_panic_ends_its_request_only() {
    let fake = Fake::start();
    for _ in 0..3 {
        let failure = fake
            .client()
            .call(&create_call("panic"))
            .await
            .unwrap_err()
            .into_failure();
        assert_eq!(failure.code, Code::Internal);
        assert!(!failure.message.contains("as asked"));
        fake.client().call(&create_call("fine")).await.unwrap();
    }
    let failure = fake
        .client()
        .call(&create_call("fail"))
        .await
        .unwrap_err()
        .into_failure();
    assert_eq!(
        (failure.code, failure.message.as_str()),
        (Code::Conflict, "no")
    );
}

#[tokio::test]
async fn many_at_once_are_all_answered() {
    let fake = Fake::start();
    let calls: Vec<_> = (0..CONNECTIONS_MAX * 2)
        .map(|i| {
            let client = fake.client();
            tokio::spawn(async move {
                client
                    .call(&create_call(&"a".repeat(i)))
                    .await
                    .unwrap()
                    .pack
                    .id
            })
        })
        .collect();
    for (i, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), i.to_string());
    }
}

#[tokio::test]
async fn a_client_that_leaves_does_not_stop_what_it_asked_for() {
    let fake = Fake::start();
    let call = fake.client();
    let call = tokio::spawn(async move { call.call(&create_call("slow")).await });
    while fake.handled() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    call.abort();
    let began = Instant::now();
    while fake.handled() < 2 {
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "the handler was cut off"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_stop_lets_running_requests_end_and_takes_no_new_ones() {
    let fake = Fake::start();
    let client = fake.client();
    let running = tokio::spawn(async move { client.call(&create_call("slow")).await });
    while fake.handled() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fake.stop.cancel();
    assert_eq!(running.await.unwrap().unwrap().pack.title, "slow");
    let client = fake.client();
    fake.server.await.unwrap();
    client.probe().await.unwrap_err();
}

//! Agents over MCP, with the real program and daemon, and clients that others wrote.

use crate::support::{Device, text};
use kitbag_rpc::{AddAgent, AgentScope, Caller, Client, Secret, Sensitivity};
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// A device with a pack, and an agent that may do everything an agent can.
struct Desk {
    device: Device,
    pack: String,
}

const AGENT: &str = "claude";

impl Desk {
    fn new() -> Desk {
        let device = Device::up("Ada");
        let pack = device.create_pack("Acme");
        let desk = Desk { device, pack };
        desk.add_agent(AGENT, &desk.pack, Sensitivity::Internal, &AgentScope::ALL);
        desk
    }

    fn add_agent(&self, name: &str, pack: &str, clearance: Sensitivity, scopes: &[AgentScope]) {
        let call = AddAgent {
            name: name.to_owned(),
            packs: vec![pack.to_owned()],
            clearance: Some(clearance),
            scopes: Some(scopes.to_vec()),
            max_tokens: Some(10_000_000),
            pin: Some(Secret::new("246813".into())), // sessions are needed from now on
            ..AddAgent::default()
        };
        let client = Client::new(&self.device.home, Caller::Cli);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let added = runtime.unwrap().block_on(client.call(&call)).unwrap();
        keep_secret(&self.device, name, added.secret.unwrap().expose());
    }

    /// Runs a script of `tests/mcp` with the official SDK.
    fn python(&self, python: &PathBuf, script: &str, more: &[&str]) -> Output {
        Command::new(python)
            .arg(
                PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                    .join("tests/mcp")
                    .join(script),
            )
            .arg(env!("CARGO_BIN_EXE_kitbag"))
            .arg(&self.device.home)
            .arg(AGENT)
            .args(more)
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .output()
            .unwrap()
    }
}

/// Puts an agent's secret where its server looks for it.
pub(crate) fn keep_secret(device: &Device, name: &str, secret: &str) {
    let agents = device.home.join("agents");
    let _ = fs::DirBuilder::new().mode(0o700).create(&agents); // it may be there
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(agents.join(format!("{name}.secret")));
    std::io::Write::write_all(&mut file.unwrap(), secret.as_bytes()).unwrap();
}

/// Where `.ci/mcp-clients.sh` puts the clients of others.
fn clients() -> PathBuf {
    let cache = |name| std::env::var_os(name).filter(|dir: &OsString| !dir.is_empty());
    let cache = cache("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    std::env::var_os("KITBAG_MCP_CLIENTS")
        .map(PathBuf::from)
        .unwrap_or_else(|| cache.unwrap_or_else(home).join("kitbag/mcp-clients"))
}

/// A program among them; nothing if it is not there and need not be.
pub(crate) fn client(path: &str) -> Option<PathBuf> {
    let found = clients().join(path);
    let name = path.split('/').next().unwrap_or_default();
    if let Ok(why) = fs::read_to_string(clients().join(format!("{name}.absent"))) {
        eprintln!("skipped: {}", why.trim());
        return None;
    }
    if found.exists() {
        return Some(found);
    }
    assert!(
        std::env::var_os("KITBAG_REQUIRE_ALL").is_none(),
        "{} is missing: bash .ci/mcp-clients.sh",
        found.display()
    );
    eprintln!(
        "skipped: {} is missing: bash .ci/mcp-clients.sh",
        found.display()
    );
    None
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    );
    String::from_utf8(out.clone()).unwrap()
}

/// Goal: an agent works a day through the official SDK in both eras of the protocol, and learns of nothing
/// that it may not; what it did is attributed and in the audit.
#[test]
fn an_agent_works_through_the_official_python_sdk() {
    let Some(python) = client("venv/bin/python") else {
        return;
    };
    for mode in ["auto", "legacy"] {
        let desk = Desk::new();
        let (device, pack) = (&desk.device, desk.pack.as_str());
        let refund = device.add(pack, "Refund", "Acme asks for a refund of order 7.");
        device.add(
            pack,
            "Booking",
            "refund for Maria, born 1980-05-17, maria@example.com, order 9",
        );
        let long: String = (0..400)
            .map(|n| format!("This is chapter {n} of it.\n"))
            .collect();
        device.add(pack, "A chronicle", &long);
        let output = desk.python(&python, "story.py", &[pack, mode]);
        let told = said(&output);
        assert!(told.starts_with("ok "), "{told}");

        let audit = device.json(&["audit", "who-read", &refund]);
        assert_eq!(audit["rows"][0]["via"], "agent", "{audit}");
        assert_eq!(audit["rows"][0]["via_name"], AGENT, "{audit}");
        let listed = device.json(&["list", pack]);
        let own = listed["notes"].as_array().unwrap().iter();
        let own = own.filter(|note| text(&note["title"]) == "Wants it back");
        assert_eq!(own.count(), 1, "added once: {listed}");
    }
}

/// A process that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

/// Starts a process, and reads the first line that it prints.
fn started(command: &mut Command) -> (Running, String) {
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut running = Running(child);
    let mut line = String::new();
    let output = running.0.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    (running, line.trim().to_owned())
}

impl Desk {
    fn mcp(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kitbag"));
        command
            .arg("--home")
            .arg(&self.device.home)
            .args(["mcp", "--agent", AGENT])
            .args(more)
            .env_remove("DBUS_SESSION_BUS_ADDRESS");
        command
    }

    /// The same server over HTTP; its address.
    fn http(&self) -> (Running, String) {
        let (running, line) = started(&mut self.mcp(&["--http", "127.0.0.1:0", "--json"]));
        let listening: serde_json::Value = serde_json::from_str(&line).unwrap();
        crate::schemas::check(&["mcp"], &listening);
        (running, text(&listening["url"]))
    }

    fn secret_file(&self) -> PathBuf {
        kitbag_rpc::agent_secret_file(&self.device.home, AGENT)
    }
}

/// A command of the clients that npm has, with the Node that they need.
fn node(program: &str) -> Option<Command> {
    let bin = client("node/node_modules/.bin")?;
    let node = client("node/node_modules/node/bin")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = vec![node, bin.clone()];
    all.extend(std::env::split_paths(&path));
    let mut command = Command::new(bin.join(program));
    command
        .env("PATH", std::env::join_paths(all).unwrap())
        .env_remove("DBUS_SESSION_BUS_ADDRESS");
    Some(command)
}

/// Goal: the Inspector finds nothing in the definitions that a client may not understand, in either era, and
/// calls what it lists.
#[test]
fn the_inspector_accepts_every_definition() {
    if node("mcp-inspector").is_none() {
        return;
    }
    let desk = Desk::new();
    desk.device
        .add(&desk.pack, "Refund", "Acme asks for a refund of order 7.");
    let home = desk.device.home.to_str().unwrap();
    let server = [
        env!("CARGO_BIN_EXE_kitbag"),
        "--home",
        home,
        "mcp",
        "--agent",
        AGENT,
    ];
    for era in ["legacy", "modern"] {
        let inspect = |more: &[&str]| {
            let mut command = node("mcp-inspector").unwrap();
            command
                .args(["--cli", "--protocol-era", era])
                .args(server)
                .args(more);
            said(&command.output().unwrap())
        };
        let listed = inspect(&["--strict", "--method", "tools/list"]);
        assert_eq!(
            listed.matches("\"openWorldHint\": false").count(),
            14,
            "{listed}"
        );
        let call = ["--method", "tools/call", "--tool-name", "search_items"];
        let found = inspect(&[&call[..], &["--tool-arg", "query=refund"]].concat());
        assert!(found.contains("order 7"), "{found}");
        for method in ["resources/list", "resources/templates/list", "prompts/list"] {
            inspect(&["--method", method]);
        }
    }
}

/// Goal: fastmcp, a client of its own, lists and calls, by standard input and output and over HTTP.
#[test]
fn fastmcp_lists_and_calls() {
    let Some(fastmcp) = client("fastmcp/bin/fastmcp") else {
        return;
    };
    let desk = Desk::new();
    desk.device
        .add(&desk.pack, "Refund", "Acme asks for a refund of order 7.");
    let home = desk.device.home.display();
    let server = format!(
        "{} --home {home} mcp --agent {AGENT}",
        env!("CARGO_BIN_EXE_kitbag")
    );
    let listed = Command::new(&fastmcp)
        .args(["list", "--json", "--command", &server])
        .output();
    let listed: serde_json::Value = serde_json::from_str(&said(&listed.unwrap())).unwrap();
    assert_eq!(listed["tools"].as_array().unwrap().len(), 14);
    let secret = fs::read_to_string(desk.secret_file()).unwrap();
    let (_server, url) = desk.http();
    let called = Command::new(&fastmcp)
        .args([
            "call",
            &url,
            "search_items",
            "query=refund",
            "--auth",
            secret.trim(),
        ])
        .output();
    assert!(said(&called.unwrap()).contains("order 7"));
}

/// Goal: every scenario of the official suite that asks for no tools of its own passes, over HTTP with the
/// secret that a forwarder brings.
#[test]
fn the_conformance_suite_passes() {
    let (Some(python), Some(_)) = (client("venv/bin/python"), node("conformance")) else {
        return;
    };
    let desk = Desk::new();
    let (_server, url) = desk.http();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/bearer.py");
    let mut forward = Command::new(python);
    let (_forward, url) = started(forward.arg(script).arg(url).arg(desk.secret_file()));
    let modern = [
        "tools-list",
        "resources-list",
        "prompts-list",
        "caching",
        "dns-rebinding-protection",
        "sep-2164-resource-not-found",
        "input-required-result-unsupported-methods",
        "http-header-validation",
        "server-sse-multiple-streams",
    ];
    let legacy = [
        "server-initialize",
        "server-session-lifecycle",
        "ping",
        "tools-list",
        "resources-list",
        "prompts-list",
        "dns-rebinding-protection",
        "server-sse-multiple-streams",
    ];
    let modern = modern.map(|scenario| ("2026-07-28", scenario));
    let legacy = legacy.map(|scenario| ("2025-11-25", scenario));
    for (version, scenario) in modern.into_iter().chain(legacy) {
        let mut command = node("conformance").unwrap();
        command.args(["server", "--url", &url, "--scenario", scenario]);
        let output = command.args(["--spec-version", version]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{version} {scenario}: {told}");
        assert!(told.contains("0 failed"), "{version} {scenario}: {told}");
    }
}

/// Goal: over HTTP nothing is told to whoever does not bring the secret, comes by another name or from a page
/// of a browser, or sends more than a message holds; and nothing is served to other machines.
#[test]
fn http_serves_the_agent_alone() {
    let desk = Desk::new();
    let (_server, url) = desk.http();
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/mcp")
        .to_owned();
    let secret = fs::read_to_string(desk.secret_file()).unwrap();
    let ask = |headers: &[(&str, &str)], body: &str| -> u16 {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let own = headers.iter().any(|(name, _)| *name == "Host");
        let host = if own {
            String::new()
        } else {
            format!("Host: {address}\r\n")
        };
        let extra: String = headers
            .iter()
            .map(|(n, v)| format!("{n}: {v}\r\n"))
            .collect();
        let request = format!(
            "POST /mcp HTTP/1.1\r\n{host}{extra}Content-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = std::io::Write::write_all(&mut stream, request.as_bytes()); // it may be refused early
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.split(' ').nth(1).unwrap_or("0").parse().unwrap()
    };
    let begin = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;
    let bearer = format!("Bearer {}", secret.trim());
    let bears = ("Authorization", bearer.as_str());
    assert_eq!(ask(&[bears], begin), 200);
    assert_eq!(ask(&[], begin), 401);
    assert_eq!(
        ask(&[("Authorization", "Bearer kitbag-agent-x")], begin),
        401
    );
    assert_eq!(ask(&[bears, ("Host", "evil.example")], begin), 403);
    assert_eq!(ask(&[bears, ("Origin", "http://evil.example")], begin), 403);
    assert_eq!(ask(&[bears, ("Origin", "null")], begin), 403);

    let (exit, error) = desk
        .device
        .fails(&["mcp", "--agent", AGENT, "--http", "0.0.0.0:0"], b"");
    assert_eq!((exit, &error["code"]), (2, &serde_json::json!("usage")));
    let (exit, _) = desk.device.fails(&["mcp", "--agent", "nobody"], b"");
    assert_ne!(exit, 0);
}

//! Agents over MCP, with the real program and daemon, and clients that others wrote.

use crate::support::{Device, text};
use kitbag_rpc::{AddAgent, AgentScope, Caller, Client, Secret, Sensitivity};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::{Command, Output};

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
            pin: Some(Secret::new("2468".into())), // sessions are needed from now on
            ..AddAgent::default()
        };
        let client = Client::new(&self.device.home, Caller::Cli);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let added = runtime.unwrap().block_on(client.call(&call)).unwrap();
        let agents = self.device.home.join("agents");
        let _ = fs::DirBuilder::new().mode(0o700).create(&agents); // it may be there
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(agents.join(format!("{name}.secret")));
        let secret = added.secret.unwrap();
        std::io::Write::write_all(&mut file.unwrap(), secret.expose().as_bytes()).unwrap();
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
fn client(path: &str) -> Option<PathBuf> {
    let found = clients().join(path);
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
        assert!(
            audit.to_string().contains(&format!("agent {AGENT}")),
            "{audit}"
        );
        let listed = device.json(&["list", pack]);
        let own = listed["notes"].as_array().unwrap().iter();
        let own = own.filter(|note| text(&note["title"]) == "Wants it back");
        assert_eq!(own.count(), 1, "added once: {listed}");
    }
}

//! How this device meets others: options that are kept in the home until other ones are given.
//!
//! A command that finds no daemon starts one. It must not reach further than the one that the person
//! started, so what they said then is kept in `network.toml`. Offline is not kept: it ends with the
//! daemon that was told so.

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use kitbag_daemon::{Listen, Relay, Settings};
use kitbag_rpc::{Code, Failure};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;

const FILE: &str = "network.toml";
const FILE_HEADER: &str =
    "# How this device meets others: kept from the options of `kitbag up` and `kitbag daemon`.\n";

/// How this device meets others.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// Reach nobody and be reached by nobody until this daemon stops
    #[arg(long)]
    pub(crate) offline: bool,
    /// A relay for peers that cannot reach each other directly: none, default (run by the makers of iroh), or a URL
    #[arg(long, value_name = "none|default|URL", value_parser = parse_relay)]
    pub(crate) relay: Option<String>,
    /// Find peers on the local network
    #[arg(long, value_enum, value_name = "on|off")]
    pub(crate) discovery: Option<Switch>,
    /// Where to listen: any, loopback, any:PORT, loopback:PORT, or ADDRESS:PORT
    #[arg(long, value_name = "ADDR", value_parser = parse_listen_text)]
    pub(crate) listen: Option<String>,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Kept {
    relay: String,
    discovery: Switch,
    listen: String,
}

impl Default for Kept {
    /// No third party learns anything, and peers that know the address can come.
    fn default() -> Kept {
        Kept {
            relay: "none".to_owned(),
            discovery: Switch::Off,
            listen: "any".to_owned(),
        }
    }
}

impl NetworkArgs {
    /// Whether any option that is kept was given.
    pub(crate) fn any_kept(&self) -> bool {
        self.relay.is_some() || self.discovery.is_some() || self.listen.is_some()
    }

    /// The same options for another process.
    pub(crate) fn to_args(&self) -> Vec<String> {
        // What is kept, the other process reads.
        if self.offline {
            vec!["--offline".to_owned()]
        } else {
            Vec::new()
        }
    }

    /// Keeps what was given.
    pub(crate) fn keep(&self, home: &Path) -> anyhow::Result<()> {
        self.settings(home).map(drop)
    }

    /// The settings for a daemon: what was given over what was kept; what was given is kept.
    pub(crate) fn settings(&self, home: &Path) -> anyhow::Result<Settings> {
        let before = read(home)?;
        let kept = Kept {
            relay: self.relay.clone().unwrap_or(before.relay.clone()),
            discovery: self.discovery.unwrap_or(before.discovery),
            listen: self.listen.clone().unwrap_or(before.listen.clone()),
        };
        if kept != before {
            write(home, &kept)?;
        }
        Ok(Settings {
            home: home.to_owned(),
            listen: parse_listen(&kept.listen).map_err(|e| in_file(home, "listen", &e))?,
            relay: match parse_relay(&kept.relay)
                .map_err(|e| in_file(home, "relay", &e))?
                .as_str()
            {
                "none" => Relay::None,
                "default" => Relay::Default,
                url => Relay::Custom(url.to_owned()),
            },
            discovery: kept.discovery == Switch::On,
            offline: self.offline,
        })
    }
}

fn read(home: &Path) -> anyhow::Result<Kept> {
    let path = home.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Kept::default()),
        Err(e) => return Err(e).with_context(|| format!("read {}", path.display())),
    };
    // The message of the parser names line and key.
    toml::from_str(&text).map_err(|e| {
        Failure::new(
            Code::BadInput,
            format!("{}: {}", path.display(), e.to_string().trim_end()),
        )
        .hint("mend the line, or remove the file to return to the defaults")
        .into()
    })
}

fn write(home: &Path, kept: &Kept) -> anyhow::Result<()> {
    let text = format!("{FILE_HEADER}{}", toml::to_string(kept)?);
    let (path, new) = (home.join(FILE), home.join(format!("{FILE}.new")));
    fs::write(&new, text).with_context(|| format!("write {}", new.display()))?;
    fs::rename(&new, &path).with_context(|| format!("write {}", path.display()))
}

fn in_file(home: &Path, key: &str, what: &str) -> Failure {
    Failure::new(
        Code::BadInput,
        format!("{}: {key}: {what}", home.join(FILE).display()),
    )
}

fn parse_relay(text: &str) -> Result<String, String> {
    let is_url = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .is_some_and(|rest| !rest.is_empty());
    if is_url || matches!(text, "none" | "default") {
        Ok(text.to_owned())
    } else {
        Err("none, default, or a URL".to_owned())
    }
}

fn parse_listen_text(text: &str) -> Result<String, String> {
    parse_listen(text).map(|_| text.to_owned())
}

fn parse_listen(text: &str) -> Result<Listen, String> {
    let wrong = || "any, loopback, any:PORT, loopback:PORT, or ADDRESS:PORT".to_owned();
    let (word, port) = text.rsplit_once(':').unwrap_or((text, "0"));
    match word {
        "any" => port.parse().map(Listen::Any).map_err(|_| wrong()),
        "loopback" => port.parse().map(Listen::Loopback).map_err(|_| wrong()),
        _ => text
            .parse::<SocketAddr>()
            .map(Listen::Addr)
            .map_err(|_| wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused() {
        assert_eq!(parse_listen("any"), Ok(Listen::Any(0)));
        assert_eq!(parse_listen("any:4040"), Ok(Listen::Any(4040)));
        assert_eq!(parse_listen("loopback:1"), Ok(Listen::Loopback(1)));
        assert_eq!(
            parse_listen("127.0.0.1:0"),
            Ok(Listen::Addr("127.0.0.1:0".parse().unwrap()))
        );
        assert_eq!(
            parse_listen("[::1]:9"),
            Ok(Listen::Addr("[::1]:9".parse().unwrap()))
        );
        for text in [
            "",
            "any:",
            "any:99999",
            "127.0.0.1",
            "localhost:1",
            "loopback:-1",
            "::1",
            "any:1:2",
        ] {
            assert!(parse_listen(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_said_is_kept_until_something_else_is_and_offline_is_not() {
        let home = tempfile::tempdir().unwrap();
        let default = NetworkArgs::default().settings(home.path()).unwrap();
        assert_eq!(
            (default.listen, default.relay, default.discovery),
            (Listen::Any(0), Relay::None, false)
        );
        assert!(!home.path().join(FILE).exists());

        let said = NetworkArgs {
            offline: true,
            relay: Some("https://relay.example".to_owned()),
            discovery: Some(Switch::On),
            listen: Some("loopback".to_owned()),
        };
        assert!(said.settings(home.path()).unwrap().offline);
        let later = NetworkArgs::default().settings(home.path()).unwrap();
        assert_eq!(
            (later.listen, later.discovery, later.offline),
            (Listen::Loopback(0), true, false)
        );
        assert_eq!(
            later.relay,
            Relay::Custom("https://relay.example".to_owned())
        );

        let off = NetworkArgs {
            relay: Some("none".to_owned()),
            ..NetworkArgs::default()
        };
        off.settings(home.path()).unwrap();
        let later = NetworkArgs::default().settings(home.path()).unwrap();
        assert_eq!((later.relay, later.discovery), (Relay::None, true));
    }

    #[test]
    fn a_wrong_file_stops_the_start_and_names_the_line() {
        let home = tempfile::tempdir().unwrap();
        for (text, part) in [
            ("relay = \"none\"\nrelais = \"x\"\n", "relais"),
            ("discovery = \"maybe\"\n", "line 1"),
            ("listen = \"moon\"\n", "listen: any, loopback"),
            ("relay = 3\n", "line 1"),
            ("relay =", "line 1"),
            ("\u{0}", "line 1"),
        ] {
            fs::write(home.path().join(FILE), text).unwrap();
            let error = NetworkArgs::default().settings(home.path()).unwrap_err();
            let failure = error.downcast::<Failure>().unwrap();
            assert_eq!(failure.code, Code::BadInput);
            assert!(failure.message.contains(part), "{text}: {failure}");
        }
    }
}

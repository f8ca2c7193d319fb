//! The text of the launchd agent. Nobody has run it on a Mac yet; `docs/cli.md` says so.

use super::{Wanted, line_text, with_fingerprint};
use kitbag_rpc::Failure;

/// The agent that runs this.
///
/// # Errors
/// [`kitbag_rpc::Code::BadInput`] for a path that a property list cannot name.
pub(super) fn agent(wanted: &Wanted, label: &str) -> Result<String, Failure> {
    let mut arguments = vec![
        line_text(&wanted.program, "this program")?,
        "--home",
        line_text(&wanted.home, "the home")?,
        "daemon",
        "run",
    ];
    if let Some(file) = &wanted.passphrase_file {
        arguments.extend(["--passphrase-file", line_text(file, "the passphrase file")?]);
    }
    let arguments: String = arguments
        .into_iter()
        .map(|argument| format!("    <string>{}</string>\n", escaped(argument)))
        .collect();
    let label = escaped(label);
    // 63 is 0077. Whoever stops it on purpose is not contradicted.
    let text = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>{label}</string>
  <key>ProgramArguments</key>
  <array>
{arguments}  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>ExitTimeOut</key>
  <integer>30</integer>
  <key>ProcessType</key>
  <string>Background</string>
  <key>Umask</key>
  <integer>63</integer>
  <key>HardResourceLimits</key>
  <dict>
    <key>Core</key>
    <integer>0</integer>
  </dict>
</dict>
</plist>
"#
    );
    Ok(with_fingerprint(&text, "<!-- ", " -->"))
}

fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&apos;"),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::tests::wanted;
    use super::*;

    #[test]
    fn the_agent_is_this_text_and_strange_paths_stay_one_string_each() {
        let agent = agent(
            &Wanted {
                passphrase_file: Some("/srv/p".into()),
                ..wanted("/srv/a & b/</string>\"'%")
            },
            "org.kitbag.daemon",
        )
        .unwrap();
        let arguments = r#"  <array>
    <string>/usr/local/bin/kitbag</string>
    <string>--home</string>
    <string>/srv/a &amp; b/&lt;/string&gt;&quot;&apos;%</string>
    <string>daemon</string>
    <string>run</string>
    <string>--passphrase-file</string>
    <string>/srv/p</string>
  </array>
"#;
        assert!(agent.contains(arguments), "{agent}");
        assert!(agent.starts_with("<?xml version=\"1.0\""), "{agent}");
        assert!(
            agent.contains("<key>SuccessfulExit</key>\n    <false/>"),
            "{agent}"
        );
        assert!(super::super::is_unchanged(&agent));
        assert!(super::agent(&wanted("/srv/new\nline"), "x").is_err());
    }
}

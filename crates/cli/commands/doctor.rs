//! `kitbag doctor`: whether this device is in order, and if not, what to do; with `--bundle`, a file to
//! show when asking for help. Works while the daemon is down.

use crate::bundle::{self, bundle};
use crate::context::Context;
use crate::doctor::{Check, Findings, Verdict, look};
use crate::words;
use anyhow::Context as _;
use clap::Args;
use kitbag_rpc::{Code, Failure, V1};
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Also write what was found, and the end of the log, into a new file to show when asking for help
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Leave network addresses in the bundle
    #[arg(long, requires = "bundle")]
    addresses: bool,
    /// A file that holds the passphrase, to look into the database while the daemon is down
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report<'a> {
    v: V1,
    verdict: Verdict,
    checks: &'a [Check],
    /// The file that was written.
    bundle: Option<&'a Path>,
}

pub(super) async fn run(context: &Context, args: DoctorArgs) -> anyhow::Result<()> {
    let findings = look(context, args.passphrase_file.as_deref()).await;
    if let Some(file) = &args.bundle {
        write_bundle(context, &findings, file, args.addresses)?;
    }
    let verdict = worst(&findings.checks);
    if context.out.is_json() {
        context.out.document(&Report {
            v: V1,
            verdict,
            checks: &findings.checks,
            bundle: args.bundle.as_deref(),
        })?;
    } else {
        context.out.data(in_words(&findings.checks))?;
        if let Some(file) = &args.bundle {
            context.out.say(format!(
                "Written to {}: {}; {}.{} Look through it before you show it.",
                file.display(),
                bundle::HOLDS,
                bundle::LACKS,
                if args.addresses {
                    " Addresses are in it."
                } else {
                    ""
                },
            ));
        }
    }
    match failed(&findings.checks) {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

fn write_bundle(
    context: &Context,
    findings: &Findings,
    file: &Path,
    addresses: bool,
) -> anyhow::Result<()> {
    let user_home = context.env.user_home.clone();
    let bundle = bundle(&context.home, user_home, findings, addresses);
    let about = || format!("write {}", file.display());
    let mut opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(|error| not_opened(file, error))?;
    let json = serde_json::to_string_pretty(&bundle)?;
    opened
        .write_all(json.as_bytes())
        .and_then(|()| opened.write_all(b"\n"))
        .with_context(about)
}

fn not_opened(file: &Path, error: std::io::Error) -> anyhow::Error {
    let named = file.display();
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let failure = Failure::new(Code::Conflict, format!("{named} is there already"));
            failure.hint("name another file").into()
        }
        std::io::ErrorKind::NotFound => {
            let message = format!("there is no directory for {named}");
            Failure::new(Code::NotFound, message)
                .hint("make it, or name another file")
                .into()
        }
        _ => anyhow::Error::new(error).context(format!("write {named}")),
    }
}

fn worst(checks: &[Check]) -> Verdict {
    let verdicts = checks.iter().map(|check| check.verdict);
    verdicts.max().unwrap_or(Verdict::Ok)
}

/// How the command ends if a check failed: by what does not check out first, otherwise by the first.
fn failed(checks: &[Check]) -> Option<Failure> {
    let failed: Vec<&Check> = checks
        .iter()
        .filter(|check| check.verdict == Verdict::Fail)
        .collect();
    let damaged = failed.iter().find(|check| check.code == Code::Integrity);
    let told = damaged.or(failed.first())?;
    let count = words::count(failed.len() as u64, "check", "checks");
    let message = format!("{count} failed: {}: {}", told.name, told.text);
    let failure = Failure::new(told.code, message);
    Some(match &told.hint {
        Some(hint) => failure.hint(hint.clone()),
        None => failure,
    })
}

fn in_words(checks: &[Check]) -> String {
    let mut lines = Vec::new();
    for check in checks {
        let verdict = match check.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        lines.push(format!("{verdict:4}  {:11}  {}", check.name, check.text));
        if let (Some(hint), true) = (&check.hint, check.verdict != Verdict::Ok) {
            lines.push(format!("                   {hint}"));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &'static str, verdict: Verdict, code: Code) -> Check {
        Check {
            name,
            verdict,
            text: "x".to_owned(),
            hint: None,
            code,
        }
    }

    #[test]
    fn damage_decides_how_it_ends_and_warnings_do_not() {
        let ok = check("a", Verdict::Ok, Code::Internal);
        let warn = check("b", Verdict::Warn, Code::Internal);
        let disk = check("c", Verdict::Fail, Code::Storage);
        let damage = check("d", Verdict::Fail, Code::Integrity);
        assert!(failed(&[ok.clone(), warn.clone()]).is_none());
        assert_eq!(worst(&[ok.clone(), warn]), Verdict::Warn);
        let first = failed(&[ok, disk.clone()]).unwrap();
        assert_eq!((first.code, first.code.exit().as_u8()), (Code::Storage, 1));
        let both = failed(&[disk, damage]).unwrap();
        assert_eq!(both.code.exit().as_u8(), 10);
        assert!(both.message.starts_with("2 checks failed: d: "), "{both}");
    }
}

//! `kitbag tag`: tags of a note, added and removed.

use crate::context::Context;
use crate::launch;
use clap::Args;
use kitbag_rpc::{Code, EditNote, Failure, V1};

#[derive(Debug, Args)]
pub(crate) struct TagArgs {
    /// The start of the note's id
    note: String,
    /// +TAG adds one, -TAG removes one; options stand before the note
    #[arg(value_name = "+TAG|-TAG", required = true, allow_hyphen_values = true)]
    changes: Vec<String>,
}

pub(super) async fn run(context: &Context, args: TagArgs) -> anyhow::Result<()> {
    let (add_tags, remove_tags) = split(&args.changes)?;
    let call = EditNote {
        v: V1,
        note: args.note,
        add_tags,
        remove_tags,
        ..EditNote::default()
    };
    let client = launch::client(context).await?;
    super::edit::change(context, &client, &call).await
}

/// Tags to add, and tags to remove.
fn split(changes: &[String]) -> Result<(Vec<String>, Vec<String>), Failure> {
    let (mut add, mut remove) = (Vec::new(), Vec::new());
    for change in changes {
        let bad = |hint: &str| {
            let message = format!("{change:?} neither adds nor removes a tag");
            Err(Failure::new(Code::Usage, message).hint(hint))
        };
        match (change.strip_prefix('+'), change.strip_prefix('-')) {
            (Some(tag), _) if !tag.is_empty() => add.push(tag.to_owned()),
            (_, Some(tag)) if tag.starts_with('-') => {
                return bad("options stand before the note: kitbag tag --json NOTE +TAG");
            }
            (_, Some(tag)) if !tag.is_empty() => remove.push(tag.to_owned()),
            _ => return bad("kitbag tag NOTE +to-add -to-remove"),
        }
    }
    Ok((add, remove))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_says_what_becomes_of_a_tag() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let (add, remove) = split(&words(&["+a", "-b", "+c d"])).unwrap();
        assert_eq!((add, remove), (words(&["a", "c d"]), words(&["b"])));
        for bad in ["a", "+", "-", "", "--json"] {
            assert!(split(&words(&[bad])).is_err(), "{bad}");
        }
    }
}

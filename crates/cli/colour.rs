//! Whether to colour, and how wide to write: what was asked for, what the environment says, and
//! whether somebody looks at it on a terminal.
//!
//! Into a pipe goes neither colour nor a cut line, unless colour was asked for.

use crate::environment::Terminal;
use clap::{ColorChoice, ValueEnum};
use std::ffi::OsString;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, as the environment wishes.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl Colour {
    /// What the arguments ask for, before they are parsed: help and usage errors are coloured too.
    pub(crate) fn asked(args: impl IntoIterator<Item = OsString>) -> Colour {
        let args = args.into_iter().take_while(|arg| arg != "--");
        let words: Vec<String> = args.filter_map(|arg| arg.into_string().ok()).collect();
        let after = |at: usize| words.get(at + 1).map(String::as_str);
        let word = words.iter().enumerate().rev().find_map(|(at, word)| {
            let given = word.strip_prefix("--color")?;
            match given.strip_prefix('=') {
                None if given.is_empty() => after(at),
                value => value,
            }
        });
        word.and_then(|word| Colour::from_str(word, false).ok())
            .unwrap_or_default()
    }

    /// Whether to colour a stream.
    pub(crate) fn on(self, is_terminal: bool, environment: &Terminal) -> bool {
        match self {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto if environment.no_color => false,
            Colour::Auto if environment.force_color => true,
            Colour::Auto => is_terminal && !environment.is_dumb && !environment.color_off,
        }
    }

    /// The same for the parser, which looks at the same variables.
    pub(crate) fn for_parser(self) -> ColorChoice {
        match self {
            Colour::Auto => ColorChoice::Auto,
            Colour::Always => ColorChoice::Always,
            Colour::Never => ColorChoice::Never,
        }
    }
}

/// How a piece of text stands out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    /// What went wrong.
    Error,
    /// What to do about it.
    Hint,
    /// The names of columns.
    Header,
    /// What was looked for.
    Hit,
    /// Light on dark, whatever the terminal's own colours are.
    Code,
}

/// The text in this style. What stands in it must be escaped already.
pub(crate) fn styled(style: Style, text: &str) -> String {
    let code = match style {
        Style::Error => "1;31",
        Style::Hint => "36",
        Style::Header | Style::Hit => "1",
        Style::Code => "97;40",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Colour {
        Colour::asked(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn the_last_word_before_the_arguments_of_others_counts() {
        assert_eq!(asked("kitbag list"), Colour::Auto);
        assert_eq!(asked("kitbag --color never list"), Colour::Never);
        assert_eq!(asked("kitbag list --color=always"), Colour::Always);
        assert_eq!(
            asked("kitbag --color=never list --color always"),
            Colour::Always
        );
        assert_eq!(asked("kitbag --color=sometimes"), Colour::Auto);
        assert_eq!(asked("kitbag list -- --color=always"), Colour::Auto);
        assert_eq!(asked("kitbag --colorful"), Colour::Auto);
    }

    /// Goal: an option outranks the environment, `NO_COLOR` outranks `CLICOLOR_FORCE`, and a pipe or a
    /// dumb terminal gets no colour by itself.
    #[test]
    fn who_decides_about_colour() {
        let plain = Terminal::default();
        let no = Terminal {
            no_color: true,
            force_color: true,
            ..plain.clone()
        };
        let force = Terminal {
            force_color: true,
            ..plain.clone()
        };
        let dumb = Terminal {
            is_dumb: true,
            ..plain.clone()
        };
        let off = Terminal {
            color_off: true,
            ..plain.clone()
        };
        for (colour, terminal, environment, expected) in [
            (Colour::Auto, true, &plain, true),
            (Colour::Auto, false, &plain, false),
            (Colour::Auto, true, &no, false),
            (Colour::Auto, false, &force, true),
            (Colour::Auto, true, &dumb, false),
            (Colour::Auto, true, &off, false),
            (Colour::Always, false, &no, true),
            (Colour::Never, true, &force, false),
        ] {
            let on = colour.on(terminal, environment);
            assert_eq!(on, expected, "{colour:?} {terminal} {environment:?}");
        }
    }
}

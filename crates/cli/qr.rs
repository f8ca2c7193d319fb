//! A ticket for the camera of another device, in half blocks.
//!
//! Only on a terminal: whoever sees it has the ticket.

use anyhow::Context as _;
use qrcode::{Color, EcLevel, QrCode};

/// Modules of light around the code. Four are the rule; two do where the terminal has no room.
const MARGINS: [usize; 2] = [4, 2];

/// The lines to draw, light as ink; nothing, with the columns it takes, if it does not fit.
///
/// # Errors
/// If the text is longer than any code holds.
pub(crate) fn drawn(ticket: &str, columns: usize) -> anyhow::Result<Result<String, usize>> {
    // Capitals and digits take two thirds of the room, and a ticket means the same in capitals.
    let text = ticket.to_ascii_uppercase();
    let code = QrCode::with_error_correction_level(text, EcLevel::L)
        .context("the ticket is too long for a QR code")?;
    let width = code.width();
    let Some(margin) = MARGINS
        .into_iter()
        .find(|margin| width + 2 * margin <= columns)
    else {
        return Ok(Err(width + 2 * MARGINS[1]));
    };
    let colors = code.into_colors();
    let is_light = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(margin).filter(|at| *at < width);
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => colors[y * width + x] == Color::Light,
            _ => true,
        }
    };
    let side = width + 2 * margin;
    let block = |x, y| match (is_light(x, y), is_light(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    let line = |y| (0..side).map(|x| block(x, y)).collect::<String>();
    let lines: Vec<String> = (0..side).step_by(2).map(line).collect();
    Ok(Ok(lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: read back from the half blocks, every module is the code's own, with light around it.
    #[test]
    fn what_is_drawn_is_the_code() {
        let ticket = format!("kitbag1{}", "abcdefghij234567".repeat(20));
        let text = drawn(&ticket, 80).unwrap().unwrap();
        let rows: Vec<Vec<bool>> = text
            .lines()
            .flat_map(|line| {
                let half = |light: &[char]| line.chars().map(|c| light.contains(&c)).collect();
                [half(&['█', '▀']), half(&['█', '▄'])]
            })
            .collect();
        let code =
            QrCode::with_error_correction_level(ticket.to_ascii_uppercase(), EcLevel::L).unwrap();
        let width = code.width();
        let side = rows[0].len();
        assert!(
            side <= 80 && rows.iter().all(|row| row.len() == side),
            "{side}"
        );
        let margin = (side - width) / 2;
        let light: Vec<bool> = code
            .into_colors()
            .into_iter()
            .map(|c| c == Color::Light)
            .collect();
        for y in 0..side {
            for x in 0..side {
                let inside =
                    (margin..margin + width).contains(&x) && (margin..margin + width).contains(&y);
                let expected = !inside || light[(y - margin) * width + (x - margin)];
                assert_eq!(rows[y][x], expected, "{x} {y}");
            }
        }
    }

    #[test]
    fn a_code_that_does_not_fit_says_how_much_it_needs() {
        let ticket = format!("kitbag1{}", "a".repeat(900));
        let needs = drawn(&ticket, 80).unwrap().unwrap_err();
        assert!(needs > 80);
        assert!(drawn(&ticket, needs).unwrap().is_ok());
        assert!(drawn(&"a".repeat(10_000), 500).is_err());
    }
}

//! How long somebody has, as people and files write it: `PT4H`, `P1DT12H`, `4h`, `90m`, `2d`.

/// Seconds of a unit.
const UNITS: [(char, u64); 4] = [('D', 86_400), ('H', 3_600), ('M', 60), ('S', 1)];

/// Reads a duration; whole days, hours, minutes and seconds, each once and in this order.
pub fn seconds(text: &str) -> Option<u32> {
    let upper = text.trim().to_ascii_uppercase();
    let (date, time) = match upper.strip_prefix('P') {
        Some(rest) => match rest.split_once('T') {
            Some((date, time)) if !time.is_empty() => (date, time),
            Some(_) => return None,
            None => (rest, ""),
        },
        // Without letters around it, it is days or less as well.
        None => match upper.strip_suffix('D') {
            Some(_) => (upper.as_str(), ""),
            None => ("", upper.as_str()),
        },
    };
    let days = parts(date, &UNITS[..1])?;
    let rest = parts(time, &UNITS[1..])?;
    let some = !(date.is_empty() && time.is_empty());
    let all = days.checked_add(rest).filter(|_| some)?;
    u32::try_from(all).ok()
}

fn parts(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut units = units.iter();
    let (mut sum, mut rest) = (0u64, text);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let n: u64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?;
        let (_, worth) = units.by_ref().find(|(letter, _)| *letter == unit)?;
        sum = sum.checked_add(n.checked_mul(*worth)?)?;
        rest = &rest[end + unit.len_utf8()..];
    }
    Some(sum)
}

/// Writes it as ISO 8601 does.
pub fn duration(seconds: u32) -> String {
    let mut rest = u64::from(seconds);
    let mut text = "P".to_owned();
    for (letter, worth) in UNITS {
        let n = rest / worth;
        rest %= worth;
        if n > 0 {
            if letter != 'D' && !text.contains('T') {
                text.push('T');
            }
            text.push_str(&format!("{n}{letter}"));
        }
    }
    match text.as_str() {
        "P" => "PT0S".to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_they_are_written() {
        for (text, n) in [
            ("PT4H", 14_400),
            ("P1DT12H", 129_600),
            ("4h", 14_400),
            ("90m", 5_400),
            ("2d", 172_800),
            ("pt1h30m5s", 5_405),
            ("P7D", 604_800),
        ] {
            assert_eq!(seconds(text), Some(n), "{text}");
        }
        for n in [0, 1, 59, 60, 3_600, 86_400, 90_061, u32::MAX] {
            assert_eq!(seconds(&duration(n)), Some(n));
        }
        for text in [
            "",
            "P",
            "PT",
            "P1",
            "1",
            "PT1",
            "PT1M1H",
            "P1W",
            "P1Y",
            "-PT1H",
            "PT1.5H",
            "PT99999999999999999999H",
            "4294967296s",
            "PT1Hé",
            "é",
            "1é",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}

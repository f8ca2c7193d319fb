//! Check digits, each after its published rule. Digits are values 0 to 9.

/// ISO/IEC 7812-1 annex B: payment cards, some national numbers.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, &d)| match (i % 2, u32::from(d) * 2) {
            (0, _) => u32::from(d),
            (_, twice) if twice > 9 => twice - 9,
            (_, twice) => twice,
        })
        .sum();
    digits.len() > 1 && sum.is_multiple_of(10)
}

/// ISO 7064 MOD 97-10 as ISO 13616 uses it: the first four characters go to the end, letters become
/// 10 to 35, and the remainder is 1. Takes ASCII letters of either case and digits.
pub(crate) fn iban(chars: &[u8]) -> bool {
    if chars.len() < 5 {
        return false;
    }
    let (head, rest) = chars.split_at(4);
    let mut remainder = 0u32;
    for &c in rest.iter().chain(head) {
        remainder = match c {
            b'0'..=b'9' => (remainder * 10 + u32::from(c - b'0')) % 97,
            b'A'..=b'Z' => (remainder * 100 + u32::from(c - b'A') + 10) % 97,
            b'a'..=b'z' => (remainder * 100 + u32::from(c - b'a') + 10) % 97,
            _ => return false,
        };
    }
    remainder == 1
}

/// The length of an IBAN by its country, from the registry of ISO 13616.
pub(crate) fn iban_length(country: [u8; 2]) -> Option<usize> {
    let country = [
        country[0].to_ascii_uppercase(),
        country[1].to_ascii_uppercase(),
    ];
    IBAN_LENGTHS
        .iter()
        .find(|(c, _)| c.as_bytes() == country)
        .map(|(_, length)| usize::from(*length))
}

const IBAN_LENGTHS: [(&str, u8); 88] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
];

/// Germany's tax number of a person (Steuer-Identifikationsnummer): ISO 7064 MOD 11,10, no leading
/// zero, and among the first ten digits exactly one occurs twice or three times.
pub(crate) fn german_tax_id(digits: &[u8]) -> bool {
    if digits.len() != 11 || digits[0] == 0 {
        return false;
    }
    let mut counts = [0u8; 10];
    for &d in &digits[..10] {
        counts[usize::from(d)] += 1;
    }
    let repeated = counts.iter().filter(|&&n| n > 1).count();
    let most = counts.iter().max().copied().unwrap_or(0);
    if repeated != 1 || most > 3 {
        return false;
    }
    let mut product = 10u32;
    for &d in &digits[..10] {
        let sum = match (u32::from(d) + product) % 10 {
            0 => 10,
            sum => sum,
        };
        product = sum * 2 % 11;
    }
    (11 - product) % 10 == u32::from(digits[10])
}

/// EAN-13, the check digit of Switzerland's 756.xxxx.xxxx.xx.
pub(crate) fn ean13(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .enumerate()
        .map(|(i, &d)| u32::from(d) * if i % 2 == 0 { 1 } else { 3 })
        .sum();
    digits.len() == 13 && sum.is_multiple_of(10)
}

/// Brazil's CPF: two check digits modulo 11.
pub(crate) fn cpf(digits: &[u8]) -> bool {
    let check = |upto: usize| {
        let sum: u32 = digits[..upto]
            .iter()
            .zip((2..=upto as u32 + 1).rev())
            .map(|(&d, w)| u32::from(d) * w)
            .sum();
        (sum * 10 % 11 % 10) as u8
    };
    digits.len() == 11 && !same(digits) && check(9) == digits[9] && check(10) == digits[10]
}

/// France's NIR: the last two of 15 digits are 97 minus the rest modulo 97.
pub(crate) fn nir(digits: &[u8]) -> bool {
    if digits.len() != 15 || !matches!(digits[0], 1 | 2) {
        return false;
    }
    let month = digits[3] * 10 + digits[4];
    let number = digits[..13]
        .iter()
        .fold(0u64, |n, &d| n * 10 + u64::from(d));
    let key = u64::from(digits[13] * 10 + digits[14]);
    (matches!(month, 1..=12 | 20..=42 | 50..=99)) && 97 - number % 97 == key
}

/// Poland's PESEL: weights 1 3 7 9, and a month that exists in its century.
pub(crate) fn pesel(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .zip([1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1])
        .map(|(&d, w)| u32::from(d) * w)
        .sum();
    digits.len() == 11
        && sum.is_multiple_of(10)
        && matches!((digits[2] * 10 + digits[3]) % 20, 1..=12)
}

/// The Netherlands' BSN: weights 9 to 2 and -1, modulo 11.
pub(crate) fn bsn(digits: &[u8]) -> bool {
    let sum: i32 = digits
        .iter()
        .zip([9, 8, 7, 6, 5, 4, 3, 2, -1])
        .map(|(&d, w)| i32::from(d) * w)
        .sum();
    digits.len() == 9 && sum != 0 && sum % 11 == 0
}

/// A routing number of the American Bankers Association: weights 3 7 1.
pub(crate) fn aba(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .zip([3, 7, 1].into_iter().cycle())
        .map(|(&d, w)| u32::from(d) * w)
        .sum();
    digits.len() == 9 && sum != 0 && sum.is_multiple_of(10)
}

/// India's Aadhaar: Verhoeff's scheme over 12 digits, the first of which is 2 to 9.
pub(crate) fn aadhaar(digits: &[u8]) -> bool {
    if digits.len() != 12 || digits[0] < 2 {
        return false;
    }
    digits
        .iter()
        .rev()
        .enumerate()
        .fold(0u8, |c, (i, &d)| dihedral(c, permuted(i, d)))
        == 0
}

/// Multiplication in the dihedral group of order ten.
fn dihedral(a: u8, b: u8) -> u8 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + (b - 5)) % 5 + 5,
        (false, true) => (a - 5 + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// Verhoeff's permutation, `times` times.
fn permuted(times: usize, digit: u8) -> u8 {
    const ONCE: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    (0..times % 8).fold(digit, |d, _| ONCE[usize::from(d)])
}

/// The letter of Spain's DNI and NIE: the number modulo 23. For a NIE, X Y Z count as 0 1 2.
pub(crate) fn dni(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() != 9 {
        return false;
    }
    let first = match bytes[0].to_ascii_uppercase() {
        b'X' => b'0',
        b'Y' => b'1',
        b'Z' => b'2',
        other => other,
    };
    let mut number = 0u32;
    for c in std::iter::once(first).chain(bytes[1..8].iter().copied()) {
        if !c.is_ascii_digit() {
            return false;
        }
        number = number * 10 + u32::from(c - b'0');
    }
    b"TRWAGMYFPDXBNJZSQVHLCKE"[(number % 23) as usize] == bytes[8].to_ascii_uppercase()
}

/// The last letter of Italy's codice fiscale (decree of 23 December 1976, table of odd places).
pub(crate) fn codice_fiscale(text: &str) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let bytes = text.as_bytes();
    if bytes.len() != 16 || !bytes.iter().all(u8::is_ascii_alphanumeric) {
        return false;
    }
    let value = |c: u8| match c.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => usize::from(digit - b'0'),
        letter => usize::from(letter - b'A'),
    };
    let sum: u32 = bytes[..15]
        .iter()
        .enumerate()
        .map(|(i, &c)| {
            if i % 2 == 0 {
                ODD[value(c)]
            } else {
                value(c) as u32
            }
        })
        .sum();
    sum % 26 == value(bytes[15]) as u32 && bytes[15].is_ascii_alphabetic()
}

/// All digits are one.
pub(crate) fn same(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes()
            .filter(u8::is_ascii_digit)
            .map(|b| b - b'0')
            .collect()
    }

    /// Published examples, and each of them with one digit changed.
    #[test]
    fn examples_pass_and_one_changed_digit_fails() {
        type Check = fn(&[u8]) -> bool;
        let cases: [(Check, &str); 11] = [
            (luhn, "4111 1111 1111 1111"),
            (luhn, "3782 822463 10005"),
            (german_tax_id, "86 095 742 719"),
            (german_tax_id, "65 929 970 489"),
            (ean13, "756.9217.0769.85"),
            (cpf, "529.982.247-25"),
            (nir, "2 55 08 14 168 025 38"),
            (pesel, "44051401359"),
            (bsn, "111222333"),
            (aba, "011401533"),
            (aadhaar, "2363 4567 8904"),
        ];
        for (check, text) in cases {
            let good = digits(text);
            if !check(&good) {
                panic!("{text} fails");
            }
            let mut bad = good.clone();
            let last = bad.len() - 1;
            bad[last] = (bad[last] + 1) % 10;
            assert!(!check(&bad), "{text} with another last digit passes");
        }
    }

    #[test]
    fn letters_are_checked() {
        assert!(dni("12345678Z") && !dni("12345678A") && dni("X1234567L") && !dni("X1234567A"));
        assert!(codice_fiscale("RSSMRA85T10A562S") && !codice_fiscale("RSSMRA85T10A562T"));
        assert!(iban(b"DE89370400440532013000") && !iban(b"DE89370400440532013001"));
        assert!(iban(b"gb82west12345698765432") && iban(b"NO9386011117947"));
        assert_eq!(iban_length(*b"de"), Some(22));
        assert_eq!(iban_length(*b"ZZ"), None);
    }
}

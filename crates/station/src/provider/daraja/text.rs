//! How M-Pesa writes telephone numbers, accounts and times.

use std::fmt::Write;

/// East Africa Time is three hours ahead of UTC all year.
const EAT_MS: i64 = 3 * 60 * 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A Kenyan mobile number as M-Pesa wants it, `2547…` or `2541…` with 12 digits, from `07…`, `7…`, `+2547…` with spaces or
/// hyphens; or why it is none, for the payer.
pub(super) fn phone(text: &str) -> Result<String, String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.')).collect();
    let digits = digits.strip_prefix('+').unwrap_or(&digits);
    let local = match digits.len() {
        12 => digits.strip_prefix("254"),
        10 => digits.strip_prefix('0'),
        9 => Some(digits),
        _ => None,
    };
    let mobile = local.filter(|local| {
        local.bytes().all(|byte| byte.is_ascii_digit()) && (local.starts_with('7') || local.starts_with('1'))
    });
    let wrong = "this is no Kenyan mobile number: write it like 0712 345 678 or +254 712 345 678";
    mobile.map(|local| format!("254{local}")).ok_or_else(|| wrong.to_owned())
}

/// An account as a customer typed it, as it was meant: capitals, no spaces or hyphens, and the digits that O, I and L look like.
pub(super) fn account(typed: &str) -> String {
    let kept = typed.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_uppercase)
        .map(|c| match c {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        })
        .take(64)
        .collect()
}

/// A word of Daraja for the log: at most 200 characters, without telephone numbers.
pub(super) fn clean(text: &str) -> String {
    let mut shown = String::new();
    let mut digits = String::new();
    for c in text.chars().take(200).chain(std::iter::once(' ')) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        // Codes and ids are shorter than a telephone number.
        shown.push_str(if digits.len() >= 9 { "…" } else { &digits });
        digits.clear();
        shown.push(if c.is_control() { ' ' } else { c });
    }
    shown.trim().to_owned()
}

/// A time as `YYYYMMDDHHMMSS` in East Africa Time.
pub(super) fn timestamp(at_ms: i64) -> String {
    let [year, month, day, hour, minute, second] = civil(at_ms + EAT_MS);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// A time as `YYYY-MM-DD HH:MM:SS` in East Africa Time.
pub(super) fn date_time(at_ms: i64) -> String {
    let [year, month, day, hour, minute, second] = civil(at_ms + EAT_MS);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Reads `2020-08-05T10:13:00Z` as UTC, and the same without a zone as East Africa Time, in milliseconds since 1970.
pub(super) fn read_time(text: &str) -> Option<i64> {
    let (date, time) = text.trim().split_once(['T', ' '])?;
    let (time, zone_ms) = time.strip_suffix('Z').map_or((time, EAT_MS), |time| (time, 0));
    let number = |text: &str| {
        let good = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| text.parse::<i64>().ok()).flatten()
    };
    let mut date = date.splitn(3, '-').map(number);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let time = time.split('.').next()?;
    let mut time = time.splitn(3, ':').map(number);
    let (hour, minute) = (time.next()??, time.next()??);
    let second = time.next().unwrap_or(Some(0))?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = (days(year, month, day) * 24 + hour) * 3600 + minute * 60 + second;
    Some(seconds * 1000 - zone_ms)
}

/// Days since 1970-01-01 of a date in the Gregorian calendar; years begin in March, so that the leap day is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
        - 1
        - 719_468
}

/// Year, month, day, hour, minute and second of a time.
fn civil(at_ms: i64) -> [i64; 6] {
    let day = at_ms.div_euclid(DAY_MS);
    let second = at_ms.rem_euclid(DAY_MS) / 1000;
    // At least one of these years holds the day; the estimate is never a year too late.
    let mut year = 1970 + day.div_euclid(366);
    while days(year + 1, 1, 1) <= day {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| days(year, *month, 1) <= day).unwrap_or(1);
    [year, month, day - days(year, month, 1) + 1, second / 3600, second / 60 % 60, second % 60]
}

/// Bytes in lower-case hexadecimal digits, in groups as a UUID has them.
pub(super) fn uuid_like(bytes: &[u8; 16]) -> String {
    bytes.iter().enumerate().fold(String::with_capacity(36), |mut text, (at, byte)| {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telephones() {
        for good in ["0712345678", "712345678", "+254712345678", "254712345678", "0712 345-678", "+254 (712) 345 678"] {
            assert_eq!(phone(good).as_deref(), Ok("254712345678"), "{good}");
        }
        assert_eq!(phone("0110345678").as_deref(), Ok("254110345678"));
        let bad = [
            "",
            "12",
            "0812345678",
            "+255712345678",
            "07123456789",
            "071234567",
            "0712345o78",
            "٠٧١٢٣٤٥٦٧٨",
            "++254712345678",
        ];
        for bad in bad {
            assert!(phone(bad).unwrap_err().contains("0712 345 678"), "{bad}");
        }
    }

    #[test]
    fn accounts() {
        assert_eq!(account(" ab-c 12oil9 "), "ABC120119");
        assert_eq!(account(&"x".repeat(500)).len(), 64);
    }

    #[test]
    fn logged_words() {
        assert_eq!(clean("Bad Request\n400.002.02 for 254712345678."), "Bad Request 400.002.02 for ….");
        assert_eq!(clean("254712345678"), "…");
        assert_eq!(clean(&"y".repeat(900)).len(), 200);
    }

    #[test]
    fn times() {
        // 2024-02-29 21:30:05 UTC is past midnight in Nairobi.
        let at_ms = 1_709_242_205_000;
        assert_eq!(timestamp(at_ms), "20240301003005");
        assert_eq!(date_time(at_ms), "2024-03-01 00:30:05");
        assert_eq!(read_time("2024-02-29T21:30:05Z"), Some(at_ms));
        assert_eq!(read_time("2024-03-01 00:30:05"), Some(at_ms));
        assert_eq!(read_time("2024-03-01 00:30"), Some(at_ms - 5_000));
        assert_eq!(read_time("1970-01-01T00:00:00Z"), Some(0));
        for year in 1970..2110 {
            let new_year = read_time(&format!("{year}-01-01 00:00:00")).unwrap();
            assert_eq!(timestamp(new_year), format!("{year}0101000000"));
            assert_eq!(timestamp(new_year - 1), format!("{}1231235959", year - 1));
        }
        for bad in [
            "",
            "2024",
            "2024-13-01 00:00",
            "2024-01-32 00:00",
            "2024-01-01T24:00:00Z",
            "yesterday 10:00",
            "2024-01-01",
        ] {
            assert_eq!(read_time(bad), None, "{bad}");
        }
    }
}

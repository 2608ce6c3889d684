//! What is about to be bought, as it is kept over a reload of the page. Nothing is ordered by it: it is what somebody was shown.

use crate::courier::{Purchase, PurchaseLine};
use crate::round::Round;
use crate::wire::{Quote, RequestLine};
use coinless_protocol::MeterId;
use serde::{Deserialize, Serialize};

/// How long a draft is shown again, in milliseconds: prices may change, and whoever comes back later has to ask anew.
pub const DRAFT_LASTS_MS: u64 = 60 * 60 * 1000;

/// What is about to be bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The lines.
    pub lines: Vec<PurchaseLine>,
    /// What they cost, as the station said.
    pub quote: Quote,
    /// The file that they come from.
    pub round: Option<Round>,
    /// The path of the screen where they were chosen.
    pub from: String,
    /// When the station said what they cost, in milliseconds since 1970-01-01 UTC by this phone's clock.
    pub quoted_ms: u64,
}

/// How it is written.
#[derive(Serialize, Deserialize)]
struct RawDraft {
    lines: Vec<RequestLine>,
    quote: Quote,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    round: Option<Round>,
    from: String,
    quoted_ms: u64,
}

impl Draft {
    /// Its JSON; none if it cannot be written, which does not happen.
    pub fn to_json(&self) -> Option<String> {
        let purchase = Purchase { lines: self.lines.clone(), ..Purchase::default() };
        let Self { quote, round, from, quoted_ms, .. } = self.clone();
        serde_json::to_string(&RawDraft { lines: purchase.request(None).lines, quote, round, from, quoted_ms }).ok()
    }

    /// Reads one at `now_ms` of the same clock; none if it is another version's or no draft, or too old.
    pub fn read(json: &str, now_ms: u64) -> Option<Self> {
        let RawDraft { lines, quote, round, from, quoted_ms } = serde_json::from_str(json).ok()?;
        let line =
            |line: RequestLine| Some(PurchaseLine { meter: MeterId::from_label(&line.meter).ok()?, asked: line.asked });
        let lines = lines.into_iter().map(line).collect::<Option<Vec<_>>>()?;
        let is_new = now_ms.checked_sub(quoted_ms).is_some_and(|passed| passed < DRAFT_LASTS_MS);
        let of_same = lines.len() == quote.lines.len()
            && lines.iter().zip(&quote.lines).all(|(line, quoted)| line.meter.as_str() == quoted.meter);
        (is_new && of_same).then_some(Self { lines, quote, round, from, quoted_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{LineQuote, QuotedLine};

    fn draft() -> Draft {
        let meter: MeterId = "CLS0000000017".parse().unwrap();
        let quote =
            LineQuote { units: 5_000, shown: "5.000 m³".into(), net: None, tax: None, fee: None, explanation: vec![] };
        let quoted = QuotedLine {
            meter: meter.to_string(),
            label: meter.label().to_string(),
            commodity: "gas".into(),
            customer: None,
            place: None,
            amount: "20.00".into(),
            quote,
        };
        Draft {
            lines: vec![PurchaseLine { meter, asked: "5m3".parse().unwrap() }],
            quote: Quote { currency: "EUR".into(), total: "20.00".into(), lines: vec![quoted] },
            round: None,
            from: "/m/CLS0000000017-Z".into(),
            quoted_ms: 7,
        }
    }

    #[test]
    fn it_is_the_same_after_a_reload_and_not_for_ever() {
        let json = draft().to_json().unwrap();
        assert_eq!(Draft::read(&json, 8), Some(draft()));
        assert_eq!(Draft::read(&json, 7 + DRAFT_LASTS_MS - 1), Some(draft()));
        assert_eq!(Draft::read(&json, 7 + DRAFT_LASTS_MS), None);
        assert_eq!(Draft::read(&json, 6), None, "the clock was set back");
    }

    #[test]
    fn what_is_none_is_none() {
        let json = draft().to_json().unwrap();
        for other in
            ["", "{}", &json.replace("-Z", "-Y"), &json.replace("\"meter\":\"CLS0000000017\"", "\"meter\":\"X\"")]
        {
            assert_eq!(Draft::read(other, 8), None, "{other}");
        }
    }
}

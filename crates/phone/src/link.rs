//! The link that opens an order: `https://STATION/o/ORDER-ID`. Whoever has it holds the order, as with a paper receipt.

use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A link to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLink {
    /// The station's URL, without a slash at the end.
    pub station: String,
    /// The order's id.
    pub order: Uuid,
}

/// The text is not a link to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a link to an order looks like https://STATION/o/01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct LinkError;

/// A link is no longer.
const MAX_BYTES: usize = 2048;
/// Between the station's URL and the id.
const PATH: &str = "/o/";

impl FromStr for OrderLink {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        let text = text.strip_suffix('/').unwrap_or(text);
        let (station, order) = text.rsplit_once(PATH).filter(|_| text.len() <= MAX_BYTES).ok_or(LinkError)?;
        let host = station.strip_prefix("https://").or_else(|| station.strip_prefix("http://")).ok_or(LinkError)?;
        let order = Uuid::try_parse(order).ok().filter(|id| order.eq_ignore_ascii_case(&id.to_string()));
        if host.is_empty() || host.contains(['?', '#', '@', '\\']) || host.contains(char::is_whitespace) {
            return Err(LinkError);
        }
        Ok(Self { station: station.to_owned(), order: order.ok_or(LinkError)? })
    }
}

impl fmt::Display for OrderLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{PATH}{}", self.station.trim_end_matches('/'), self.order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    #[test]
    fn both_ways() {
        for station in ["https://pay.example", "http://127.0.0.1:8600", "https://x.example/o/town"] {
            let link: OrderLink = format!(" {station}/o/{ID}/\n").parse().unwrap();
            assert_eq!((link.station.as_str(), link.to_string()), (station, format!("{station}/o/{ID}")));
        }
        let upper: OrderLink = format!("https://x/o/{}", ID.to_uppercase()).parse().unwrap();
        assert_eq!(upper.order.to_string(), ID);
    }

    #[test]
    fn what_is_none() {
        for bad in ["", ID, "https://x/o/", "https:///o/", "https://x/m/CLS0000000017-Z", "https://x/o/1234"] {
            assert_eq!(bad.parse::<OrderLink>(), Err(LinkError), "{bad}");
        }
        let schemes = [format!("ftp://x/o/{ID}"), format!("https://user@x/o/{ID}"), format!("https://x?/o/{ID}")];
        let ids = [format!("https://x/o/{}", ID.replace('-', "")), format!("https://x/o/{ID}?a=1")];
        for bad in schemes.iter().chain(&ids) {
            assert_eq!(bad.parse::<OrderLink>(), Err(LinkError), "{bad}");
        }
    }
}

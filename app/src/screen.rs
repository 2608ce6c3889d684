//! The screens, and the paths at which they are found: a reload, a bookmark and a link from outside lead to the same screen.

use coinless_phone::courier::HandOver;
use coinless_phone::records::Part;
use coinless_protocol::MeterId;
use uuid::Uuid;

/// Stands in a path for what is not named.
const NONE: &str = "-";

/// A screen of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screen {
    /// Where it begins.
    Home,
    /// Reading a label.
    Scan,
    /// One meter: who it is, and what to buy. The path of labels.
    Meter(MeterId),
    /// What the lines cost, before paying.
    Quote,
    /// How an order stands. The path of links to orders.
    Order(Uuid),
    /// The family's list.
    List,
    /// The manager's house: meters, sums, preview.
    House,
    /// Walking a round; perhaps a part of it.
    Walk(Uuid, Option<Part>),
    /// Everything that was bought.
    History,
    /// What one line came to, to be shown, shared and printed.
    Receipt(Uuid, u32),
    /// Telling the station's people what is wrong, perhaps with an order and a meter.
    Problem(Option<Uuid>, Option<MeterId>),
    /// A token handed over by another phone.
    Carry(Box<HandOver>),
    /// Language, storage, what this is.
    Settings,
    /// An address that leads nowhere.
    Nowhere,
}

impl Screen {
    /// The screen of a URL: its path, and what stands behind `#` (with it).
    pub fn at(origin: &str, path: &str, hash: &str) -> Self {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let found = match parts.as_slice() {
            [""] => Some(Self::Home),
            ["m", label] => MeterId::from_label(label).ok().map(Self::Meter),
            ["o", id] => id.parse().ok().map(Self::Order),
            ["s", "scan"] => Some(Self::Scan),
            ["s", "quote"] => Some(Self::Quote),
            ["s", "list"] => Some(Self::List),
            ["s", "house"] => Some(Self::House),
            ["s", "walk", id] => id.parse().ok().map(|id| Self::Walk(id, None)),
            ["s", "walk", id, part, of] => part_of(id, part, of),
            ["s", "history"] => Some(Self::History),
            ["s", "receipt", id, line] => {
                id.parse().ok().zip(line.parse().ok()).map(|(id, line)| Self::Receipt(id, line))
            }
            ["s", "problem", order, meter] => Some(Self::Problem(order.parse().ok(), MeterId::from_label(meter).ok())),
            ["s", "carry"] => format!("{origin}{path}{hash}").parse().ok().map(|token| Self::Carry(Box::new(token))),
            ["s", "settings"] => Some(Self::Settings),
            _ => None,
        };
        found.unwrap_or(Self::Nowhere)
    }

    /// Its path.
    pub fn path(&self) -> String {
        match self {
            Self::Home | Self::Nowhere => "/".to_owned(),
            Self::Scan => "/s/scan".to_owned(),
            Self::Meter(meter) => format!("/m/{}", meter.label()),
            Self::Quote => "/s/quote".to_owned(),
            Self::Order(id) => format!("/o/{id}"),
            Self::List => "/s/list".to_owned(),
            Self::House => "/s/house".to_owned(),
            Self::Walk(id, None) => format!("/s/walk/{id}"),
            Self::Walk(id, Some(Part { part, of })) => format!("/s/walk/{id}/{part}/{of}"),
            Self::History => "/s/history".to_owned(),
            Self::Receipt(id, line) => format!("/s/receipt/{id}/{line}"),
            Self::Problem(order, meter) => {
                let order = order.map_or_else(|| NONE.to_owned(), |order| order.to_string());
                format!(
                    "/s/problem/{order}/{}",
                    meter.map_or_else(|| NONE.to_owned(), |meter| meter.label().to_string())
                )
            }
            Self::Carry(token) => token.path(),
            Self::Settings => "/s/settings".to_owned(),
        }
    }

    /// Its name, by which style sheets and tests know it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Scan => "scan",
            Self::Meter(_) => "meter",
            Self::Quote => "quote",
            Self::Order(_) => "order",
            Self::List => "list",
            Self::House => "house",
            Self::Walk(..) => "walk",
            Self::History => "history",
            Self::Receipt(..) => "receipt",
            Self::Problem(..) => "problem",
            Self::Carry(_) => "carry",
            Self::Settings => "settings",
            Self::Nowhere => "nowhere",
        }
    }
}

fn part_of(id: &str, part: &str, of: &str) -> Option<Screen> {
    let part = Part::new(part.parse().ok()?, of.parse().ok()?)?;
    id.parse().ok().map(|id| Screen::Walk(id, Some(part)))
}

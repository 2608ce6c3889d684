//! Meters that a phone keeps by name: a family's list, a manager's house.

use crate::wire::MeterInfo;
use coinless_protocol::MeterId;
use serde::{Deserialize, Serialize};

/// Most characters of a name, a room and a group.
pub const MAX_TEXT_CHARS: usize = 64;
/// Most bytes of a picture, as it is written into a page.
pub const MAX_PICTURE_BYTES: usize = 64 * 1024;
/// Most meters that a phone keeps: two full orders.
pub const MAX_KEPT_METERS: usize = 1000;

/// A meter that the phone's owner wants to find again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptMeter {
    /// Its label, with the check character.
    pub label: String,
    /// The station that sells for it.
    pub station: String,
    /// What people call it: *Gas*, *Flat 12*.
    #[serde(default)]
    pub name: String,
    /// Where it hangs, in the owner's words.
    #[serde(default)]
    pub room: String,
    /// To which house or list it belongs; empty for the family's own.
    #[serde(default)]
    pub group: String,
    /// A picture of it: a `data:image/…` URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// By how much its sum is multiplied when a round pays by the unit: persons, rooms, square metres.
    #[serde(default = "one")]
    pub shares: u32,
    /// What it usually gets in a round: an amount or a quantity as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<String>,
    /// What the station last said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<MeterInfo>,
}

fn one() -> u32 {
    1
}

impl KeptMeter {
    /// A meter without a name yet.
    pub fn new(meter: &MeterId, station: &str) -> Self {
        Self {
            label: meter.label().to_string(),
            station: station.to_owned(),
            name: String::new(),
            room: String::new(),
            group: String::new(),
            picture: None,
            shares: 1,
            usual: None,
            info: None,
        }
    }

    /// Its number; none if the record was written by something else than this crate.
    pub fn meter(&self) -> Option<MeterId> {
        MeterId::from_label(&self.label).ok()
    }

    /// What it is called: its name, else its label.
    pub fn called(&self) -> &str {
        if self.name.trim().is_empty() { &self.label } else { &self.name }
    }

    /// The same with texts cut to [`MAX_TEXT_CHARS`] and without a picture that is too large or none.
    #[must_use]
    pub fn within_limits(mut self) -> Self {
        for text in [&mut self.name, &mut self.room, &mut self.group] {
            *text = text.trim().chars().filter(|letter| !letter.is_control()).take(MAX_TEXT_CHARS).collect();
        }
        let fits = |picture: &String| picture.starts_with("data:image/") && picture.len() <= MAX_PICTURE_BYTES;
        self.picture = self.picture.filter(fits);
        self
    }
}

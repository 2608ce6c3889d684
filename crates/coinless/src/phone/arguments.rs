//! What is bought, as typed or as a file has it.

use crate::output::{Context, Failure};
use clap::Args;
use coinless_phone::courier::{Purchase, PurchaseLine};
use coinless_phone::round;
use coinless_phone::{Amount, Asked};
use coinless_protocol::MeterId;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// More is no file for a round; [`round::read`] has its own, smaller limit.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// The lines of a purchase.
#[derive(Args)]
pub struct Lines {
    /// Meter number with its check character, and money or a quantity: CLS0000000017-Z=50.00, CLS0000000017-Z=12m3
    #[arg(required_unless_present = "file", conflicts_with = "file", value_name = "ID-CHECK=AMOUNT")]
    lines: Vec<LineArgument>,
    /// A CSV file with the columns meter and amount, and others, which come back in the round's result.
    #[arg(long, value_name = "CSV")]
    file: Option<PathBuf>,
}

/// Who pays and how, and how much.
#[derive(Args)]
pub struct Payment {
    /// Who pays, as the payment provider knows them: a telephone number, for example.
    #[arg(long, value_name = "TEXT")]
    payer: Option<String>,
    /// The payment provider; the station's first one if it is left out.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Order nothing if it costs more than this in all.
    #[arg(long, value_name = "AMOUNT")]
    most: Option<Amount>,
}

/// A meter and what is asked for it, as typed.
#[derive(Debug, Clone)]
struct LineArgument(PurchaseLine);

impl FromStr for LineArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (meter, asked) = text
            .split_once('=')
            .ok_or("write METER-CHECK=AMOUNT, for example CLS0000000017-Z=50.00 or CLS0000000017-Z=12m3")?;
        let meter = MeterId::from_label(meter).map_err(|error| error.to_string())?;
        let asked: Asked = asked.parse().map_err(|error| format!("{error}"))?;
        Ok(Self(PurchaseLine { meter, asked }))
    }
}

impl Lines {
    /// The purchase of these lines, which is one that a station takes as far as that can be told without it.
    ///
    /// # Errors
    /// [`Failure`] says everything that is wrong.
    pub fn purchase(self) -> Result<Purchase, Failure> {
        let purchase = match self.file {
            None => Purchase { lines: self.lines.into_iter().map(|line| line.0).collect(), ..Purchase::default() },
            Some(path) => from_file(&path)?,
        };
        check(purchase)
    }
}

impl Payment {
    /// The purchase with what was said of its payment.
    ///
    /// # Errors
    /// [`Failure`] says what is wrong.
    pub fn of(self, purchase: Purchase) -> Result<Purchase, Failure> {
        check(Purchase { payer: self.payer, provider: self.provider, most: self.most, ..purchase })
    }
}

fn check(purchase: Purchase) -> Result<Purchase, Failure> {
    purchase.check().map_err(|error| Failure::new(error.to_string()))?;
    Ok(purchase)
}

fn from_file(path: &Path) -> Result<Purchase, Failure> {
    let place = path.display();
    let mut bytes = Vec::new();
    let file = File::open(path).context(format_args!("opening {place}"))?;
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).context(format_args!("reading {place}"))?;
    let file = round::read(&bytes).context(format_args!("{place}; nothing was sent"))?;
    Ok(Purchase { lines: file.lines, round: Some(file.round), ..Purchase::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_checked_before_anything_is_sent() {
        let line =
            |text: &str| text.parse::<LineArgument>().map(|line| (line.0.meter.to_string(), line.0.asked.to_string()));
        assert_eq!(line("cls0000000017-z=50.00"), Ok(("CLS0000000017".into(), "50.00".into())));
        assert_eq!(line("CLS0000000017-Z=12.50m3"), Ok(("CLS0000000017".into(), "12.5m3".into())));
        assert_eq!(line("CLS0000000017-Z=30.5kWh"), Ok(("CLS0000000017".into(), "30.5kWh".into())));
        let error = |text: &str| line(text).unwrap_err();
        assert!(error("CLS0000000017-K=50.00").contains("check character does not fit"));
        assert!(error("CLS0000000017=50.00").contains("check character is missing"));
        assert!(error("CLS0000000017-Z=-1").contains("decimal number above zero"));
        assert!(error("CLS0000000017-Z=12l").contains("12m3 or 30.5kWh"));
        assert!(error("CLS0000000017-Z").contains("METER-CHECK=AMOUNT"));
    }
}

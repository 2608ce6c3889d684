//! The utilities that sell through this station, each with its own sales system, currency, keys and books.

use crate::money::Currency;
use crate::problem::{Code, Error};
use crate::sales::{Lookup, SalesSystem};
use coinless_protocol::MeterId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a sales system is waited for that is asked whose meter it is: a person waits, and goes on without it.
pub const LOOKUP_PATIENCE: Duration = Duration::from_secs(3);

/// A utility's name in configuration, ledger and file names: 1 to 32 of `a-z0-9-`, beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtilityName(String);

/// The text is no utility's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a utility's name has 1 to 32 of a-z, 0-9 and -, and begins with a letter")]
pub struct UtilityNameError;

impl UtilityName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for UtilityName {
    type Err = UtilityNameError;

    fn from_str(text: &str) -> Result<Self, UtilityNameError> {
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let rest = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if first && rest && text.len() <= 32 { Ok(Self(text.to_owned())) } else { Err(UtilityNameError) }
    }
}

impl fmt::Display for UtilityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A utility.
#[derive(Clone)]
pub struct Utility {
    /// Its name in the books.
    pub name: UtilityName,
    /// Its name for people.
    pub brand: String,
    /// The currency that it sells in.
    pub currency: Currency,
    /// Its sales system.
    pub sales: Arc<dyn SalesSystem>,
}

impl Utility {
    /// Whose meter this is, as its sales system says within [`LOOKUP_PATIENCE`]. Names and places are for the eyes of who asked:
    /// they are neither kept nor logged.
    pub async fn lookup(&self, meter: MeterId) -> Lookup {
        let asked = tokio::time::timeout(LOOKUP_PATIENCE, self.sales.lookup(meter)).await;
        asked.unwrap_or_else(|_| Lookup::Unavailable { why: "no answer in time".to_owned() })
    }
}

/// All utilities of a station, at least one.
#[derive(Clone)]
pub struct Utilities(Arc<BTreeMap<UtilityName, Utility>>);

impl Utilities {
    /// These utilities; none if there is none, or two have one name.
    pub fn new(utilities: Vec<Utility>) -> Option<Self> {
        let count = utilities.len();
        let map: BTreeMap<_, _> = utilities.into_iter().map(|utility| (utility.name.clone(), utility)).collect();
        (!map.is_empty() && map.len() == count).then(|| Self(Arc::new(map)))
    }

    /// The utility of this name.
    ///
    /// # Errors
    /// [`Code::UnknownUtility`]: a meter may outlive the configuration of its utility.
    pub fn find(&self, name: &UtilityName) -> Result<&Utility, Error> {
        let missing =
            || Error::refused(Code::UnknownUtility, format!("the utility {name} does not sell here any more"));
        self.0.get(name).ok_or_else(missing)
    }

    /// The only utility, if there is one alone.
    pub fn only(&self) -> Option<&Utility> {
        if self.0.len() == 1 { self.0.values().next() } else { None }
    }

    /// Those that want to hear when a meter has its credit.
    pub fn confirming(&self) -> BTreeSet<UtilityName> {
        let confirming = self.all().filter(|utility| utility.sales.wants_confirmation());
        confirming.map(|utility| utility.name.clone()).collect()
    }

    /// All of them, in the order of their names.
    pub fn all(&self) -> impl Iterator<Item = &Utility> {
        self.0.values()
    }
}

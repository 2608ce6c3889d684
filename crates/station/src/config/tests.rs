//! Which providers a configuration gives.

use super::*;
use crate::provider::{
    BadCallback, Call, Callback, Notice, PaymentOutcome, PaymentRequest, RefundOutcome, RefundRequest, StatementEntry,
    StatementError,
};
use crate::store::{GroupSize, SqliteStore};

fn providers(text: &str) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.path().join("a.db"), GroupSize::default()).unwrap());
    let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
    let providers = config.providers(&store).map_err(|error| error.to_string())?;
    Ok(providers.iter().map(|provider| provider.name().to_owned()).collect())
}

const COUNTER: &str = "[providers.manual]\npay_where = \"counter\"\n";
const SANDBOX: &str = "[providers.sandbox]\nurl = \"http://127.0.0.1:1\"\nkey = \"k\"\n";

#[test]
fn a_default_provider_comes_first() {
    assert_eq!(providers(&format!("{COUNTER}{SANDBOX}")).unwrap(), ["manual", "sandbox"]);
    let named = format!("[providers]\ndefault = \"sandbox\"\n{COUNTER}{SANDBOX}");
    assert_eq!(providers(&named).unwrap(), ["sandbox", "manual"]);
}

#[test]
fn no_provider_is_named_float() {
    let refused = |text: &str| providers(text).unwrap_err();
    assert!(refused(&format!("[providers]\ndefault = \"float\"\n{COUNTER}")).contains("managers pay from in advance"));
    assert!(refused("[providers.float]\nurl = \"x\"").contains("unknown field `float`"));
    let named = |name: &'static str| -> Arc<dyn PaymentProvider> { Arc::new(Named(name)) };
    let words = check_names(&[named("float")]).unwrap_err();
    assert!(words.contains("no provider may be named \"float\""), "{words}");
    assert!(check_names(&[named("a"), named("a")]).unwrap_err().contains("two providers are named a"));
    for bad in ["", "A", "a/b", "a.b", "123456789012345678901234567890123"] {
        assert!(check_names(&[named(bad)]).unwrap_err().contains("is no name"), "{bad}");
    }
    assert_eq!(check_names(&[named("daraja-stk"), named("stripe")]), Ok(()));
}

/// A provider that has a name and nothing else.
struct Named(&'static str);

impl PaymentProvider for Named {
    fn name(&self) -> &str {
        self.0
    }

    fn start<'a>(&'a self, _: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        Box::pin(async { PaymentOutcome::NotFound })
    }

    fn query<'a>(&'a self, _: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        Box::pin(async { PaymentOutcome::NotFound })
    }

    fn refund<'a>(&'a self, _: &'a RefundRequest) -> Call<'a, RefundOutcome> {
        Box::pin(async { RefundOutcome::Refunded })
    }

    fn statement<'a>(&'a self, _: i64, _: i64) -> Call<'a, Result<Vec<StatementEntry>, StatementError>> {
        Box::pin(async { Err(StatementError::NotOffered) })
    }

    fn read_callback(&self, _: &Callback<'_>) -> Result<Notice, BadCallback> {
        Ok(Notice::Nothing)
    }
}

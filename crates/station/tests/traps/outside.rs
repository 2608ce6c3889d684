//! The providers, and what each of them says from now on.

use crate::server::{Reply, Server};
use crate::words::{
    CHARGE, INTENT, INTENTS, OAUTH, PAY_OUT, PULL, PUSH, QUERY, Row, intent, list, ok, pushed, pushed_end, sandbox,
    statement, stripe_refund, under_way,
};
use crate::{ASKED, ORDER, setup};
use coinless_station::payments;
use coinless_station::provider::PaymentProvider;
use coinless_station::provider::daraja::{Daraja, DarajaC2b, DarajaConfig, DarajaRefunds, DarajaStk};
use coinless_station::provider::manual::{Manual, ManualConfig};
use coinless_station::provider::sandbox::Sandbox;
use coinless_station::provider::stripe::Stripe;
use coinless_station::store::Store;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Notify;

/// A provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Sandbox,
    Stk,
    Paybill,
    Stripe,
    Manual,
}

impl Side {
    pub const ALL: [Self; 5] = [Self::Sandbox, Self::Stk, Self::Paybill, Self::Stripe, Self::Manual];

    /// Its name in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Stk => "daraja-stk",
            Self::Paybill => "daraja-paybill",
            Self::Stripe => "stripe",
            Self::Manual => "manual",
        }
    }

    /// The station's side, with a real address of a scripted other side. It does not wait long for answers.
    pub fn open(self, url: &str, store: &Arc<dyn Store>) -> Arc<dyn PaymentProvider> {
        let folder = tempfile::tempdir().unwrap();
        match self {
            Self::Sandbox => Arc::new(Sandbox::new(url, b"key").unwrap()),
            Self::Stk => Arc::new(DarajaStk::new(daraja(folder.path(), url)).unwrap()),
            Self::Paybill => Arc::new(DarajaC2b::new(daraja(folder.path(), url)).unwrap()),
            Self::Stripe => {
                let mut config = setup::config(folder.path(), url, setup::Page::Own);
                config.timeout_ms = Some(1_000);
                Arc::new(Stripe::new(&config).unwrap())
            }
            Self::Manual => {
                let config = ManualConfig { pay_where: "counter".to_owned() };
                Arc::new(Manual::new(&config, store.clone()).unwrap())
            }
        }
    }

    /// Where a payment is started, if anything is sent then.
    pub fn start(self) -> Option<String> {
        match self {
            Self::Sandbox => Some(format!("PUT /payments/{ORDER}")),
            Self::Stk => Some(PUSH.to_owned()),
            Self::Stripe => Some(INTENTS.to_owned()),
            Self::Paybill | Self::Manual => None,
        }
    }

    /// Where it is asked about.
    pub fn query(self) -> Option<String> {
        match self {
            Self::Sandbox => Some(format!("GET /payments/{ORDER}")),
            Self::Stk => Some(QUERY.to_owned()),
            Self::Paybill => Some(PULL.to_owned()),
            Self::Stripe => Some(INTENT.to_owned()),
            Self::Manual => None,
        }
    }

    /// Nobody has paid yet, and every request is answered.
    pub fn waits(self, server: &Server) {
        self.started(server);
        match self {
            Self::Sandbox => server.script(&self.query().unwrap(), [ok(sandbox("pending", ASKED, None))]),
            Self::Stk => {
                server.script(OAUTH, [ok(json!({ "access_token": "token", "expires_in": "3599" }))]);
                server.script(QUERY, [under_way()]);
                server.script(PULL, [ok(statement(&[]))]);
            }
            Self::Paybill => {
                server.script(OAUTH, [ok(json!({ "access_token": "token", "expires_in": "3599" }))]);
                server.script(PULL, [ok(statement(&[]))]);
            }
            Self::Stripe => server.script(INTENT, [ok(intent("requires_payment_method", 0, 0, false))]),
            Self::Manual => {}
        }
    }

    /// A start is answered at once.
    pub fn started(self, server: &Server) {
        if let Some(start) = self.start() {
            server.script(&start, [ok(self.start_answer())]);
        }
    }

    fn start_answer(self) -> serde_json::Value {
        match self {
            Self::Stk => pushed(),
            Self::Stripe => intent("requires_payment_method", 0, 0, false),
            _ => sandbox("pending", ASKED, None),
        }
    }

    /// Where it would be asked about next, it breaks the connection: its outcome stays unknown until it says more.
    pub fn breaks_when_asked(self, server: &Server) {
        if self == Self::Sandbox {
            server.script(&self.query().unwrap(), [Reply::Reset]);
        }
    }

    /// A start is answered when told.
    pub fn held(self, server: &Server) -> Arc<Notify> {
        let go = Arc::new(Notify::new());
        server.script(&self.start().unwrap(), [Reply::Held(go.clone(), self.start_answer()), ok(self.start_answer())]);
        go
    }

    /// From now on the provider says that it has collected each of these (receipt, minor units), and took some of it away again.
    /// The receipt of what has one for each payment only is that one.
    pub fn has(self, server: &Server, receipts: &[(&str, i64)], taken_back: i64) {
        let minor = receipts[0].1;
        match self {
            Self::Sandbox => {
                let taken = (taken_back > 0).then_some(taken_back);
                server.script(&self.query().unwrap(), [ok(sandbox("captured", minor, taken))]);
            }
            Self::Stk | Self::Paybill => {
                let account = self.account();
                let mut rows: Vec<Row<'_>> =
                    receipts.iter().map(|(receipt, minor)| (*receipt, account.as_str(), *minor, false)).collect();
                if taken_back > 0 {
                    rows.push(("REV1", &account, taken_back, true));
                }
                server.script(QUERY, [ok(pushed_end("0"))]);
                server.script(PULL, [ok(statement(&rows))]);
            }
            Self::Stripe => {
                let refunded = server.seen("/v1/refunds").iter().any(|seen| seen.method == "POST");
                let refunded = if refunded { minor } else { 0 };
                server.script(INTENT, [ok(intent("succeeded", minor, refunded, taken_back > 0))]);
                let dispute = json!({ "id": "dp_1", "amount": taken_back, "currency": "kes", "status": "needs_response",
                    "balance_transactions": [{ "amount": -taken_back }] });
                server.script("/v1/disputes", [ok(list(json!([dispute])))]);
            }
            Self::Manual => panic!("a cashier says it"),
        }
    }

    /// From now on it says that nothing was collected, and never will be.
    pub fn declines(self, server: &Server) {
        match self {
            Self::Sandbox => server.script(&self.query().unwrap(), [ok(sandbox("declined", ASKED, None))]),
            Self::Stk => server.script(QUERY, [ok(pushed_end("1032"))]),
            other => panic!("{other:?} declines nothing"),
        }
    }

    /// It will take refunds in. The M-Pesa ones are pending until its callback.
    pub fn refunds(self, server: &Server, refund_id: &str, minor: i64) {
        match self {
            Self::Sandbox => {
                let path = format!("/payments/{ORDER}/refunds/{}", refund_id.replace('/', "."));
                server.script(&path, [ok(json!({ "amount": crate::words::kes(minor), "status": "refunded" }))]);
            }
            Self::Stk | Self::Paybill => server.script(
                PAY_OUT,
                [ok(json!({ "ConversationID": "AG_1", "OriginatorConversationID": "x", "ResponseCode": "0" }))],
            ),
            Self::Stripe => {
                let made = stripe_refund(refund_id, minor);
                server.script("GET /v1/refunds", [ok(list(json!([]))), ok(list(json!([made])))]);
                server.script("POST /v1/refunds", [ok(stripe_refund(refund_id, minor))]);
            }
            Self::Manual => {}
        }
    }

    /// The account in M-Pesa's statement.
    fn account(self) -> String {
        let mark = if self == Self::Stk { "U" } else { "" };
        format!("{}{mark}", payments::account(ORDER))
    }

    /// Money in its statement that belongs to no order.
    pub fn has_strange_money(self, server: &Server) {
        let at_ms = coinless_station::service::now_ms();
        match self {
            Self::Sandbox => {
                let entry = json!({ "kind": "payment", "receipt": "R9", "payment_id": crate::NOBODYS, "refund_id": null,
                    "amount": "500.00", "currency": "KES", "at_ms": at_ms });
                server.script("/statement", [ok(json!([entry])), ok(json!([]))]);
            }
            Self::Stk => server.script(PULL, [ok(statement(&[("R9", "ZZZZZZZZZZU", ASKED, false)]))]),
            Self::Paybill => server.script(PULL, [ok(statement(&[("R9", "NOBODY", ASKED, false)]))]),
            Self::Stripe => {
                let source = json!({ "id": CHARGE, "object": "charge", "amount": ASKED, "currency": "kes",
                    "metadata": { "coinless_payment_id": crate::NOBODYS } });
                let moved = json!({ "id": "txn_1", "type": "charge", "amount": ASKED, "currency": "kes", "fee": 0,
                    "created": at_ms / 1000, "source": source });
                server.script("/v1/balance_transactions", [ok(list(json!([moved]))), ok(list(json!([])))]);
            }
            Self::Manual => {}
        }
    }
}

fn daraja(folder: &Path, url: &str) -> Arc<Daraja> {
    let secret = |name: &str| {
        let path = folder.join(name);
        std::fs::write(&path, format!("{name}-text\n")).unwrap();
        path
    };
    let config = DarajaConfig {
        url: url.to_owned(),
        short_code: "174379".to_owned(),
        consumer_key_file: secret("key"),
        consumer_secret_file: secret("secret"),
        passkey_file: Some(secret("passkey")),
        pull_transactions: true,
        pull_every_ms: 0,
        refunds: Some(DarajaRefunds {
            short_code: "600997".to_owned(),
            initiator: "testapi".to_owned(),
            security_credential_file: secret("credential"),
        }),
        timeout_ms: 1_000,
    };
    Daraja::open(&config).unwrap()
}

//! The sandbox payment provider: a server of its own that moves no money, and behaves well or badly on demand.
//!
//! Its payments and refunds are kept in a file, one JSON object a line, so that it remembers them when it is killed, as a
//! real provider would. `coinless_station::provider::sandbox` describes its calls.

use axum::extract::{Path as UrlPath, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use coinless_station::net::http_client;
use coinless_station::provider::sandbox::{SandboxEntry, SandboxPayment, SandboxRefund, SandboxRequest};
use coinless_station::records::to_hex;
use coinless_station::service::now_ms;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// How the sandbox behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// Answers that the payment is pending, collects, and calls back.
    #[default]
    Pay,
    /// Declines, and calls back.
    Decline,
    /// Collects, and calls back twice.
    Twice,
    /// Collects and calls back before it answers the request.
    Early,
    /// Collects, but answers neither the request nor calls back: only asking tells.
    Silent,
}

impl Behaviour {
    /// Every behaviour.
    pub const ALL: [Self; 5] = [Self::Pay, Self::Decline, Self::Twice, Self::Early, Self::Silent];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Decline => "decline",
            Self::Twice => "twice",
            Self::Early => "early",
            Self::Silent => "silent",
        }
    }
}

/// How one payment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Course {
    /// What the sandbox does.
    pub behaviour: Behaviour,
    /// How long the payment stays pending before.
    pub delay: Duration,
}

/// Says how a payment of this payer goes.
type Choose = Box<dyn Fn(Option<&str>) -> Course + Send + Sync>;

/// How long a callback is tried and a request is left without an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two tries of a callback.
const CALLBACK_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Payment {
    shown: SandboxPayment,
    callback_url: String,
    refunds: BTreeMap<String, String>,
    /// When it was collected, in milliseconds since 1970; 0 in lines of before times were kept.
    #[serde(default)]
    captured_ms: i64,
    /// When each refund was made.
    #[serde(default)]
    refunded_ms: BTreeMap<String, i64>,
    #[serde(default)]
    payer: Option<String>,
}

impl Payment {
    /// Its entries in the statement. Receipt numbers are ids: of the payment, and with the refund's own name after it.
    fn entries(&self) -> Vec<SandboxEntry> {
        let entry = |kind: &str, receipt: String, refund_id, amount: &str, at_ms| SandboxEntry {
            kind: kind.to_owned(),
            receipt,
            payment_id: Some(self.shown.id.clone()),
            refund_id,
            amount: amount.to_owned(),
            currency: self.shown.currency.clone(),
            at_ms,
        };
        if self.shown.status != "captured" {
            return Vec::new();
        }
        let payment = entry("payment", self.shown.id.clone(), None, &self.shown.amount, self.captured_ms);
        let refunds = self.refunds.iter().map(|(name, amount)| {
            let at_ms = self.refunded_ms.get(name).copied().unwrap_or(self.captured_ms);
            entry("refund", format!("{}-{name}", self.shown.id), Some(name.clone()), amount, at_ms)
        });
        std::iter::once(payment).chain(refunds).collect()
    }
}

/// The sandbox: its payments and where they are kept.
pub struct Sandbox {
    payments: Mutex<(BTreeMap<String, Payment>, File)>,
    key: Vec<u8>,
    choose: Choose,
    http: reqwest::Client,
}

impl Sandbox {
    /// Opens the sandbox whose payments are in the file `path`; callbacks are signed with `key`.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: &Path, key: &[u8], behaviour: Behaviour) -> io::Result<Arc<Self>> {
        Self::open_mixed(path, key, move |_| Course { behaviour, delay: Duration::ZERO })
    }

    /// The same with payments that go as `choose` says of their payers, always the same of one payer.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open_mixed(
        path: &Path,
        key: &[u8],
        choose: impl Fn(Option<&str>) -> Course + Send + Sync + 'static,
    ) -> io::Result<Arc<Self>> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut payments = BTreeMap::new();
        for line in BufReader::new(&file).lines() {
            // A line that was cut short is a payment that was never answered for.
            if let Ok(payment) = serde_json::from_str::<Payment>(&line?) {
                payments.insert(payment.shown.id.clone(), payment);
            }
        }
        // Ends a line that was cut short, so that the next one stands alone.
        file.write_all(b"\n")?;
        let http = http_client(PATIENCE).map_err(io::Error::other)?;
        let (payments, key, choose) = (Mutex::new((payments, file)), key.to_vec(), Box::new(choose));
        Ok(Arc::new(Self { payments, key, choose, http }))
    }

    /// Everything that was collected and given back.
    pub fn entries(&self) -> Vec<SandboxEntry> {
        self.locked(|payments| payments.values().flat_map(Payment::entries).collect())
    }

    /// Serves on `listener` until the process ends; payments that were pending go on.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let pending: Vec<_> = self.locked(|payments| {
            payments.values().filter(|payment| payment.shown.status == "pending").map(|p| p.shown.id.clone()).collect()
        });
        for id in pending {
            tokio::spawn(self.clone().settle(id));
        }
        let router = Router::new()
            .route("/payments/{id}", put(start).get(query))
            .route("/payments/{id}/refunds/{refund}", put(refund))
            .route("/statement", get(statement))
            .with_state(self);
        axum::serve(listener, router).await
    }

    /// Serves nothing but the statement, for who looks into the file of a sandbox that another process runs.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve_statement(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        axum::serve(listener, Router::new().route("/statement", get(statement)).with_state(self)).await
    }

    fn locked<T>(&self, look: impl FnOnce(&BTreeMap<String, Payment>) -> T) -> T {
        look(&self.payments.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Changes or makes a payment, durably; gives it as it is then.
    fn change(
        &self,
        id: &str,
        change: impl FnOnce(Option<&Payment>) -> Option<Payment>,
    ) -> io::Result<Option<Payment>> {
        let mut guard = self.payments.lock().unwrap_or_else(PoisonError::into_inner);
        let (payments, file) = &mut *guard;
        if let Some(changed) = change(payments.get(id)) {
            // Begun with a new line too: what a full disk cut short before stays alone.
            let mut line = b"\n".to_vec();
            line.extend(serde_json::to_vec(&changed)?);
            line.push(b'\n');
            file.write_all(&line)?;
            file.sync_data()?;
            payments.insert(id.to_owned(), changed);
        }
        Ok(payments.get(id).cloned())
    }

    /// Collects or declines a pending payment and calls back.
    async fn settle(self: Arc<Self>, id: String) {
        let Course { behaviour, delay } =
            self.locked(|payments| (self.choose)(payments.get(&id).and_then(|payment| payment.payer.as_deref())));
        tokio::time::sleep(delay).await;
        let status = if behaviour == Behaviour::Decline { "declined" } else { "captured" };
        let settled = self.change(&id, |payment| {
            let mut payment = payment.filter(|payment| payment.shown.status == "pending")?.clone();
            payment.shown.status = status.to_owned();
            payment.captured_ms = now_ms();
            Some(payment)
        });
        let Ok(Some(payment)) = settled else {
            tracing::error!("the sandbox cannot keep its payments");
            return;
        };
        let times = match behaviour {
            Behaviour::Silent => 0,
            Behaviour::Twice => 2,
            _ => 1,
        };
        for _ in 0..times {
            self.call_back(&payment).await;
        }
    }

    /// Calls back until it is answered with success or patience ends.
    async fn call_back(&self, payment: &Payment) {
        let Ok(body) = serde_json::to_vec(&payment.shown) else { return };
        let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(&self.key) else { return };
        mac.update(&body);
        let signature = to_hex(&mac.finalize().into_bytes());
        let attempts = PATIENCE.as_millis() / CALLBACK_PAUSE.as_millis();
        for _ in 0..attempts {
            let call = self.http.post(&payment.callback_url).header("X-Signature", &signature);
            let call = call.header("Content-Type", "application/json").body(body.clone());
            if call.send().await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(CALLBACK_PAUSE).await;
        }
        tracing::warn!("the sandbox gave up a callback");
    }
}

async fn start(
    State(sandbox): State<Arc<Sandbox>>,
    UrlPath(id): UrlPath<String>,
    Json(request): Json<SandboxRequest>,
) -> Result<(StatusCode, Json<SandboxPayment>), StatusCode> {
    let made = sandbox.change(&id, |known| {
        if known.is_some() {
            return None;
        }
        let (amount, currency) = (request.amount.clone(), request.currency.clone());
        let shown = SandboxPayment { id: id.clone(), status: "pending".to_owned(), amount, currency, taken_back: None };
        Some(Payment {
            shown,
            callback_url: request.callback_url.clone(),
            refunds: BTreeMap::new(),
            captured_ms: 0,
            refunded_ms: BTreeMap::new(),
            payer: request.payer.clone(),
        })
    });
    let payment = made.ok().flatten().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?.shown;
    if (&payment.amount, &payment.currency) != (&request.amount, &request.currency) {
        return Err(StatusCode::CONFLICT);
    }
    match (sandbox.choose)(request.payer.as_deref()).behaviour {
        Behaviour::Early => sandbox.clone().settle(id).await,
        Behaviour::Silent => {
            tokio::spawn(sandbox.clone().settle(id));
            tokio::time::sleep(PATIENCE).await;
        }
        Behaviour::Pay | Behaviour::Decline | Behaviour::Twice => {
            tokio::spawn(sandbox.clone().settle(id));
        }
    }
    // What was pending when it was asked for is answered so, even if it is settled by now.
    Ok((StatusCode::ACCEPTED, Json(payment)))
}

async fn query(
    State(sandbox): State<Arc<Sandbox>>,
    UrlPath(id): UrlPath<String>,
) -> Result<Json<SandboxPayment>, StatusCode> {
    sandbox.locked(|payments| payments.get(&id).map(|p| Json(p.shown.clone()))).ok_or(StatusCode::NOT_FOUND)
}

async fn refund(
    State(sandbox): State<Arc<Sandbox>>,
    UrlPath((id, refund)): UrlPath<(String, String)>,
    Json(request): Json<SandboxRefund>,
) -> Result<Json<SandboxRefund>, StatusCode> {
    let changed = sandbox.change(&id, |payment| {
        let mut payment = payment?.clone();
        let minor = |text: &str| text.replace('.', "").parse::<i64>().unwrap_or(i64::MAX / 4);
        let given: i64 = payment.refunds.values().map(|amount| minor(amount)).sum();
        let fits = payment.shown.status == "captured" && given + minor(&request.amount) <= minor(&payment.shown.amount);
        if !fits || payment.refunds.contains_key(&refund) {
            return None;
        }
        payment.refunds.insert(refund.clone(), request.amount.clone());
        payment.refunded_ms.insert(refund.clone(), now_ms());
        Some(payment)
    });
    let payment = changed.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?.ok_or(StatusCode::NOT_FOUND)?;
    let status = if payment.refunds.get(&refund) == Some(&request.amount) { "refunded" } else { "declined" };
    Ok(Json(SandboxRefund { amount: request.amount, status: status.to_owned() }))
}

/// The time that a statement covers, in milliseconds since 1970.
#[derive(Debug, Deserialize)]
struct Time {
    from_ms: i64,
    to_ms: i64,
}

async fn statement(State(sandbox): State<Arc<Sandbox>>, Query(time): Query<Time>) -> Json<Vec<SandboxEntry>> {
    let mut entries = sandbox.entries();
    entries.retain(|entry| (time.from_ms..time.to_ms).contains(&entry.at_ms));
    entries.sort_by(|a, b| (a.at_ms, &a.receipt).cmp(&(b.at_ms, &b.receipt)));
    Json(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_before_times_were_kept_still_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.jsonl");
        let old = r#"{"shown":{"id":"a","status":"captured","amount":"5.00","currency":"EUR"},"callback_url":"x","refunds":{"a.1":"2.00"}}"#;
        std::fs::write(&path, old).unwrap();
        let sandbox = Sandbox::open(&path, b"key", Behaviour::Pay).unwrap();
        let entries = sandbox.locked(|payments| payments["a"].entries());
        let shown: Vec<_> = entries.iter().map(|e| (e.kind.as_str(), e.receipt.as_str(), e.amount.as_str())).collect();
        assert_eq!(shown, [("payment", "a", "5.00"), ("refund", "a-a.1", "2.00")]);
    }
}

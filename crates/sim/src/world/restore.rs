//! Backups of the station, restores from them, and what its recovery is told.

use super::hub::{Event, Hub};
use super::provider::Status;
use super::station::PROVIDER;
use coinless_station::backup;
use coinless_station::provider::{EntryKind, StatementEntry, StatementError};
use coinless_station::recovery::{self, Found};
use coinless_station::store::SqliteTx;
use coinless_station::work::Work;

/// Longer than any call of a station that died is on its way.
const SETTLE_MS: i64 = 150_000;
/// One in so many things that people do is followed by a backup, or by the loss of the database.
const BACKUP_ONE_IN: u32 = 200;
const RESTORE_ONE_IN: u32 = 300;

impl Hub {
    /// What the operator of the station does, or what befalls him, at most `restores` times.
    pub fn operator(&mut self, restores: u32) {
        if self.station.up && self.random.u32(0..BACKUP_ONE_IN) == 0 {
            self.back_up();
        }
        let may = self.station.backup.is_some() && self.station.era < restores;
        if may && self.random.u32(0..RESTORE_ONE_IN) == 0 {
            self.restore();
        }
    }

    fn back_up(&mut self) {
        let mut file = Vec::new();
        let now_ms = self.wall_ms();
        match self.station.apply(|tx| backup::write(&mut Work::new(tx, now_ms), &mut file, &mut |_| ())) {
            Ok(summary) => self.tell(|| format!("a backup of {} rows", summary.rows)),
            Err(error) => self.fail(format!("no backup can be made: {error}")),
        }
        self.stats.count("backups");
        self.station.backup = Some(file);
    }

    fn restore(&mut self) {
        let Some(file) = self.station.backup.clone() else { return };
        self.count_recovered();
        let now_ms = self.wall_ms();
        let restored = SqliteTx::in_memory().map_err(backup::Error::from).and_then(|mut tx| {
            tx.apply(|tx| backup::restore(&mut Work::new(tx, now_ms), &mut &file[..], SETTLE_MS, &mut |_| ()))?;
            Ok(tx)
        });
        match restored {
            Ok(tx) => self.replace_database(tx),
            Err(error) => self.fail(format!("the backup cannot be restored: {error}")),
        }
        self.stats.count("restores");
        self.tell(|| "the database is lost, and restored from the backup".to_owned());
    }

    /// Counts what recoveries have done, as far as this database knows.
    pub fn count_recovered(&mut self) {
        let counted = [
            ("lost orders brought back", "SELECT count(*) FROM lost_payment WHERE state = 'arrived'"),
            (
                "refunds taken over",
                "SELECT count(*) FROM refund r JOIN lost_refund l ON l.order_id = r.order_id AND l.refund_id = r.refund_id
                 WHERE r.done_ms = r.due_ms",
            ),
            (
                "receipts from the gap",
                "SELECT count(*) FROM receipt r JOIN meter m ON m.meter_id = r.meter_id
                 WHERE r.credit_number BETWEEN m.gap_first AND m.gap_last AND NOT EXISTS
                     (SELECT 1 FROM token t WHERE t.meter_id = r.meter_id AND t.number = r.credit_number)",
            ),
        ];
        for (what, sql) in counted {
            let times = self.number(sql);
            self.stats.add(what, times.max(0).unsigned_abs());
        }
    }

    /// What the provider has collected and given back. Some providers keep only the account that the order has, and not its id.
    pub fn statement(&self) -> Vec<StatementEntry> {
        let at_ms = self.wall_ms();
        let payments = self.provider.payments.iter().filter_map(|(id, payment)| {
            let Status::Captured(amount) = payment.status else { return None };
            Some(StatementEntry {
                kind: EntryKind::Payment,
                receipt: id.clone(),
                payment_id: (!self.provider.names_accounts).then(|| id.clone()),
                refund_id: None,
                account: self.provider.names_accounts.then(|| payment.request.account.clone()),
                amount,
                currency: payment.request.currency,
                at_ms,
            })
        });
        let refunds = self.provider.refunds.iter().filter(|(_, refund)| refund.given).filter_map(|(id, refund)| {
            let payment = self.provider.payments.get(&refund.payment)?;
            Some(StatementEntry {
                kind: EntryKind::Refund,
                receipt: format!("refund-{id}"),
                payment_id: Some(refund.payment.clone()),
                refund_id: Some(id.clone()),
                account: None,
                amount: refund.amount,
                currency: payment.request.currency,
                at_ms,
            })
        });
        payments.chain(refunds).collect()
    }

    /// What a recovery finds.
    pub fn found(&self, statement: Result<Vec<StatementEntry>, StatementError>) -> Found {
        // The built-in sales system has nothing that the station does not have.
        Found { statements: vec![(PROVIDER.to_owned(), statement)], sales: Vec::new() }
    }

    /// Lets a recovery that is not done look into statements once more; says whether there is one.
    pub fn go_on_recovering(&mut self) -> bool {
        let recovers = self.read(recovery::since).is_ok_and(|since| since.is_some());
        if recovers {
            self.may_recover = true;
            let life = self.station.life;
            // Claims of what was left alone end meanwhile.
            self.after(SETTLE_MS.unsigned_abs(), Event::Look { life });
        }
        recovers
    }
}

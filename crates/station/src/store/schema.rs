//! The tables, as migrations that only go forward.
//!
//! Written in PostgreSQL's types; SQLite takes them through one type map and STRICT. Every primary key leads with what the
//! table is about, and every statement of a purchase names it.

/// Each entry is one migration; the database's version is the number of those that ran.
pub(super) const MIGRATIONS: [&[&str]; 14] = [
    FIRST, MONEY, CASH, CLAIMS, RECOVERY, WAITING, FORGOTTEN, TAKEN_BACK, TERMS, EPOCHS, REPORTS, REPLACED, INSTALLED,
    READERS,
];

/// One purchase.
const FIRST: &[&str] = &[
    // A meter, its credit register as far as it was signed, and the newest receipt known of it.
    "CREATE TABLE meter (
        meter_id TEXT PRIMARY KEY,
        public_key BYTEA NOT NULL,
        commodity BIGINT NOT NULL,
        customer TEXT,
        place TEXT,
        initial_units BIGINT NOT NULL,
        max_credit_units BIGINT NOT NULL,
        epoch BIGINT NOT NULL,
        last_number BIGINT NOT NULL,
        live_total BIGINT NOT NULL CHECK (live_total >= 0),
        reserved_units BIGINT NOT NULL CHECK (reserved_units >= 0),
        receipt_number BIGINT,
        receipt_credit BIGINT,
        receipt_total BIGINT,
        receipt_balance BIGINT,
        enrolled_ms BIGINT NOT NULL
    )",
    // What was signed, or will be, under a number. The payload is committed before it is signed.
    "CREATE TABLE token (
        meter_id TEXT NOT NULL,
        epoch BIGINT NOT NULL,
        number BIGINT NOT NULL,
        total BIGINT NOT NULL,
        refused_first BIGINT,
        refused_last BIGINT,
        payload BYTEA NOT NULL,
        bytes BYTEA,
        PRIMARY KEY (meter_id, epoch, number)
    )",
    // Which numbers count an order line: from first_number on, up to last_number if it was voided.
    "CREATE TABLE meter_line (
        meter_id TEXT NOT NULL,
        order_id TEXT NOT NULL,
        line BIGINT NOT NULL,
        units BIGINT NOT NULL,
        state TEXT NOT NULL,
        epoch BIGINT NOT NULL,
        first_number BIGINT NOT NULL,
        last_number BIGINT,
        PRIMARY KEY (meter_id, order_id, line)
    )",
    "CREATE INDEX meter_line_state ON meter_line (meter_id, state)",
    "CREATE TABLE receipt (
        meter_id TEXT NOT NULL,
        number BIGINT NOT NULL,
        credit_number BIGINT NOT NULL,
        total BIGINT NOT NULL,
        balance BIGINT,
        consumed BIGINT,
        decision TEXT NOT NULL,
        bytes BYTEA NOT NULL,
        received_ms BIGINT NOT NULL,
        PRIMARY KEY (meter_id, number)
    )",
    "CREATE TABLE orders (
        order_id TEXT PRIMARY KEY,
        request TEXT NOT NULL,
        currency TEXT NOT NULL,
        total BIGINT NOT NULL,
        payer TEXT,
        version BIGINT NOT NULL,
        quote_version BIGINT NOT NULL,
        expires_ms BIGINT NOT NULL,
        payment_state TEXT NOT NULL,
        payment_reason TEXT,
        captured BIGINT NOT NULL,
        refunding BIGINT NOT NULL,
        created_ms BIGINT NOT NULL,
        CHECK (refunding <= captured)
    )",
    "CREATE TABLE order_line (
        order_id TEXT NOT NULL,
        line BIGINT NOT NULL,
        meter_id TEXT NOT NULL,
        amount BIGINT NOT NULL,
        net BIGINT NOT NULL,
        tax BIGINT NOT NULL,
        units BIGINT NOT NULL,
        quote TEXT NOT NULL,
        state TEXT NOT NULL,
        immediate BIGINT NOT NULL,
        reason TEXT,
        PRIMARY KEY (order_id, line)
    )",
    // What is to be done next. A task is claimed by a process until a time, and done at least once.
    "CREATE TABLE outbox (
        subject TEXT NOT NULL,
        task TEXT NOT NULL,
        due_ms BIGINT NOT NULL,
        attempts BIGINT NOT NULL,
        claimed_until_ms BIGINT NOT NULL,
        PRIMARY KEY (subject, task)
    )",
    "CREATE INDEX outbox_due ON outbox (due_ms)",
    // Sales of the built-in sales system, by the id that the caller made.
    "CREATE TABLE sale (
        sale_id TEXT PRIMARY KEY,
        meter_id TEXT NOT NULL,
        amount BIGINT NOT NULL,
        units BIGINT NOT NULL,
        state TEXT NOT NULL
    )",
    "CREATE TABLE movement (
        order_id TEXT NOT NULL,
        cause TEXT NOT NULL,
        currency TEXT NOT NULL,
        at_ms BIGINT NOT NULL,
        PRIMARY KEY (order_id, cause)
    )",
    "CREATE TABLE entry (
        order_id TEXT NOT NULL,
        cause TEXT NOT NULL,
        account TEXT NOT NULL,
        amount BIGINT NOT NULL,
        PRIMARY KEY (order_id, cause, account)
    )",
    "CREATE TABLE account (
        account TEXT NOT NULL,
        currency TEXT NOT NULL,
        balance BIGINT NOT NULL,
        PRIMARY KEY (account, currency)
    )",
    // What a person must look at.
    "CREATE TABLE exception (
        subject TEXT NOT NULL,
        cause TEXT NOT NULL,
        detail TEXT NOT NULL,
        at_ms BIGINT NOT NULL,
        PRIMARY KEY (subject, cause)
    )",
];

/// Several utilities and providers, money with receipts of its own, hot accounts in parts.
const MONEY: &[&str] = &[
    // Empty: enrolled before there were several; it belongs to the only utility.
    "ALTER TABLE meter ADD COLUMN utility TEXT NOT NULL DEFAULT ''",
    // Not null while a restored station does not know yet what was sold since the backup.
    "ALTER TABLE meter ADD COLUMN recovering_since_ms BIGINT",
    // The numbers that may have been signed in the life that a restore forgot, until every meter's way out of them is known.
    "ALTER TABLE meter ADD COLUMN gap_first BIGINT",
    "ALTER TABLE meter ADD COLUMN gap_last BIGINT",
    "ALTER TABLE meter ADD COLUMN retired_ms BIGINT",
    "CREATE INDEX meter_recovering ON meter (recovering_since_ms)",
    // The range of a void that is pending: widened over a gap, narrowed by receipts.
    "ALTER TABLE meter_line ADD COLUMN refused_first BIGINT",
    "ALTER TABLE meter_line ADD COLUMN refused_last BIGINT",
    // Money that a provider's statement knows of an order that a restore forgot. It names the order's id, or its account.
    "CREATE TABLE lost_payment (
        order_id TEXT NOT NULL,
        receipt TEXT NOT NULL,
        provider TEXT NOT NULL,
        amount BIGINT NOT NULL,
        currency TEXT NOT NULL,
        state TEXT NOT NULL,
        PRIMARY KEY (order_id, receipt)
    )",
    "CREATE TABLE lost_refund (
        order_id TEXT NOT NULL,
        refund_id TEXT NOT NULL,
        amount BIGINT NOT NULL,
        PRIMARY KEY (order_id, refund_id)
    )",
    // Providers and utilities whose word a recovery does without, by the decision of a person.
    "CREATE TABLE recovery_waiver (
        name TEXT PRIMARY KEY,
        operator TEXT NOT NULL,
        at_ms BIGINT NOT NULL
    )",
    // SHA-256 of the request, which stays when the request is erased.
    "ALTER TABLE orders ADD COLUMN request_digest BYTEA",
    "ALTER TABLE orders ADD COLUMN provider TEXT NOT NULL DEFAULT 'sandbox'",
    // What a customer types who pays by himself.
    "ALTER TABLE orders ADD COLUMN account TEXT NOT NULL DEFAULT ''",
    // The provider's own id of the payment, and its first receipt for money.
    "ALTER TABLE orders ADD COLUMN payment_reference TEXT",
    "ALTER TABLE orders ADD COLUMN payment_receipt TEXT",
    "ALTER TABLE orders ADD COLUMN payment_instructions TEXT",
    // When a payment that may be asked for only once was asked for.
    "ALTER TABLE orders ADD COLUMN payment_sent_ms BIGINT",
    // What was taken away again, not by us.
    "ALTER TABLE orders ADD COLUMN taken_back BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE order_line ADD COLUMN utility TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE order_line ADD COLUMN commodity BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE order_line ADD COLUMN fee BIGINT NOT NULL DEFAULT 0",
    // Null: a sum of money was asked for.
    "ALTER TABLE order_line ADD COLUMN asked_units BIGINT",
    "ALTER TABLE order_line ADD COLUMN terms TEXT NOT NULL DEFAULT ''",
    // When the line was paid, and when the sale was first asked for.
    "ALTER TABLE order_line ADD COLUMN paid_ms BIGINT",
    "UPDATE order_line SET commodity = (SELECT m.commodity FROM meter m WHERE m.meter_id = order_line.meter_id)",
    "CREATE TABLE pay_account (
        account TEXT PRIMARY KEY,
        order_id TEXT NOT NULL
    )",
    // Money that a provider says it collected: its own receipt number says which.
    "CREATE TABLE money_receipt (
        provider TEXT NOT NULL,
        receipt TEXT NOT NULL,
        order_id TEXT NOT NULL,
        amount BIGINT NOT NULL,
        currency TEXT NOT NULL,
        at_ms BIGINT NOT NULL,
        PRIMARY KEY (provider, receipt)
    )",
    "CREATE TABLE refund (
        order_id TEXT NOT NULL,
        refund_id TEXT NOT NULL,
        line BIGINT,
        amount BIGINT NOT NULL,
        currency TEXT NOT NULL,
        receipt TEXT,
        state TEXT NOT NULL,
        due_ms BIGINT NOT NULL,
        PRIMARY KEY (order_id, refund_id)
    )",
    // What is not finished, for who looks for what is stuck.
    "CREATE INDEX order_line_state ON order_line (state, order_id)",
    "CREATE INDEX refund_state ON refund (state, refund_id)",
    "CREATE INDEX token_unsigned ON token (meter_id) WHERE bytes IS NULL",
    "CREATE INDEX orders_payment ON orders (payment_state, order_id)",
    // Movements may be about other things than orders: a day of a provider's statement, a manager's float.
    "ALTER TABLE movement RENAME COLUMN order_id TO subject",
    "ALTER TABLE entry RENAME COLUMN order_id TO subject",
    "ALTER TABLE movement ADD COLUMN event TEXT NOT NULL DEFAULT ''",
    // The cause of the movement, of the same subject, that this one corrects.
    "ALTER TABLE movement ADD COLUMN corrects TEXT",
    // Who did it, if a person did.
    "ALTER TABLE movement ADD COLUMN operator TEXT",
    "CREATE INDEX movement_at ON movement (at_ms)",
    "CREATE INDEX entry_account ON entry (account)",
    // Hot accounts have a part for each process, so that processes do not wait for each other.
    "CREATE TABLE balance (
        account TEXT NOT NULL,
        currency TEXT NOT NULL,
        part BIGINT NOT NULL,
        balance BIGINT NOT NULL,
        PRIMARY KEY (account, currency, part)
    )",
    "INSERT INTO balance (account, currency, part, balance) SELECT account, currency, 0, balance FROM account",
    "DROP TABLE account",
    "ALTER TABLE sale ADD COLUMN utility TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE sale ADD COLUMN at_ms BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE sale ADD COLUMN effect TEXT",
    "CREATE INDEX sale_at ON sale (utility, at_ms)",
    // What a meter bought from the built-in sales system: its blocks, its debt, its free allowance.
    "CREATE TABLE tariff_history (
        utility TEXT NOT NULL,
        meter_id TEXT NOT NULL,
        version BIGINT NOT NULL,
        history TEXT NOT NULL,
        PRIMARY KEY (utility, meter_id)
    )",
    // How a person saw to an exception.
    "ALTER TABLE exception ADD COLUMN amount TEXT",
    "ALTER TABLE exception ADD COLUMN resolved_ms BIGINT",
    "ALTER TABLE exception ADD COLUMN resolved_by TEXT",
    "ALTER TABLE exception ADD COLUMN resolution TEXT",
    "CREATE INDEX exception_open ON exception (cause) WHERE resolved_ms IS NULL",
    // What operators did that is not in the ledger: who, when, what kind, to which order or meter; never the data itself.
    "CREATE TABLE audit (
        subject TEXT NOT NULL,
        at_ms BIGINT NOT NULL,
        action TEXT NOT NULL,
        operator TEXT NOT NULL,
        PRIMARY KEY (subject, at_ms, action)
    )",
    // Who had a meter before, until when.
    "CREATE TABLE tenancy (
        meter_id TEXT NOT NULL,
        until_ms BIGINT NOT NULL,
        customer TEXT,
        place TEXT,
        PRIMARY KEY (meter_id, until_ms)
    )",
    // When the payer of an order was erased: its digest is from then on one of the request without payer.
    "ALTER TABLE orders ADD COLUMN erased_ms BIGINT",
    // When the provider confirmed a refund: what its statement is compared with.
    "ALTER TABLE refund ADD COLUMN done_ms BIGINT",
    "CREATE INDEX refund_done ON refund (done_ms)",
    "CREATE INDEX money_receipt_at ON money_receipt (provider, at_ms, receipt)",
    "CREATE INDEX money_receipt_order ON money_receipt (order_id)",
    // Until when the books were compared with those of a provider or a utility.
    "CREATE TABLE reconciled (
        source TEXT PRIMARY KEY,
        until_ms BIGINT NOT NULL
    )",
    // What a manager paid in advance. The secret that spends it is kept as its SHA-256.
    "CREATE TABLE float_account (
        manager TEXT NOT NULL,
        currency TEXT NOT NULL,
        secret_hash BYTEA NOT NULL,
        balance BIGINT NOT NULL CHECK (balance >= 0),
        opened_ms BIGINT NOT NULL,
        PRIMARY KEY (manager, currency)
    )",
];

/// Money that cashiers take in and hand out.
const CASH: &[&str] = &[
    // What a cashier marked as paid. An entry that corrects another one of the same order is its opposite.
    "CREATE TABLE cash (
        order_id TEXT NOT NULL,
        entry_id TEXT NOT NULL,
        cashier TEXT NOT NULL,
        kind TEXT NOT NULL,
        amount BIGINT NOT NULL,
        currency TEXT NOT NULL,
        note TEXT NOT NULL,
        corrects TEXT,
        at_ms BIGINT NOT NULL,
        PRIMARY KEY (order_id, entry_id)
    )",
    "CREATE INDEX cash_entry ON cash (entry_id)",
    "CREATE INDEX cash_cashier ON cash (cashier, at_ms)",
    "CREATE INDEX cash_at ON cash (at_ms)",
    // Refunds that a cashier handed out.
    "CREATE TABLE cash_out (
        order_id TEXT NOT NULL,
        refund_id TEXT NOT NULL,
        cashier TEXT NOT NULL,
        amount BIGINT NOT NULL,
        currency TEXT NOT NULL,
        at_ms BIGINT NOT NULL,
        PRIMARY KEY (order_id, refund_id)
    )",
    "CREATE INDEX cash_out_cashier ON cash_out (cashier, at_ms)",
    "CREATE INDEX cash_out_at ON cash_out (at_ms)",
];

/// Which process claimed a task.
const CLAIMS: &[&str] = &["ALTER TABLE outbox ADD COLUMN claimed_by TEXT NOT NULL DEFAULT ''"];

/// Restores from backups.
const RECOVERY: &[&str] = &[
    // The newest recovery: one row at most.
    "CREATE TABLE recovery (
        subject TEXT PRIMARY KEY,
        backup_ms BIGINT NOT NULL,
        begun_ms BIGINT NOT NULL,
        settled_ms BIGINT NOT NULL,
        ended_ms BIGINT
    )",
];

/// Since when a task is there, for who looks for what takes too long.
const WAITING: &[&str] =
    &["ALTER TABLE outbox ADD COLUMN queued_ms BIGINT NOT NULL DEFAULT 0", "UPDATE outbox SET queued_ms = due_ms"];

/// How recovery tells what a backup does not have.
const FORGOTTEN: &[&str] = &[
    // How many numbers a meter skips that a backup did not have.
    "ALTER TABLE recovery ADD COLUMN skipped_of_new BIGINT NOT NULL DEFAULT 0",
    // A provider's statement names the account of an order.
    "CREATE INDEX orders_account ON orders (account)",
];

/// Money that was taken away again, and refunds that are asked for again.
const TAKEN_BACK: &[&str] = &[
    // What of the refunds is not paid, since the payer has it: it was taken away, or went back in a way that will show as that.
    "ALTER TABLE orders ADD COLUMN set_off BIGINT NOT NULL DEFAULT 0 CHECK (set_off >= 0 AND set_off <= refunding)",
    // What of the money that was taken away a person said who bears it.
    "ALTER TABLE orders ADD COLUMN borne BIGINT NOT NULL DEFAULT 0 CHECK (borne >= 0 AND borne <= taken_back)",
    // How often a person had it asked for, and how often it came back after it was made.
    "ALTER TABLE refund ADD COLUMN attempt BIGINT NOT NULL DEFAULT 1",
    "ALTER TABLE refund ADD COLUMN returned BIGINT NOT NULL DEFAULT 0",
];

/// Registers other than credit.
const TERMS: &[&str] = &[
    // What was signed, or will be, under a number of a register: tariff, settings, keys, valve, or clock, whose number is the time.
    // The payload is committed before it is signed.
    "CREATE TABLE register_token (
        meter_id TEXT NOT NULL,
        epoch BIGINT NOT NULL,
        register TEXT NOT NULL,
        number BIGINT NOT NULL,
        content BYTEA NOT NULL,
        with_credit BIGINT NOT NULL,
        operator TEXT NOT NULL,
        reason TEXT NOT NULL,
        made_ms BIGINT NOT NULL,
        payload BYTEA NOT NULL,
        bytes BYTEA,
        state TEXT NOT NULL,
        PRIMARY KEY (meter_id, epoch, register, number)
    )",
    "CREATE INDEX register_token_unsigned ON register_token (meter_id) WHERE bytes IS NULL",
    // The last numbers used in the meter's key epoch.
    "ALTER TABLE meter ADD COLUMN tariff_number BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE meter ADD COLUMN settings_number BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE meter ADD COLUMN keys_number BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE meter ADD COLUMN valve_number BIGINT NOT NULL DEFAULT 0",
    // What every credit token asks for, until a receipt shows that the meter has it.
    "ALTER TABLE meter ADD COLUMN needs_tariff BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE meter ADD COLUMN needs_settings BIGINT NOT NULL DEFAULT 0",
    // The rest of what the newest receipt says.
    "ALTER TABLE meter ADD COLUMN receipt_epoch BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE meter ADD COLUMN receipt_tariff BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE meter ADD COLUMN receipt_settings BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE meter ADD COLUMN receipt_keys BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE meter ADD COLUMN receipt_flags BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE meter ADD COLUMN receipt_clock BIGINT",
    // Null: credit counts what the meter measures. Else it counts minor units of this currency.
    "ALTER TABLE meter ADD COLUMN currency TEXT",
];

/// Key epochs that rise while credit is on its way.
const EPOCHS: &[&str] = &[
    // The key epoch of last_number: that of first_number is epoch, and every number of an epoch between counts the line.
    "ALTER TABLE meter_line ADD COLUMN last_epoch BIGINT",
    "UPDATE meter_line SET last_epoch = epoch WHERE last_number IS NOT NULL",
    // The number of the first receipt that showed the meter's key epoch; null until one does.
    "ALTER TABLE meter ADD COLUMN epoch_receipt BIGINT DEFAULT 0",
    // 1: a restore forgot numbers of an earlier key epoch, so the total at number 0 does not tell which lines it counts.
    "ALTER TABLE meter ADD COLUMN origin_unknown BIGINT NOT NULL DEFAULT 0",
];

/// Meters' reports.
const REPORTS: &[&str] = &[
    // The newest report of a meter, and how many came.
    "CREATE TABLE report (
        meter_id TEXT PRIMARY KEY,
        number BIGINT NOT NULL,
        metered BIGINT NOT NULL,
        valve BIGINT NOT NULL,
        emergency_taken BIGINT NOT NULL,
        clock_trusted BIGINT NOT NULL,
        debt_total BIGINT NOT NULL,
        debt_paid BIGINT NOT NULL,
        events TEXT NOT NULL,
        bytes BYTEA NOT NULL,
        received_ms BIGINT NOT NULL,
        taken BIGINT NOT NULL
    )",
];

/// Meters that are replaced or dead.
const REPLACED: &[&str] = &[
    // Not null: every token of the meter is a closing one, and what it has not used goes to this meter.
    "ALTER TABLE meter ADD COLUMN replaced_by TEXT",
    "CREATE INDEX meter_replaced_by ON meter (replaced_by)",
    // What a closing took out (thousandths of a credit unit), and what of it the new meter got (whole units); null until a receipt of the
    // old one shows that it is closed.
    "CREATE TABLE replacement (
        old_meter TEXT PRIMARY KEY,
        new_meter TEXT NOT NULL,
        operator TEXT NOT NULL,
        reason TEXT NOT NULL,
        begun_ms BIGINT NOT NULL,
        withdrawn BIGINT,
        moved_units BIGINT,
        ended_ms BIGINT
    )",
    // A dead meter: what one person proposed, and another confirmed.
    "CREATE TABLE retirement (
        meter_id TEXT PRIMARY KEY,
        proposed_by TEXT NOT NULL,
        reason TEXT NOT NULL,
        proposed_ms BIGINT NOT NULL,
        replace_by TEXT,
        receipt_number BIGINT,
        on_its_way BIGINT NOT NULL,
        balance BIGINT NOT NULL,
        reasoning TEXT NOT NULL,
        confirmed_by TEXT,
        confirmed_ms BIGINT,
        moved_units BIGINT
    )",
];

/// Meters that a technician installs, and what lines of meters that count money need.
const INSTALLED: &[&str] = &[
    // What was put on a meter when it was installed (thousandths of a credit unit, and whole units), the numbers of its registers' tokens,
    // and the test token.
    "CREATE TABLE installation (
        meter_id TEXT PRIMARY KEY,
        operator TEXT NOT NULL,
        reason TEXT NOT NULL,
        installed_ms BIGINT NOT NULL,
        debt BIGINT NOT NULL,
        initial_units BIGINT NOT NULL,
        settings_number BIGINT,
        tariff_number BIGINT,
        credit_number BIGINT,
        test_epoch BIGINT NOT NULL,
        test_number BIGINT NOT NULL,
        proved_ms BIGINT
    )",
    // The number that a receipt must reach to prove an installation; null when there is nothing to prove any more.
    "ALTER TABLE meter ADD COLUMN unproved_epoch BIGINT",
    "ALTER TABLE meter ADD COLUMN unproved_number BIGINT",
    // 1: the units of the line are minor units of the order's currency.
    "ALTER TABLE order_line ADD COLUMN counts_money BIGINT NOT NULL DEFAULT 0",
];

/// Who may read a meter's readings, and what people report.
const READERS: &[&str] = &[
    // A phone that has typed the meter's code: SHA-256 of its secret, when the tenancy began in which it did (0: when the meter was
    // enrolled), and the first receipt of that tenancy.
    "CREATE TABLE reader (
        meter_id TEXT NOT NULL,
        secret_hash BYTEA NOT NULL,
        tenancy_ms BIGINT NOT NULL,
        since_receipt BIGINT NOT NULL,
        earned_ms BIGINT NOT NULL,
        PRIMARY KEY (meter_id, secret_hash)
    )",
    // Wrong codes for a meter, in the hour and in the day in which the last one came (numbered since 1970).
    "CREATE TABLE wrong_code (
        meter_id TEXT PRIMARY KEY,
        hour BIGINT NOT NULL,
        in_hour BIGINT NOT NULL,
        day BIGINT NOT NULL,
        in_day BIGINT NOT NULL
    )",
    // The key epoch and the last number used for the meter when the tenancy ended: a receipt beyond is of the next one.
    "ALTER TABLE tenancy ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE tenancy ADD COLUMN last_number BIGINT NOT NULL DEFAULT 0",
    "UPDATE tenancy SET epoch = COALESCE((SELECT m.epoch FROM meter m WHERE m.meter_id = tenancy.meter_id), 0)",
    "UPDATE tenancy SET last_number = COALESCE((SELECT m.last_number FROM meter m WHERE m.meter_id = tenancy.meter_id), 0)",
    // Null: the receipt came before these were kept. The clock may be null in later ones too.
    "ALTER TABLE receipt ADD COLUMN epoch BIGINT",
    "ALTER TABLE receipt ADD COLUMN clock BIGINT",
    // What people report: null where they named no order, no meter, no way to reach them.
    "CREATE TABLE problem (
        problem_id TEXT PRIMARY KEY,
        order_id TEXT,
        meter_id TEXT,
        text TEXT NOT NULL,
        contact TEXT,
        at_ms BIGINT NOT NULL,
        erased_ms BIGINT
    )",
    "CREATE INDEX problem_at ON problem (at_ms)",
    "CREATE INDEX problem_order ON problem (order_id)",
    "CREATE INDEX problem_meter ON problem (meter_id)",
];
